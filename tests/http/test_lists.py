# SPDX-License-Identifier: Apache-2.0
"""Lists: tags, catalog, referrers, page by page to the end."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from conftest import StartServer

CONFIG = {"disk": {"fsync": False}, "tags": {"maxtags": 30}, "catalog": {"maxentries": 12}}


def _pages(http: httpx.Client, url: str) -> Iterator[dict[str, Any]]:
    """Every page, following Link until there is none."""
    while url:
        answer = http.get(url)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        link = answer.headers.get("Link", "")
        match = re.fullmatch(r'<(/[^>]+)>; rel="next"', link)
        assert match or not link
        url = match[1] if match else ""


def _tag(http: httpx.Client, repository: str, tags: list[str]) -> images.Manifest:
    made = transfer.push(http, repository, images.image(layers=1))
    headers = {"Content-Type": made.media_type}
    target = f"/v2/{repository}/manifests/{made.digest}"
    assert http.put(target, content=made.data, headers=headers, params={"tag": tags}).status_code == 201
    return made


@pytest.mark.parametrize("size", [1, 7, 30, 44, 45, 46, 1000])
def test_tags_page_by_page(http: httpx.Client, repository: str, size: int) -> None:
    """Following Link gives every tag once, in bytewise order, in pages of n or of the cap, the last without a Link."""
    tags = sorted(f"{letter}{number}" for letter in "Aa_" for number in range(15))
    _tag(http, repository, tags)
    pages = list(_pages(http, f"/v2/{repository}/tags/list?n={size}"))
    assert [tag for page in pages for tag in page["tags"]] == tags
    assert {page["name"] for page in pages} == {repository}
    step = min(size, 30)
    assert [len(page["tags"]) for page in pages] == [len(tags[start : start + step]) for start in range(0, 45, step)]


def test_tags_behind_a_last(http: httpx.Client, repository: str) -> None:
    """``last`` alone gives all behind it; with n a page; a tag deleted meanwhile loses no other."""
    _tag(http, repository, ["a", "b", "c", "d", "e"])
    url = f"/v2/{repository}/tags/list"
    assert http.get(url, params={"last": "b"}).json()["tags"] == ["c", "d", "e"]
    first = http.get(url, params={"n": 2})
    assert http.delete(f"/v2/{repository}/manifests/b").status_code == 202
    following = re.findall(r"<(.*)>", first.headers["Link"])[0]
    assert http.get(following).json()["tags"] == ["c", "d"]


def test_tags_of_nothing(http: httpx.Client, repository: str) -> None:
    """An unknown repository gets 404 NAME_UNKNOWN with its name; one without tags an empty list, never null."""
    answer = http.get(f"/v2/{repository}/tags/list")
    assert answer.status_code == 404
    [error] = answer.json()["errors"]
    assert (error["code"], error["detail"]) == ("NAME_UNKNOWN", {"name": repository})
    transfer.push(http, repository, images.image(layers=1))
    assert http.get(f"/v2/{repository}/tags/list").json() == {"name": repository, "tags": []}


def test_the_catalog(start_server: StartServer) -> None:
    """Empty it is an empty list; filled, following Link gives every repository once in bytewise order, those that
    hold manifests; n over ``catalog.maxentries`` is refused, and without n no page is longer than it.
    """
    http = start_server(CONFIG).client()
    assert http.get("/v2/_catalog").json() == {"repositories": []}
    names = sorted([*(f"r{number}" for number in range(20)), "r1/nested", "a-b/c", "a/b/c", "z.z/y_y"])
    for name in names:
        transfer.push_manifest(http, name, images.index([]))
    transfer.push_blob(http, "only/blobs", images.blob())
    for query, step in (("", 12), ("?n=1", 1), ("?n=5", 5), ("?n=12", 12)):
        pages = list(_pages(http, f"/v2/_catalog{query}"))
        assert [name for page in pages for name in page["repositories"]] == names
        assert {len(page["repositories"]) for page in pages[:-1]} == {step}
    assert http.get("/v2/_catalog", params={"last": "r5"}).json()["repositories"] == ["r6", "r7", "r8", "r9", "z.z/y_y"]
    refused = http.get("/v2/_catalog", params={"n": 13})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["detail"] == {"n": 13, "maximum": 12}


def _referrers(http: httpx.Client, repository: str, subject: images.Content, **params: str) -> httpx.Response:
    answer = http.get(f"/v2/{repository}/referrers/{subject.digest}", params=params)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == images.OCI_INDEX
    document = answer.json()
    assert (document["schemaVersion"], document["mediaType"]) == (2, images.OCI_INDEX)
    return answer


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_referrers(http: httpx.Client, repository: str, algorithm: str) -> None:
    """Images, indexes and artifacts with the subject are listed with type, size, artifactType (of an image without one:
    its config's type) and annotations; those of other subjects are not; one that is deleted is listed no more.
    """
    subject = transfer.push(http, repository, images.image(layers=1, algorithm=algorithm), "1")
    assert _referrers(http, repository, subject).json()["manifests"] == []
    notes = {"org.example.note": "ä"}
    made = [
        images.artifact("application/vnd.example.a", subject=subject, annotations=notes),
        images.image(layers=1, subject=subject),
        images.index([], subject=subject, annotations=notes),
    ]
    for each in (*made, images.artifact(subject=made[0])):
        transfer.push(http, repository, each)
    expected = [
        made[0].descriptor(artifactType="application/vnd.example.a", annotations=notes),
        made[1].descriptor(artifactType=images.OCI_CONFIG),
        made[2].descriptor(annotations=notes),
    ]
    listed = _referrers(http, repository, subject)
    assert "OCI-Filters-Applied" not in listed.headers
    assert listed.json()["manifests"] == sorted(expected, key=itemgetter("digest"))
    assert http.delete(f"/v2/{repository}/manifests/{made[1].digest}").status_code == 202
    left = [each["digest"] for each in _referrers(http, repository, subject).json()["manifests"]]
    assert left == sorted(each.digest for each in (made[0], made[2]))


def test_referrers_of_one_type(http: httpx.Client, repository: str) -> None:
    """``artifactType`` filters, and OCI-Filters-Applied says so, also where nothing is left."""
    subject = images.image(layers=1)
    signature = transfer.push(http, repository, images.artifact("a/signature", subject=subject))
    transfer.push(http, repository, images.artifact("a/sbom", subject=subject))
    assert len(_referrers(http, repository, subject).json()["manifests"]) == 2
    filtered = _referrers(http, repository, subject, artifactType="a/signature")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [each["digest"] for each in filtered.json()["manifests"]] == [signature.digest]
    none = _referrers(http, repository, subject, artifactType="a/none")
    assert none.headers["OCI-Filters-Applied"] == "artifactType"
    assert none.json()["manifests"] == []


def test_referrers_page_by_page(http: httpx.Client, repository: str) -> None:
    """More referrers than a page holds come with a Link that keeps the filter; following it gives each once."""
    subject = images.image(layers=1)
    transfer.push_blob(http, repository, images.Content(b"{}", images.OCI_EMPTY))
    config = images.Content(b"{}", images.OCI_EMPTY).descriptor()
    pushed = set()
    for number in range(510):
        document = {"artifactType": "a/b+c", "config": config, "layers": []}
        made = images.manifest(document, subject=subject, annotations={"number": str(number)})
        transfer.push_manifest(http, repository, made)
        pushed.add(made.digest)
    for query in ("", "?artifactType=a/b%2Bc"):
        pages = list(_pages(http, f"/v2/{repository}/referrers/{subject.digest}{query}"))
        listed = [each["digest"] for page in pages for each in page["manifests"]]
        assert len(pages) > 1
        assert len(listed) == len(pushed)
        assert set(listed) == pushed


def test_large_referrers_come_in_small_pages(http: httpx.Client, repository: str) -> None:
    """Where annotations are large, a page has as many referrers as fit into 4 MiB, at least one; each comes once."""
    subject = images.image(layers=1)
    pushed = {}
    for number, size in enumerate([1_900_000] * 4 + [4_190_000] * 2 + [10] * 5):
        made = images.artifact("a/b", subject=subject, annotations={"note": f"{number}" + "a" * size})
        transfer.push(http, repository, made)
        pushed[made.digest] = len(made.data)
    pages = list(_pages(http, f"/v2/{repository}/referrers/{subject.digest}?artifactType=a/b"))
    listed = [each for page in pages for each in page["manifests"]]
    assert [each["digest"] for each in listed] == sorted(pushed)
    assert {each["digest"]: each["size"] for each in listed} == pushed
    assert len(pages) >= 4
    for page in pages:
        assert len(page["manifests"]) == 1 or sum(each["size"] for each in page["manifests"]) <= 4 * 1024 * 1024


def test_referrers_of_nothing(http: httpx.Client, repository: str) -> None:
    """An unknown digest, also in an unknown repository, gets an empty index with 200, as the specification has it."""
    assert _referrers(http, repository, images.blob()).json()["manifests"] == []
