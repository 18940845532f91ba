# SPDX-License-Identifier: Apache-2.0
"""The digest of everything so far, across requests and workers.

A running hash cannot be stored (hashlib state does not pickle). So the worker that received bytes records *the
digest* of all so far beside the upload, with the offset and the boot id: after a power cut the page cache is gone, and
bytes may be missing that the record speaks of. If either differs, the bytes are read again.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, cast
from uuid import UUID

from entrepot.oci.digests import Digest


class Hash(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


@dataclass(slots=True)
class RunningDigest:
    """Hashes over the first ``offset`` bytes of one upload."""

    offset: int
    hashes: dict[str, Hash]

    @classmethod
    def begin(cls, algorithms: Iterable[str]) -> Self:
        """Hashes of nothing."""
        return cls(0, {algorithm: hashlib.new(algorithm) for algorithm in algorithms})

    def update(self, chunk: bytes) -> None:
        """Go on by ``chunk``."""
        for running in self.hashes.values():
            running.update(chunk)
        self.offset += len(chunk)

    def digests(self) -> dict[str, Digest]:
        """The digest of everything so far, for each algorithm."""
        return {algorithm: Digest(f"{algorithm}:{h.hexdigest()}") for algorithm, h in self.hashes.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept beside an upload. ``algorithms``: what the client announced."""

    offset: int
    boot: str
    algorithms: tuple[str, ...] = ("sha256",)
    digests: Mapping[str, Digest] = field(default_factory=dict)

    def encode(self) -> bytes:
        """JSON."""
        return json.dumps(
            {
                "offset": self.offset,
                "boot": self.boot,
                "algorithms": self.algorithms,
                "digests": dict(self.digests),
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes | None) -> Self:
        """A record that cannot be read says nothing: the bytes are then read again."""
        try:
            document = cast(dict[str, object], json.loads(data or b""))
            digests = cast(dict[str, str], document["digests"])
            return cls(
                offset=int(cast(int, document["offset"])),
                boot=str(document["boot"]),
                algorithms=tuple(cast(list[str], document["algorithms"])),
                digests={algorithm: Digest(text) for algorithm, text in digests.items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(-1, "")


class RunningDigests:
    """Running hashes of uploads whose last chunk this process received, so that the next chunk need not reread.

    At most ``limit`` are kept (about 500 bytes each). An entry counts only at its exact offset, and an upload's first
    bytes never change, so an entry can be missing but not wrong.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._entries: OrderedDict[UUID, RunningDigest] = OrderedDict()

    def take(self, upload: UUID, offset: int) -> RunningDigest | None:
        """The hashes at ``offset``, now the caller's; None where this process has none."""
        running = self._entries.pop(upload, None)
        return running if running is not None and running.offset == offset else None

    def keep(self, upload: UUID, running: RunningDigest) -> None:
        """Give hashes back."""
        self._entries[upload] = running
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)


def read_boot_id() -> str:
    """Identifies this boot of the machine; a constant where the kernel does not tell (then nothing is trusted less:
    such machines have no page cache that survives anything)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
