# SPDX-License-Identifier: Apache-2.0
"""One writer thread per process: what several requests want to write in one moment goes into one commit.

Each change runs in a savepoint of its own, so that one that fails is undone alone and a slow disk, or a distant
database, is waited for once.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from entrepot.index.engine import Transaction, Work

Result = TypeVar("Result")

BATCH = 64
"""Changes in one commit at most; more would let the first of them wait long."""


@dataclass(slots=True)
class Job(Generic[Result]):
    """A change that waits for the writer thread."""

    work: Work[Result]
    done: Future[Result] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change gave, or why it was undone."""

    result: object = None
    failure: BaseException | None = None


Batch = list[Job[object]]
Commit = Callable[[Batch], list[Outcome]]
"""Runs a batch in one transaction; gives an outcome for each, or raises what is true of all: nothing was written."""


class Writer:
    """Queues changes and commits them in batches, in a thread of its own, until it is closed."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._queue: queue.SimpleQueue[Job[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="index-write", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what was queued."""
        self._queue.put(None)
        self._thread.join()

    async def write(self, work: Work[Result]) -> Result:
        """See ``Engine.write``."""
        return await asyncio.wrap_future(self._submit(work))

    def write_blocking(self, work: Work[Result]) -> Result:
        """See ``Engine.write_blocking``."""
        return self._submit(work).result()

    def _submit(self, work: Work[Result]) -> Future[Result]:
        job = Job(work)
        self._queue.put(job)  # type: ignore[arg-type]
        return job.done

    def _run(self) -> None:
        closing = False
        while not closing:
            jobs = self._gather()
            closing = jobs[-1] is None
            batch = [job for job in jobs if job is not None and job.done.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)

    def _gather(self) -> list[Job[object] | None]:
        jobs = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while jobs[-1] is not None and len(jobs) < BATCH:
                jobs.append(self._queue.get_nowait())
        return jobs

    def _answer(self, batch: Batch) -> None:
        try:
            outcomes = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - told to every request of the batch
            outcomes = [Outcome(failure=error)] * len(batch)
        for job, outcome in zip(batch, outcomes, strict=True):
            if outcome.failure is not None:
                job.done.set_exception(outcome.failure)
            else:
                job.done.set_result(outcome.result)


def run_alone(
    work: Work[object], tx: Transaction, execute: Callable[[str], object], ends_all: Callable[[Exception], bool]
) -> Outcome:
    """Run one change of a batch in a savepoint; ``execute`` runs SQL on its connection.

    Raises what ``ends_all`` says is the whole transaction's (a full disk, a lost connection), not this change's.
    """
    execute("SAVEPOINT change")
    try:
        result = work(tx)
    except Exception as error:
        if ends_all(error):
            raise
        execute("ROLLBACK TO SAVEPOINT change")
        execute("RELEASE SAVEPOINT change")
        return Outcome(failure=error)
    execute("RELEASE SAVEPOINT change")
    return Outcome(result)
