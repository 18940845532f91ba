# SPDX-License-Identifier: Apache-2.0
"""Uploads that were begun long ago and never finished are removed; others are left alone."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import LogCapture

from entrepot.jobs.expiry import purge_forever, purge_uploads
from entrepot.jobs.settings import UploadPurging
from entrepot.telemetry.logs import Logger
from support.houses import House
from support.rooms import NAME, OTHER, append
from support.waiting import eventually

HOUR = UploadPurging(age=3600)


def directory(root: Path, upload: UUID) -> Path:
    """Where an upload lies."""
    return root / "docker/registry/v2/repositories" / NAME / "_uploads" / str(upload)


async def begin(house: House, root: Path, age: timedelta) -> UUID:
    """An upload that began ``age`` ago."""
    upload = await house.storage.uploads.start(NAME, "sha256")
    await append(house.storage, NAME, upload, b"bytes")
    began = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    (directory(root, upload) / "startedat").write_text(began)
    return upload


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data directory."""
    return tmp_path / "data"


async def test_old_ones_go(house: House, root: Path, log: Logger, lines: LogCapture) -> None:
    """Those older than ``age`` go with their bytes, the others stay, and a line says how many."""
    old = [await begin(house, root, timedelta(hours=hours)) for hours in (2, 200)]
    young = [await begin(house, root, timedelta(minutes=minutes)) for minutes in (0, 55)]
    await house.storage.uploads.start(OTHER, "sha256")
    assert all(directory(root, upload).exists() for upload in old)
    assert await purge_uploads(house.storage, HOUR, log) == 2
    assert not any(directory(root, upload).exists() for upload in old)
    assert all(directory(root, upload).exists() for upload in young)
    assert lines.entries[-1] == {
        "event": "Purge uploads finished",
        "log_level": "info",
        "deleted": 2,
        "errors": 0,
        "dryrun": False,
    }


async def test_dry_run(house: House, root: Path, log: Logger) -> None:
    """A dry run counts and removes nothing."""
    upload = await begin(house, root, timedelta(hours=2))
    assert await purge_uploads(house.storage, UploadPurging(age=3600, dryrun=True), log) == 1
    assert await house.storage.uploads.status(NAME, upload) is not None


async def test_busy_ones_stay(house: House, root: Path, log: Logger, lines: LogCapture) -> None:
    """An upload that somebody writes to is kept, however old, and can be finished."""
    upload = await begin(house, root, timedelta(hours=2))
    async with house.storage.uploads.open(NAME, upload) as writer:
        assert await purge_uploads(house.storage, HOUR, log) == 0
        assert lines.entries[-1]["errors"] == 1
        await writer.write(b" more")
    status = await house.storage.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == len(b"bytes more")
    assert await purge_uploads(house.storage, HOUR, log) == 1


@pytest.mark.parametrize("content", [None, "", "yesterday"])
async def test_unreadable_beginnings(house: House, root: Path, log: Logger, content: str | None) -> None:
    """Where it cannot be read when an upload began, it counts from its last change: young ones stay."""
    upload = await begin(house, root, timedelta(hours=2))
    started = directory(root, upload) / "startedat"
    started.unlink() if content is None else started.write_text(content)
    assert await purge_uploads(house.storage, HOUR, log) == 0
    assert directory(root, upload).exists()


async def test_leftovers_of_registry_2(house: House, root: Path, log: Logger) -> None:
    """What registry:2 leaves of a cancelled upload (hash states alone) goes too; other files are not touched."""
    upload = await begin(house, root, timedelta(hours=2))
    (directory(root, upload) / "data").unlink()
    (directory(root, upload) / "hashstates/sha256").mkdir(parents=True)
    (directory(root, upload) / "hashstates/sha256/0").write_bytes(b"state")
    stray = directory(root, upload).with_name("not-an-upload")
    stray.mkdir()
    assert await purge_uploads(house.storage, HOUR, log) == 1
    assert not directory(root, upload).exists()
    assert stray.exists()


async def test_rounds_go_on_after_a_failing_one(house: House, root: Path, log: Logger, lines: LogCapture) -> None:
    """A round during which storage is away ends with a warning, and a later one removes what is due."""
    upload = await begin(house, root, timedelta(hours=2))
    away = root.rename(root.with_name("away"))
    rounds = asyncio.ensure_future(purge_forever(house.storage, UploadPurging(age=3600, interval=0.01), log))
    await eventually(lambda: any(one["log_level"] == "warning" for one in lines.entries), what="a warning")
    away.rename(root)
    await eventually(lambda: not directory(root, upload).exists(), what="the upload removed")
    assert not rounds.done()
    rounds.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await rounds


async def test_switched_off(house: House, root: Path, log: Logger) -> None:
    """Without uploadpurging nothing is removed, and nothing waits."""
    upload = await begin(house, root, timedelta(hours=2))
    await asyncio.wait_for(purge_forever(house.storage, UploadPurging(enabled=False, age=0), log), 5)
    assert directory(root, upload).exists()
