"""Asking a language model over the chat completions of OpenAI, which many servers speak.

What they agree on is `POST {url}/chat/completions` with `model` and `messages`, and the answer in
`choices[0].message.content`. `response_format` with a JSON schema is asked for, and left out where
a server says 400 or 422 to it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import msgspec

ATTEMPTS = 3
READ_BYTES = 1_000_000
MAX_NAME = 100
_FIRST_PAUSE_S = 1.0
_BUSY = 429
_NO_SCHEMA = (400, 422)


class NoAnswer(Exception):
    """The model did not answer; the message says why, without any secret."""


@dataclass(frozen=True, kw_only=True)
class ModelAnswer:
    """What it said, and which model says that it was."""

    content: str
    model: str


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str = ""


class LanguageModel:
    """`url` is the base of the API, such as https://api.openai.com/v1."""

    def __init__(self, url: str, name: str, key: str | None, timeout_s: float) -> None:
        self._key, self._timeout_s = key, timeout_s
        self._url = url.rstrip("/") + "/chat/completions"
        self._name = name
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(timeout=timeout_s, headers=headers)

    async def ask(
        self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]
    ) -> ModelAnswer:
        """The answer, after some attempts where the server is away or busy. Raises NoAnswer."""
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        body: dict[str, Any] = {"model": self._name, "messages": messages, "response_format": form}
        why = ""
        for attempt in range(ATTEMPTS):
            try:
                answer, content = await self._posted(body)
            except (httpx.RequestError, TimeoutError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return _understood(content, self._name)
                why = f"it answered {answer.status_code}: {self._excerpt(content)}"
                if answer.status_code in _NO_SCHEMA and "response_format" in body:
                    del body["response_format"]
                elif answer.status_code != _BUSY and answer.status_code < 500:
                    raise NoAnswer(f"The language model refused: {why}")
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        raise NoAnswer(f"The language model does not answer: {why}")

    async def close(self) -> None:
        await self._http.aclose()

    def _excerpt(self, content: bytes) -> str:
        """What a server says of an error, in a line; some say the key that they got."""
        text = content.decode(errors="replace")
        if self._key:
            text = text.replace(self._key, "***")
        return "".join(one for one in " ".join(text.split()) if one.isprintable())[:300]

    async def _posted(self, body: Mapping[str, Any]) -> tuple[httpx.Response, bytes]:
        async with (
            asyncio.timeout(self._timeout_s),
            self._http.stream("POST", self._url, json=body) as answer,
        ):
            content = b""
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > READ_BYTES:
                    raise NoAnswer("The language model's answer is larger than 1 MB.")
            return answer, content


def _understood(content: bytes, name: str) -> ModelAnswer:
    try:
        completion = msgspec.json.decode(content, type=_Completion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer(f"The server of the language model speaks otherwise: {error}") from error
    if not completion.choices:
        raise NoAnswer("The language model said nothing.")
    model = "".join(one for one in completion.model if one.isprintable())[:MAX_NAME]
    return ModelAnswer(content=completion.choices[0].message.content, model=model or name)
