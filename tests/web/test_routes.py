# SPDX-License-Identifier: Apache-2.0
"""Which resource a path names, read from its end, since names hold slashes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.oci.errors import RouteUnknown
from entrepot.web.v2.routes import Kind, Route, find_route

DIGEST = "sha256:" + "0" * 64
UPLOAD = "0190c6d4-3c3f-4d7e-9e2a-0123456789ab"
WORDS = ["blobs", "manifests", "uploads", "tags", "list", "referrers", "_catalog", "v2", "a"]
NAMES = ["a", "a/b", "blobs", "blobs/uploads", "manifests", "a/manifests/b", "tags/list", "uploads", "referrers", "v2"]

RESOURCES: dict[Kind, tuple[str, str]] = {
    "tags": ("/tags/list", ""),
    "manifests": ("/manifests/latest", "latest"),
    "blobs": (f"/blobs/{DIGEST}", DIGEST),
    "uploads": ("/blobs/uploads/", ""),
    "upload": (f"/blobs/uploads/{UPLOAD}", UPLOAD),
    "referrers": (f"/referrers/{DIGEST}", DIGEST),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", RESOURCES)
def test_names_that_hold_our_words(kind: Kind, name: str) -> None:
    """A resource is found whatever words of the API its repository's name holds."""
    path, tail = RESOURCES[kind]
    assert find_route(f"/v2/{name}{path}") == Route(kind, name, tail)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("/".join), st.sampled_from(sorted(RESOURCES)))
def test_any_name_of_our_words(name: str, kind: Kind) -> None:
    """Every name made of the API's own words has every resource."""
    path, tail = RESOURCES[kind]
    assert find_route(f"/v2/{name}{path}") == Route(kind, name, tail)


@pytest.mark.parametrize("tag", ["uploads", "list", "manifests", "blobs", "tags", "_catalog"])
def test_tags_that_are_our_words(tag: str) -> None:
    """A tag may be a word of the API."""
    for name in NAMES:
        assert find_route(f"/v2/{name}/manifests/{tag}") == Route("manifests", name, tag)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2", Route("base")),
        ("/v2/", Route("base")),
        ("/v2/_catalog", Route("catalog")),
        ("/v2/_catalog/", Route("catalog")),
        ("/v2/a/tags/list/", Route("tags", "a")),
        ("/v2/a/blobs/uploads", Route("uploads", "a")),
        ("/v2/a/manifests/", Route("manifests", "a", "")),
        ("/v2/a/blobs/", Route("blobs", "a", "")),
        ("/v2//manifests/x", Route("manifests", "", "x")),
        ("/v2/manifests/x", Route("manifests", "", "x")),
        ("/v2//a/manifests/x", Route("manifests", "/a", "x")),
        ("/v2/../../etc/manifests/passwd", Route("manifests", "../../etc", "passwd")),
        ("/v2/a/blobs/uploads/x", Route("upload", "a", "x")),
    ],
)
def test_slashes(path: str, route: Route) -> None:
    """A slash behind a list is tolerated; what is odd reaches the check of names as the client wrote it."""
    assert find_route(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "/v2/a",
        "/v2/a/",
        "/v2/a/tags",
        "/v2/a/tags/list/x",
        "/v2/a/blob/x",
        "/v2/a/manifests/x/",
        "/v2//",
        "/v2/a/b/c/d",
    ],
)
def test_no_endpoint(path: str) -> None:
    """What is no endpoint is 404 with the path."""
    with pytest.raises(RouteUnknown, match=path) as caught:
        find_route(path)
    assert caught.value.status == 404


@settings(deadline=None)
@given(st.text(alphabet="/abmlosnifet_v2.%:\n\x00", max_size=60))
def test_any_path(tail: str) -> None:
    """Any path is a route or 404, nothing else, and a detail of bounded length."""
    try:
        find_route(f"/v2/{tail}")
    except RouteUnknown as error:
        detail = str(error.detail)
    else:
        detail = ""
    assert len(detail) < 500
