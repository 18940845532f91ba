# SPDX-License-Identifier: Apache-2.0
"""The job that settles what dead processes left."""

import asyncio
import contextlib
from pathlib import Path

from structlog.testing import LogCapture

from entrepot.index.facts import Change, Name
from entrepot.jobs.settling import settle_forever
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.telemetry.logs import Logger
from support import images
from support.houses import House, differences, push, push_manifest
from support.rooms import NAME
from support.waiting import eventually


async def leave_halfway(house: House) -> Digest:
    """A process dies after it moved a tag in storage and before it told the index."""
    old, new = images.image(), images.image()
    await push(house.registry, NAME, old, "latest")
    await push(house.registry, NAME, new)
    with house.another() as dying:
        await dying.index.changes.begin(Change(NAME, (Name("manifest", Digest(new.digest)), Name("tag", "latest"))))
        await house.storage.links.write_manifest(NAME, Digest(new.digest), new.data, (Tag("latest"),))
    return Digest(new.digest)


async def stop(job: "asyncio.Future[None]") -> None:
    """End a job as the server does."""
    job.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await job


async def test_settled_by_the_job(house: House, log: Logger, lines: LogCapture) -> None:
    """What nobody asks for is settled all the same, and said once."""
    new = await leave_halfway(house)
    assert await differences(house) != []
    job = asyncio.ensure_future(settle_forever(house.names, log))
    await eventually(lambda: lines.entries, what="a line of the job")
    await stop(job)
    assert lines.entries == [{"event": "settled names of a dead process", "log_level": "info", "names": 2}]
    assert (await house.registry.manifests.get(NAME, Tag("latest"))).digest == new
    assert await differences(house) == []


async def test_storage_that_is_away(house: House, tmp_path: Path, log: Logger, lines: LogCapture) -> None:
    """While storage cannot be read the names stay locked and the job goes on; once it can, they are settled."""
    await leave_halfway(house)
    root = tmp_path / "data"
    away = root.rename(tmp_path / "away")
    job = asyncio.ensure_future(settle_forever(house.names, log))
    await eventually(lambda: lines.entries, what="a line of the job")
    assert lines.entries[0]["log_level"] == "warning"
    assert len(await house.index.changes.list_open()) == 2
    away.rename(root)
    await eventually(lambda: lines.entries[-1]["log_level"] == "info", what="names settled")
    await stop(job)
    assert await differences(house) == []


async def test_stopped_in_the_middle(house: House, log: Logger) -> None:
    """The job can be stopped at any moment; what it was settling is settled by the next."""
    for moment in range(12):
        await leave_halfway(house)
        job = asyncio.ensure_future(settle_forever(house.names, log))
        for _ in range(moment):
            await asyncio.sleep(0)
        await stop(job)
    content = images.image()
    await push(house.registry, NAME, content)
    await push_manifest(house.registry, NAME, content, "latest")
    await house.names.settle_dead()
    assert await differences(house) == []
