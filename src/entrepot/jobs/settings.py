# SPDX-License-Identifier: Apache-2.0
"""Settings of background work: ``storage.maintenance.uploadpurging``, ``notifications.endpoints`` (compat.md 1.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UploadPurging:
    """Uploads that began more than ``age`` seconds ago are removed, looked for every ``interval`` seconds."""

    enabled: bool = True
    age: float = 168 * 3600.0
    interval: float = 24 * 3600.0
    dryrun: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of ``notifications.endpoints``; ``timeout`` and ``backoff`` in seconds.

    After ``threshold`` failures in a row each attempt waits for ``backoff``. ``secret`` (ours) signs each request.
    ``audit`` (ours): it is told of logins, refusals and changes of accounts, too.
    """

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    timeout: float = 1.0
    threshold: int = 10
    backoff: float = 1.0
    ignored_mediatypes: frozenset[str] = frozenset()
    ignored_actions: frozenset[str] = frozenset()
    secret: str = field(default="", repr=False)
    audit: bool = False


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """``collector`` (ours, top level): a round every ``interval`` seconds; what was touched in the last ``grace``
    seconds stays, since a push may be under way that will need it.
    """

    enabled: bool = True
    grace: float = 24 * 3600.0
    interval: float = 3600.0


@dataclass(frozen=True, slots=True)
class JobsSettings:
    """All that this room is told."""

    uploadpurging: UploadPurging = field(default_factory=UploadPurging)
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    endpoints: tuple[Endpoint, ...] = ()
