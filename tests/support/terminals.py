# SPDX-License-Identifier: Apache-2.0
"""Programs that ask a person: run on a terminal, and answered when they ask."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run_on_terminal(
    argv: Sequence[str],
    answers: Sequence[tuple[str, str]],
    *,
    env: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> str:
    """Run a program to its end, which must be good; give each answer once its question has been asked, in order.

    Returns all that stood on the terminal.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        argv,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    os.close(follower)
    said, asked, left = "", 0, list(answers)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                said += os.read(leader, 65_536).decode(errors="replace")
            except OSError:  # all that had the terminal open are gone
                break
        if left and left[0][0] in said[asked:]:
            asked = len(said)
            os.write(leader, f"{left.pop(0)[1]}\n".encode())
    else:
        process.kill()
    os.close(leader)
    status = process.wait(10)
    assert status == 0, f"{' '.join(argv)}\nended with {status}\n{said}"
    assert not left, f"{' '.join(argv)}\nnever asked {left[0][0]!r}\n{said}"
    return said
