# SPDX-License-Identifier: Apache-2.0
"""Every request that a registry answers, read from the tables that it dispatches by: none can be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.web.v2.api import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.web.api.operations import Operation

DIGEST = f"sha256:{'e' * 64}"
UPLOAD = "7c7a2b8e-6c47-4d0e-9d5e-4a1f3d6d2c11"

_V2 = {
    "base": "/v2/",
    "catalog": "/v2/_catalog",
    "tags": "/v2/{name}/tags/list",
    "manifests": "/v2/{name}/manifests/latest",
    "blobs": "/v2/{name}/blobs/{digest}",
    "uploads": "/v2/{name}/blobs/uploads/",
    "upload": "/v2/{name}/blobs/uploads/{upload}",
    "referrers": "/v2/{name}/referrers/{digest}",
}

_IN_PATH = {"tag": "latest", "digest": DIGEST}


@dataclass(frozen=True)
class Request:
    """One method of one address. ``kind``: ``v2``, ``v1`` or ``api``; ``free``: nobody is asked who they are."""

    kind: str
    method: str
    path: str
    free: bool = False


def list_requests(name: str, operations: Sequence[Operation]) -> Iterator[Request]:
    """All that needs credentials, and under ``/api/v1`` what does not, for the repository ``name``."""
    for kind, methods in METHODS.items():
        for method in methods:
            yield Request("v2", method, _V2[kind].format(name=name, digest=DIGEST, upload=UPLOAD))
    for method in ("GET", "HEAD"):
        yield Request("v1", method, "/v1/search?q=x")
    for operation in operations:
        path = f"/api/v1{operation.path}".replace("{name}", name)
        for word, value in _IN_PATH.items():
            path = path.replace(f"{{{word}}}", value)
        yield Request("api", operation.method, _fill(path), operation.needs is None)
        if operation.method == "GET":
            yield Request("api", "HEAD", _fill(path), operation.needs is None)


def _fill(path: str) -> str:
    """Names of users, roles and the like: any will do, since nobody gets so far."""
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}x{rest.partition('}')[2]}"
    return path
