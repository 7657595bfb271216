"""What an answer gives away."""

import httpx2 as httpx

from tests.laws.routes import Route

REMOVES_IF_THERE = {
    "removeProjectMember": 204,
    "removeProjectRepository": 204,
    "undependTask": 200,
}
"""Removing from a list of one's own what does not stand there changes nothing and is no error."""


def not_hidden(route: Route, path: str, answer: httpx.Response) -> list[str]:
    """What is wrong with an answer that should say 404."""
    if answer.status_code == 404:
        return []
    if answer.status_code == REMOVES_IF_THERE.get(route.operation_id or ""):
        return []
    return [f"{route.title} answers {told(answer)} for {path}"]


def outcome(answer: httpx.Response) -> tuple[int, str | None]:
    code = answer.json().get("code") if answer.status_code >= 400 else None
    return answer.status_code, code


def told(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:150] if answer.status_code >= 400 else ''}"


def leaks(answer: httpx.Response, texts: set[str]) -> list[str]:
    """Which of these texts an answer holds, or how it failed."""
    if answer.status_code >= 400 and answer.status_code not in {404, 422}:
        return [told(answer)]
    if answer.status_code >= 400:
        return []
    return sorted(text for text in texts if text in answer.text)
