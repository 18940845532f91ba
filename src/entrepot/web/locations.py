# SPDX-License-Identifier: Apache-2.0
"""How ``Location`` and ``Link`` are written (compat.md 3.9).

Relative by default: behind a proxy a path is always right, where scheme and host often are not ("wrong scheme/host
behind a proxy" is among the most frequent complaints about registries). Absolute where ``http.host`` says so. A path
that a trusted proxy strips (X-Forwarded-Prefix) stands before it.
"""

from typing import Self
from urllib.parse import quote, urlencode
from uuid import UUID

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.web.settings import HttpSettings


class Locations:
    """Writes addresses of this registry's resources."""

    def __init__(self, settings: HttpSettings, stripped: str = "") -> None:
        """``stripped``: by a proxy, as in ``/registry``."""
        self._settings = settings
        self._path = stripped + settings.prefix.rstrip("/")
        self._base = self._path if settings.base is None else settings.base

    def under(self, stripped: str) -> Self:
        """The same for a client that comes through a proxy which strips ``stripped``."""
        return type(self)(self._settings, stripped) if stripped else self

    def upload(self, name: RepositoryName, upload: UUID, state: str = "") -> str:
        """Where an upload goes on; ``state``: whose it is, see ``Gate.seal``."""
        query = f"?{urlencode({'_state': state})}" if state else ""
        return f"{self._base}/v2/{name}/blobs/uploads/{upload}{query}"

    def blob(self, name: RepositoryName, digest: Digest) -> str:
        """A blob."""
        return f"{self._base}/v2/{name}/blobs/{digest}"

    def manifest(self, name: RepositoryName, digest: Digest) -> str:
        """A manifest."""
        return f"{self._base}/v2/{name}/manifests/{digest}"

    def next_page(self, path: str, **parameters: str | int) -> str:
        """The value of a ``Link`` header; ``path`` as in ``/v2/_catalog``. Always a path."""
        query = urlencode(sorted(parameters.items()))
        return f'<{self._path}{quote(path, safe="/:")}?{query}>; rel="next"'
