# SPDX-License-Identifier: Apache-2.0
"""What people do to content is in the log, and what the registry does by itself is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.index.index import Index, open_index
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.registry.deed_log import SHOWN, DeedLog
from entrepot.registry.registry import join
from entrepot.registry.settings import RegistrySettings
from entrepot.telemetry import audit_log
from entrepot.telemetry.audit_log import AuditLog
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.storage.ports import Storage

ALICE = Caller(actor="alice", rule="writers", request_id="r-1", address="192.0.2.1", method="PUT")
PAYLOAD = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def lines() -> AuditLog:
    """The audit's lines of one process."""
    return AuditLog(configure_logs(LogSettings()))


@pytest.fixture
def index(tmp_path: Path, lines: AuditLog) -> Iterator[Index]:
    """An index whose deeds are logged."""
    with open_index(tmp_path / "i.sqlite3", witnesses=(lambda _: DeedLog(lines),)) as opened:
        yield opened


def said(lines: AuditLog, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is new in the log."""
    lines.flush()
    return [line.partition("msg=audit ")[2] for line in capsys.readouterr().err.splitlines()]


async def test_deeds(storage: Storage, index: Index, lines: AuditLog, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, with who, from where, what and which rule; of many names a few and their number."""
    registry = join(storage, index, RegistrySettings(delete_enabled=True))
    tags = [Tag(f"t{number}") for number in range(SHOWN + 2)]
    pushed = await registry.manifests.put(NAME, tags[0], tags[1:], MEDIA_TYPE, PAYLOAD, ALICE)
    (line,) = said(lines, capsys)
    assert line == (
        f"action=push actor=alice address=192.0.2.1 manifests={pushed.digest} repository={NAME} request=r-1 "
        'rule=writers tags="t1 t2 t3 t4 t5 and 2 more"'
    )
    await registry.manifests.untag(NAME, tags[0], ALICE)
    (line,) = said(lines, capsys)
    assert line.startswith("action=delete actor=alice")
    assert line.endswith("tags=t0")


async def test_the_registry_itself(
    storage: Storage, index: Index, lines: AuditLog, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what it does elsewhere."""
    registry = join(storage, index, RegistrySettings(delete_enabled=True))
    digest = Digest.of(PAYLOAD)
    await registry.manifests.put(NAME, digest, [], MEDIA_TYPE, PAYLOAD, ALICE)
    assert len(said(lines, capsys)) == 1
    await registry.manifests.remove(NAME, digest, THE_REGISTRY)
    assert said(lines, capsys) == []


def test_nobody_reads_the_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest lines that wait are dropped, and counted."""
    monkeypatch.setattr(audit_log, "MOST", 3)
    few = AuditLog(configure_logs(LogSettings()))
    for number in range(5):
        few.add({"action": "push", "actor": f"u{number}", "rule": ""})
    few.flush()
    *kept, dropped = capsys.readouterr().err.splitlines()
    assert [line.partition("msg=audit ")[2] for line in kept] == [f"action=push actor=u{n}" for n in (2, 3, 4)]
    assert "dropped=2" in dropped
    few.flush()
    assert capsys.readouterr().err == ""
