"""An answer that is a file."""

from collections.abc import Mapping
from typing import IO, Any

from litestar.response.base import ASGIResponse
from litestar.types import Message, Receive, Scope, Send
from typing_extensions import override

CHUNK_BYTES = 256 * 1024


class Download(ASGIResponse):
    """Sends a temporary file from its beginning, and closes it."""

    def __init__(
        self, file: IO[bytes], *, name: str, media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._file = file
        self._headers = {
            "content-type": media_type,
            "content-length": str(file.seek(0, 2)),
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
            **headers,
        }

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        with self._file as file:
            await send(start)
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                await send(_body(chunk, more=True))
            await send(_body(b"", more=False))


def _body(chunk: bytes, *, more: bool) -> Any:
    return {"type": "http.response.body", "body": chunk, "more_body": more}
