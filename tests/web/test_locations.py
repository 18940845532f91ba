# SPDX-License-Identifier: Apache-2.0
"""How ``Location`` and ``Link`` are written (compat.md 3.9): a path, unless http.host says otherwise."""

from uuid import UUID

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.web.locations import Locations
from entrepot.web.settings import HttpSettings, TcpAddress

ADDRESS = TcpAddress("", 5000)
NAME = RepositoryName("library/box")
DIGEST = Digest.of(b"")
UPLOAD = UUID("0190c6d4-3c3f-4d7e-9e2a-0123456789ab")


def locations(host: str | None = None, prefix: str = "/") -> Locations:
    """As configured."""
    return Locations(HttpSettings(ADDRESS, prefix=prefix, host=host))


@pytest.mark.parametrize(
    ("host", "prefix", "base"),
    [
        (None, "/", ""),
        (None, "/registry/", "/registry"),
        ("https://registry.example", "/", "https://registry.example"),
        ("https://registry.example:8443", "/", "https://registry.example:8443"),
        ("https://registry.example/", "/", "https://registry.example"),
        ("https://registry.example/base/", "/", "https://registry.example/base"),
        ("https://registry.example/base", "/", "https://registry.example"),
        ("https://registry.example", "/registry/", "https://registry.example"),
        ("registry.example", "/", ""),
        ("registry.example:5000", "/registry/", "/registry"),
        ("//registry.example", "/", ""),
    ],
)
def test_base(host: str | None, prefix: str, base: str) -> None:
    """http.host wins over all, its path counts with a slash behind it, without a scheme it is ignored."""
    written = locations(host, prefix)
    assert written.upload(NAME, UPLOAD) == f"{base}/v2/library/box/blobs/uploads/{UPLOAD}"
    assert written.blob(NAME, DIGEST) == f"{base}/v2/library/box/blobs/{DIGEST}"
    assert written.manifest(NAME, DIGEST) == f"{base}/v2/library/box/manifests/{DIGEST}"


@pytest.mark.parametrize("host", [None, "https://registry.example/base/"])
@pytest.mark.parametrize(("prefix", "base"), [("/", ""), ("/registry/", "/registry")])
def test_links_are_paths(host: str | None, prefix: str, base: str) -> None:
    """Link headers are paths with http.prefix, their parameters sorted and encoded."""
    written = locations(host, prefix)
    link = written.next_page("/v2/_catalog", n=2, last="a/b&c d")
    assert link == f'<{base}/v2/_catalog?last=a%2Fb%26c+d&n=2>; rel="next"'
    assert written.next_page(f"/v2/{NAME}/referrers/{DIGEST}", last=DIGEST).startswith(
        f"<{base}/v2/library/box/referrers/{DIGEST}?last=sha256%3A"
    )
