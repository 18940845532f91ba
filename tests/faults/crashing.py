# SPDX-License-Identifier: Apache-2.0
"""`entrepot` that kills itself with all its processes at a named moment: POINT NTH ARMED serve CONFIG.

The program knows nothing of this: its functions are wrapped here before it starts, and workers are forks of this
process. Calls are counted over all processes, and only while the file ARMED exists. The process must lead a process
group of its own.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from entrepot.storage import filesystem_writer
from faults.crash_points import POINTS, Point

if TYPE_CHECKING:
    from collections.abc import Callable


class Trigger:
    """Counts calls over all processes; the n-th is the last."""

    def __init__(self, name: str, nth: int, armed: Path) -> None:
        self._name = name
        self._nth = nth
        self._armed = armed
        self._count = multiprocessing.get_context("fork").Value("q", 0)

    def due(self) -> bool:
        """Whether this call is the n-th."""
        if not self._armed.exists():
            return False
        with self._count.get_lock():
            self._count.value += 1
            return bool(self._count.value == self._nth)

    def crash(self) -> NoReturn:
        """Kill every process of the group, this one included; no handler of anything runs."""
        os.write(2, f"crash point reached: {self._name}\n".encode())
        os.kill(0, signal.SIGKILL)
        signal.pause()
        raise AssertionError("killed processes do not go on")


def install(point: Point, trigger: Trigger) -> None:
    """Wrap the function that the point names."""
    module_name, _, path = point.target.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, attribute = path.split(".")
    for name in outer:
        owner = getattr(owner, name)
    original = getattr(owner, attribute)
    wrap = _wrap_async if inspect.iscoroutinefunction(original) else _wrap
    setattr(owner, attribute, wrap(original, point, trigger))


def _wrap(original: Callable[..., Any], point: Point, trigger: Trigger) -> Callable[..., Any]:
    """A call that fails is no passing of a point after it."""

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        meant = point.condition(*arguments)
        if meant and point.when != "after" and trigger.due():
            if point.when == "halfway":
                original(*_halved(arguments), **named)
            trigger.crash()
        result = original(*arguments, **named)
        if meant and point.when == "after" and trigger.due():
            trigger.crash()
        return result

    return wrapped


def _wrap_async(original: Callable[..., Any], point: Point, trigger: Trigger) -> Callable[..., Any]:
    @functools.wraps(original)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        meant = point.condition(*arguments)
        if meant and point.when == "before" and trigger.due():
            trigger.crash()
        result = await original(*arguments, **named)
        if meant and point.when == "after" and trigger.due():
            trigger.crash()
        return result

    return wrapped


def _halved(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with the first half of what is bytes (or a list of them)."""
    return tuple(_half(argument) for argument in arguments)


def _half(argument: Any) -> Any:
    if isinstance(argument, bytes):
        return argument[: len(argument) // 2]
    if isinstance(argument, list):
        return [_half(b"".join(argument))]
    return argument


def main() -> None:
    """Wrap, then run the ordinary command."""
    name, nth, armed, *rest = sys.argv[1:]
    filesystem_writer.RECORD_FROM = 0  # so that small uploads reach the points around the record too
    install(POINTS[name], Trigger(name, int(nth), Path(armed)))
    from entrepot.cli.main import main as entrepot

    sys.argv = ["entrepot", *rest]
    entrepot()


if __name__ == "__main__":
    main()
