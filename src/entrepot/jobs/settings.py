# SPDX-License-Identifier: Apache-2.0
"""Settings of background work: ``storage.maintenance.uploadpurging`` (compat.md 1.2)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UploadPurging:
    """Uploads that began more than ``age`` seconds ago are removed, looked for every ``interval`` seconds."""

    enabled: bool = True
    age: float = 168 * 3600.0
    interval: float = 24 * 3600.0
    dryrun: bool = False


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
