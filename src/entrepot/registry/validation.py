# SPDX-License-Identifier: Apache-2.0
"""What a manifest must find in its repository before it is accepted (compat.md 9.2; ``validation`` settings)."""

import re
from collections.abc import Iterator

from entrepot.index.facts import Name
from entrepot.oci import media
from entrepot.oci.errors import ManifestInvalid
from entrepot.oci.manifests import Descriptor, Manifest
from entrepot.registry.settings import ValidationSettings


def require(manifest: Manifest, settings: ValidationSettings) -> tuple[Name, ...]:
    """The names that must be there. Raises ``ManifestInvalid`` where ``urls`` of a layer are not allowed."""
    if not settings.disabled:
        _check_urls(manifest, settings)
    if settings.sparse:
        return ()
    return tuple(dict.fromkeys(requirements(manifest, settings)))


def requirements(manifest: Manifest, settings: ValidationSettings) -> Iterator[Name]:
    """What the manifest names and the settings want; a name may come twice."""
    for blob in manifest.blobs:
        if blob.media_type not in media.NONDISTRIBUTABLE:
            yield Name("blob", blob.digest)
    for child in manifest.children:
        if child.media_type not in media.MANIFESTS:
            yield Name("blob", child.digest)
        elif _wanted(child, settings):
            yield Name("manifest", child.digest)


def _wanted(child: Descriptor, settings: ValidationSettings) -> bool:
    if settings.disabled or settings.platforms == "none":
        return False
    if settings.platforms == "all":
        return True
    return any(child.platform == (one.os, one.architecture) for one in settings.platformlist)


def _check_urls(manifest: Manifest, settings: ValidationSettings) -> None:
    for layer in manifest.layers:
        for url in layer.urls:
            if not url.startswith(("http://", "https://")) or "#" in url:
                raise ManifestInvalid(f"layer {layer.digest}: urls are http or https, without a fragment")
            if not _allowed(url, settings):
                raise ManifestInvalid(
                    f"layer {layer.digest}: url {url[:200]!r} is not allowed (validation.manifests.urls)"
                )


def _allowed(url: str, settings: ValidationSettings) -> bool:
    """Without any pattern all are allowed, since clients push such layers; with patterns, as distribution does it."""
    if not settings.urls_allow and not settings.urls_deny:
        return True
    if any(re.search(pattern, url) for pattern in settings.urls_deny):
        return False
    return any(re.search(pattern, url) for pattern in settings.urls_allow)
