# SPDX-License-Identifier: Apache-2.0
"""The registry's JSON API, asked as a program would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

ROOT = "/api/v1"


def place(repository: str, *rest: str) -> str:
    """The path of a repository, or of something of it."""
    path = f"{ROOT}/repositories/{repository}"
    return "/".join([path, "-", *rest]) if rest else path


def look(client: httpx.Client, repository: str, *rest: str, **query: str | int) -> Any:
    """What GET answers, which must be 200."""
    answer = client.get(place(repository, *rest), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def delete(client: httpx.Client, repository: str, *rest: str, **query: str) -> Any:
    """Delete, which must be done."""
    answer = client.delete(place(repository, *rest), params=query)
    assert answer.status_code == 202, answer.text
    return answer.json()


def restore(client: httpx.Client, repository: str, **wish: str) -> Any:
    """What was restored."""
    answer = client.post(place(repository, "restore"), json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()["restored"]


def refused(answer: httpx.Response, status: int, *codes: str) -> Any:
    """The details of a refusal, which has this status and these codes."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    errors = answer.json()["errors"]
    assert [error["code"] for error in errors] == [*codes]
    return [error.get("detail") for error in errors]


def walk(client: httpx.Client, path: str, key: str, cursor: str, size: int) -> list[Any]:
    """All entries of a list, page by page."""
    entries: list[Any] = []
    query: dict[str, str | int] = {"n": size}
    while True:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        entries += page[key]
        if page["next"] is None:
            return entries
        assert len(page[key]) == size
        query[cursor] = page["next"]
