# SPDX-License-Identifier: Apache-2.0
"""Settings of what the registry accepts: ``storage.delete``, ``readonly``, ``validation``, ``catalog``, ``tags``."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Platform:
    """One entry of ``validation.manifests.indexes.platformlist``."""

    architecture: str
    os: str


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """``validation`` (compat.md 1.2, 9.2).

    ``urls_allow``/``urls_deny`` are regular expressions over the ``urls`` of layers; both empty allow all.
    ``sparse`` (ours: ``validation.manifests.sparse``) accepts manifests whose blobs or children are not here.
    """

    disabled: bool = False
    urls_allow: tuple[str, ...] = ()
    urls_deny: tuple[str, ...] = ()
    platforms: Literal["all", "none", "list"] = "all"
    platformlist: tuple[Platform, ...] = ()
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class EventSettings:
    """What events say, and which are written. ``pulls``: whether anybody wants to hear of pulls.

    ``base`` is the registry's URL where ``http.host`` names one, without a slash at its end; else each caller's, with
    ``prefix`` behind it. ``source`` (HOST:PORT) and ``instance`` say which server tells.
    """

    includereferences: bool = False
    pulls: bool = False
    base: str | None = None
    prefix: str = ""
    source: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """One entry of ``retention.policies`` (ours), for repositories that one of the patterns matches; ages in seconds.

    ``newest``, ``younger``, ``matching``: what is kept (``keep``). ``notpulled``, ``untagged``: what goes (``drop``).
    """

    repositories: tuple[str, ...]
    newest: int | None = None
    younger: float | None = None
    matching: tuple[str, ...] = ()
    notpulled: float | None = None
    untagged: float | None = None


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """``retention`` (ours, top level): applied every ``interval`` seconds; the first policy that fits counts."""

    interval: float = 24 * 3600.0
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """All that this room is told."""

    delete_enabled: bool = False
    readonly: bool = False
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    trash_age: float = 14 * 24 * 3600.0
    """Seconds for which what was deleted can be restored; 0: not at all."""

    touch_interval: float = 24 * 360.0
    """Seconds after which a look at an unreferenced blob is written down again: a tenth of the collector's grace."""

    catalog_max: int = 1000
    tags_max: int = 1000
    events: EventSettings = field(default_factory=EventSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
