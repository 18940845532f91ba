# SPDX-License-Identifier: Apache-2.0
"""Waiting for what cannot be stopped: a thread goes on when the request that started it is cancelled."""

import asyncio
from typing import TypeVar

Result = TypeVar("Result")


async def finish(job: asyncio.Future[Result]) -> Result:
    """Wait until ``job`` is done, however often the caller is cancelled meanwhile: files that a thread writes must not
    be closed, renamed or read below it.

    Returns its result or raises its error; where the caller was cancelled, raises ``CancelledError`` once it is done.
    """
    cancelled: asyncio.CancelledError | None = None
    while not job.done():
        try:
            await asyncio.wait([job])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return job.result()
    if not job.cancelled():
        job.exception()  # asked for, or asyncio would log that nobody did
    raise cancelled
