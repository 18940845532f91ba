# SPDX-License-Identifier: Apache-2.0
"""The search of the first registry API: substrings of names, in any case, page by page; pings without credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer

if TYPE_CHECKING:
    import httpx

    from conftest import StartServer

NAMES = ["a/one", "a/two", "b_1", "b__1", "library/one", "one", "onetwo"]


@pytest.fixture
def filled(start_server: StartServer) -> httpx.Client:
    """A registry that holds :data:`NAMES`, and one more repository to which only a blob was pushed."""
    http = start_server({"disk": {"fsync": False}}).client()
    made = images.image(layers=1)
    for name in NAMES:
        transfer.push(http, name, made, "1")
    transfer.push_blob(http, "one/blob-only", made.blobs[0])
    return http


def _found(http: httpx.Client, **parameters: str | int) -> list[str]:
    answer = http.get("/v1/search", params=parameters)
    assert answer.status_code == 200
    return [result["name"] for result in answer.json()["results"]]


@pytest.mark.parametrize("path", ["/_ping", "/v1/_ping"])
def test_pings(http: httpx.Client, path: str) -> None:
    """``true``, and the headers by which docker knows a registry of its own."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()) == (200, True)
    assert answer.headers["X-Docker-Registry-Version"].startswith("entrepot/")
    assert answer.headers["X-Docker-Registry-Standalone"] == "true"
    assert http.head(path).status_code == 200


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("", NAMES),
        ("one", ["a/one", "library/one", "one", "onetwo"]),
        ("ONE", ["a/one", "library/one", "one", "onetwo"]),
        ("a/", ["a/one", "a/two"]),
        ("/one", ["a/one", "library/one"]),
        ("b_1", ["b_1"]),
        ("_", ["b_1", "b__1"]),
        ("%", []),
        ("o%e", []),
        ("\\", []),
        ("'; DROP TABLE repositories; --", []),
        ("x" * 5000, []),
    ],
)
def test_terms(filled: httpx.Client, term: str, names: list[str]) -> None:
    """A term is found wherever it stands in a name; ``%``, ``_`` and backslashes are letters; an empty one finds all.
    A repository without a manifest is not there.
    """
    assert _found(filled, q=term) == names


def test_pages(filled: httpx.Client) -> None:
    """``n`` results a page, numbered from 1, with the totals; beyond the last page there is nothing."""
    document: dict[str, Any] = filled.get("/v1/search", params={"q": "", "n": 3, "page": 3}).json()
    results = document.pop("results")
    assert document == {"query": "", "num_results": 7, "num_pages": 3, "page": 3, "page_size": 3}
    assert [result["name"] for result in results] == NAMES[6:]
    assert results[0] | {"name": ""} == {
        "name": "",
        "description": "",
        "is_official": False,
        "is_automated": False,
        "is_trusted": False,
        "star_count": 0,
    }
    assert [name for page in (1, 2, 3, 4) for name in _found(filled, n=3, page=page)] == NAMES
    assert filled.get("/v1/search", params={"n": 1000}).json()["page_size"] == 100


@pytest.mark.parametrize("parameters", [{"n": "0"}, {"n": "-1"}, {"n": "x"}, {"page": "0"}, {"page": "1" * 40}])
def test_numbers_that_are_none(http: httpx.Client, parameters: dict[str, str]) -> None:
    """What is not a number from 1 gets 400 that repeats it."""
    answer = http.get("/v1/search", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "PAGINATION_NUMBER_INVALID"


def test_what_is_deleted_is_not_found(filled: httpx.Client) -> None:
    """Once the last manifest of a repository is gone a search shows it no more."""
    assert "b_1" in _found(filled, q="b_1")
    digest = filled.head("/v2/b_1/manifests/1").headers["Docker-Content-Digest"]
    assert filled.delete(f"/v2/b_1/manifests/{digest}").status_code == 202
    assert _found(filled, q="b_1") == []


@pytest.mark.parametrize("path", ["/v1/repositories/x/images", "/v1/", "/v1/users/"])
def test_the_rest_of_the_first_api(http: httpx.Client, path: str) -> None:
    """Nothing else of it is served, and the answer says so."""
    answer = http.get(path)
    assert answer.status_code == 404
    assert "search" in answer.text
