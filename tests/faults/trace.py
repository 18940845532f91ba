# SPDX-License-Identifier: Apache-2.0
"""A registry under strace, and its system calls in the order in which they began and ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support import programs
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS = "mkdir,mkdirat,rename,renameat,renameat2,fsync,fdatasync,write,writev,pwrite64,sendto,sendmsg"

_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<call>\w+)\((?P<arguments>.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"<\.\.\. (?P<call>\w+) resumed>(?P<arguments>.*)\) += (?P<result>-?\d+)")
_WHOLE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_DESCRIPTOR = re.compile(r"\d+<(?P<path>[^>]*)>")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded. ``begun`` and ``ended`` are places in the trace, over all processes."""

    name: str
    arguments: str
    begun: int
    ended: int

    @property
    def path(self) -> str:
        """The file behind the descriptor that is the first argument."""
        found = _DESCRIPTOR.match(self.arguments)
        return found["path"] if found else ""

    @property
    def paths(self) -> list[str]:
        """The paths among the arguments."""
        return _STRING.findall(self.arguments)


class TracedServer(Server):
    """A server with one worker whose system calls are written to ``trace_path``; read them once it has stopped."""

    @property
    def trace_path(self) -> Path:
        """What strace writes."""
        return self.home / "trace"

    def command(self) -> list[str]:
        strace = [programs.find("strace"), "--follow-forks", "--decode-fds=path", "--string-limit=400"]
        return [
            *strace,
            "--interruptible=waiting",
            f"--trace={CALLS}",
            "--output",
            str(self.trace_path),
            *super().command(),
        ]

    def calls(self) -> list[Call]:
        """All calls that succeeded, in the order in which they ended."""
        return sorted(_parse(self.trace_path.read_text(errors="replace").splitlines()), key=lambda call: call.ended)


def _parse(lines: list[str]) -> Iterator[Call]:
    """Calls that are interrupted in the trace by those of other threads are put together by process number."""
    open_calls: dict[str, tuple[int, str]] = {}
    for at, line in enumerate(lines):
        parts = _LINE.match(line)
        assert parts, line
        pid, rest = parts["pid"], parts["rest"]
        begun = at
        before = ""
        if found := _BEGUN.match(rest):
            open_calls[pid] = (at, found["arguments"])
            continue
        if found := _ENDED.match(rest):
            begun, before = open_calls.pop(pid)
        elif not (found := _WHOLE.match(rest)):
            continue
        if int(found["result"]) >= 0:
            yield Call(found["call"], before + found["arguments"], begun, at)


class Trace:
    """Questions about the order of calls."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls

    def answer(self, status: str, number: int) -> Call:
        """The sending of the n-th answer (from 0) with this status line."""
        sent = [call for call in self._calls if call.name != "rename" and f'"HTTP/1.1 {status}' in call.arguments]
        assert len(sent) > number, f"{len(sent)} answers {status}"
        return sent[number]

    def renamed_to(self, path: str) -> Call:
        """The only rename to ``path``."""
        found = [call for call in self._calls if call.name.startswith("rename") and call.paths[-1] == path]
        assert len(found) == 1, f"{len(found)} renames to {path}"
        return found[0]

    def renamed_from(self, path: str) -> Call:
        """The only rename away from ``path``."""
        found = [call for call in self._calls if call.name.startswith("rename") and call.paths[0] == path]
        assert len(found) == 1, f"{len(found)} renames of {path}"
        return found[0]

    def written(self, path: str) -> list[Call]:
        """Writes to a file."""
        return [call for call in self._calls if call.name in {"write", "writev", "pwrite64"} and call.path == path]

    def made(self, below: str, path: str) -> list[str]:
        """Directories between ``below`` and ``path`` that were made."""
        made = {call.paths[0] for call in self._calls if call.name.startswith("mkdir")}
        return [each for each in made if each.startswith(below + "/") and path.startswith(each + "/")]

    def mkdir(self, path: str) -> Call:
        """The call that made a directory."""
        return next(call for call in self._calls if call.name.startswith("mkdir") and call.paths[0] == path)

    def synced(self, path: str, after: Call, before: Call) -> Call:
        """A sync of ``path`` that began after one call had ended and ended before another began."""
        for call in self._calls:
            between = after.ended < call.begun and call.ended < before.begun
            if between and call.name in {"fsync", "fdatasync"} and call.path == path:
                return call
        found = [f"{each.begun}-{each.ended}" for each in self._calls if each.path == path]
        raise AssertionError(f"no sync of {path} between {after.ended} and {before.begun}; calls on it: {found}")
