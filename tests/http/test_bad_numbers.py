# SPDX-License-Identifier: Apache-2.0
"""Numbers of entries that are none, over a repository of 10,000 tags; and queries that are absurd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.wire import ask, request

if TYPE_CHECKING:
    import httpx

    from support.server import Server

pytestmark = pytest.mark.xdist_group("numbers")

TAGS = sorted(f"v{number}" for number in range(10_000))
LIST = "/v2/many/tags/list"
CONFIG = {"disk": {"fsync": False}}
"""10,000 tags are 20,000 links, none of which has to survive a power cut here."""


@pytest.fixture(scope="module")
def many(registry: Server) -> Server:
    """`registry` with 10,000 tags in the repository `many`, pushed 100 with each manifest."""
    http = registry.client()
    made = transfer.push(http, "many", images.image(layers=1))
    headers = {"Content-Type": made.media_type}
    for start in range(0, len(TAGS), 100):
        params = {"tag": TAGS[start : start + 100]}
        answer = http.put(f"/v2/many/manifests/{made.digest}", content=made.data, headers=headers, params=params)
        assert answer.status_code == 201
    return registry


BAD = ["-1", "x", "1x", "1.5", "1e3", "0x10", "+1", "%201", "1%20", "%00", "%D9%A3", "9" * 19, "9" * 5000, "-0", "true"]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("path", [LIST, "/v2/_catalog"])
@pytest.mark.parametrize("number", BAD)
def test_what_is_no_number_is_refused(registry: Server, path: str, number: str) -> None:
    """``n`` that is no number of entries gets 400 PAGINATION_NUMBER_INVALID with what was sent."""
    reply = ask(registry.host, request("GET", f"{path}?n={number}"))
    assert (reply.status, reply.code) == (400, "PAGINATION_NUMBER_INVALID")
    assert set(reply.errors[0]["detail"]) == {"n"}
    assert len(reply.body) < 300


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("number", [1001, 10**9, 10**18 - 1])
def test_a_huge_number_gives_the_largest_page(http: httpx.Client, number: int) -> None:
    """``n`` beyond the cap gives as many tags as the cap allows and a Link to the next; none is lost on the way."""
    first = http.get(LIST, params={"n": number})
    assert first.status_code == 200
    assert first.json()["tags"] == TAGS[:1000]
    assert first.headers["Link"] == f'<{LIST}?last={TAGS[999]}&n=1000>; rel="next"'


@pytest.mark.usefixtures("many")
def test_a_catalog_beyond_its_cap_is_refused(http: httpx.Client) -> None:
    """The catalog refuses what is over ``catalog.maxentries`` and names the cap, as distribution does."""
    assert http.get("/v2/_catalog", params={"n": 1000}).status_code == 200
    for number in (1001, 10**9):
        answer = http.get("/v2/_catalog", params={"n": number})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["detail"] == {"n": number, "maximum": 1000}


@pytest.mark.usefixtures("many")
def test_no_number_gives_all(http: httpx.Client) -> None:
    """Without ``n`` all 10,000 tags come in one answer, in bytewise order, with no Link."""
    answer = http.get(LIST)
    assert answer.json() == {"name": "many", "tags": TAGS}
    assert "Link" not in answer.headers


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("path", [LIST, "/v2/_catalog"])
def test_zero_gives_none(http: httpx.Client, path: str) -> None:
    """``n=0`` gives an empty list and no Link that would lead nowhere."""
    answer = http.get(path, params={"n": 0})
    assert answer.status_code == 200
    assert [] in answer.json().values()
    assert "Link" not in answer.headers


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("", TAGS[:3]),
        ("v9998", ["v9999"]),
        ("v9999", []),
        ("zzz", []),
        ("v", TAGS[:3]),
        ("v0", TAGS[1:4]),
        ("v0\0", TAGS[1:4]),
        ("../..", TAGS[:3]),
        ("A' OR '1'='1", TAGS[:3]),
        ("%", TAGS[:3]),
        ("\x00", TAGS[:3]),
        ("v500", ["v5000", "v5001", "v5002"]),
        ("ä" * 5000, []),
    ],
)
def test_last_is_any_text(http: httpx.Client, last: str, expected: list[str]) -> None:
    """``last`` need not be a tag, nor exist: the page holds what comes behind it in bytewise order."""
    answer = http.get(LIST, params={"n": 3, "last": last})
    assert answer.status_code == 200
    assert answer.json()["tags"] == expected


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("raw", ["%ff%fe", "%ed%a0%80", "%c0%ae", "%zz", "%"])
def test_last_that_is_no_text(registry: Server, raw: str) -> None:
    """``last`` that is not UTF-8 is taken for some text or refused; it is no fault."""
    for path in (LIST, "/v2/_catalog", f"/v2/many/referrers/{images.digest_of(b'')}"):
        assert ask(registry.host, request("GET", f"{path}?last={raw}")).status in {200, 400}


@pytest.mark.parametrize("path", ["/v2/_catalog", LIST, f"/v2/many/referrers/{images.digest_of(b'')}"])
@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("a=1&" * 999, {200}),
        ("&" * 1001, {400}),
        ("a=1&" * 10_000, {400}),
        ("a=1&" * 50_000, {414}),
        ("=" * 9999, {200}),
    ],
)
def test_an_absurd_query(many: Server, path: str, query: str, statuses: set[int]) -> None:
    """Up to 1,000 parameters are taken; more get 400, and what is longer than the server reads 414."""
    assert ask(many.host, request("GET", f"{path}?{query}")).status in statuses


@pytest.mark.usefixtures("many")
def test_more_tags_than_a_push_takes(http: httpx.Client, repository: str) -> None:
    """100 tags with one manifest are taken; 101 get 414 with a JSON error and point nowhere."""
    made = transfer.push(http, repository, images.image(layers=1))
    headers = {"Content-Type": made.media_type}
    target = f"/v2/{repository}/manifests/{made.digest}"
    refused = http.put(target, content=made.data, headers=headers, params={"tag": TAGS[:101]})
    assert refused.status_code == 414
    assert refused.json()["errors"][0]["code"] == "TAG_INVALID"
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == []
    taken = http.put(target, content=made.data, headers=headers, params={"tag": TAGS[:100]})
    assert taken.status_code == 201
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == TAGS[:100]
