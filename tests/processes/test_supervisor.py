# SPDX-License-Identifier: Apache-2.0
"""The supervisor as a real process with real children: they stay up, they all end, none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.waiting import until

SCRIPT = Path(__file__).with_name("family.py")


class Family:
    """A running supervisor and what its children said."""

    def __init__(self, directory: Path, drain: float, children: tuple[str, ...]) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.log.touch()
        command = [sys.executable, str(SCRIPT), str(directory), str(drain), *children]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def pids(self, name: str = "", word: str = "starts") -> list[int]:
        """The processes of which the log says ``word``, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [int(line[2]) for line in lines if line[1] == word and line[0].startswith(name)]

    def started(self, count: int, name: str = "") -> list[int]:
        """Wait for so many starts."""
        until(lambda: len(self.pids(name)) >= count, what=f"{count} starts of {name or 'children'}")
        return self.pids(name)

    def follow(self, *children: str) -> None:
        """Let these be the next generation."""
        (self.directory / "names").write_text(" ".join(children))
        (self.directory / "names").rename(self.directory / "next")

    def await_word(self, name: str, word: str) -> list[int]:
        """Wait until a child has said it."""
        return until(lambda: self.pids(name, word), what=f"{name} {word}")

    def wait(self) -> int:
        """Wait for the supervisor's end; its status."""
        return self.process.wait(30)

    def said(self) -> str:
        """What the supervisor logged, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Family]]:
    """Start families; what is left of them is killed with the test."""
    with ExitStack() as stack:

        def started(*children: str, drain: float = 10.0) -> Family:
            family = Family(tmp_path, drain, children)
            stack.callback(end, family)
            return family

        yield started


def end(family: Family) -> None:
    """Kill what is left of a family."""
    family.process.kill()
    family.process.communicate()


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_ends_all(start: Callable[..., Family], number: int) -> None:
    """Each signal to end ends every child, the last ones last, and the supervisor with 0; connections are refused."""
    family = start("jobs=last", "one=stay", "two=stay")
    pids = family.started(3)
    os.kill(family.process.pid, number)
    assert family.wait() == 0
    assert not any(map(alive, pids))
    ended = family.pids(word="ends")
    assert sorted(ended) == sorted(pids)
    assert ended[-1:] == family.pids("jobs")
    assert family.pids(word="refuses") == [family.process.pid]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_dead_child_is_started_again(start: Callable[..., Family], number: int) -> None:
    """A child that dies is started again; its siblings are not touched."""
    family = start("one=stay", "two=stay")
    family.started(2)
    one, two = family.pids("one")[0], family.pids("two")[0]
    os.kill(one, number)
    again = family.started(2, "one")[1]
    assert again != one
    assert alive(again)
    assert alive(two)
    assert family.pids("two") == [two]
    family.process.terminate()
    assert family.wait() == 0
    assert "process=one" in family.said()
    assert not alive(again)


def test_no_orphans(start: Callable[..., Family]) -> None:
    """When the supervisor alone is killed with -9 every child dies with it, those that ignore SIGTERM too."""
    family = start("one=stay", "two=deaf", "jobs=last")
    pids = family.started(3)
    assert all(map(alive, pids))
    os.kill(family.process.pid, signal.SIGKILL)
    family.wait()
    until(lambda: not any(map(alive, pids)), what="the end of all children")


def test_a_child_that_does_not_end_is_killed(start: Callable[..., Family]) -> None:
    """A child that ignores SIGTERM is killed when its time is up, and that is said; the others end as they should."""
    family = start("one=stay", "two=deaf", drain=0.5)
    pids = family.started(2)
    until(lambda: family.pids("two", "ignores"), what="a deaf child")
    before = time.monotonic()
    family.process.terminate()
    assert family.wait() == 0
    assert time.monotonic() - before >= 0.5
    assert family.pids("one", "ends")
    assert not any(map(alive, pids))
    assert "open requests were cut" in family.said()


def test_a_second_signal_ends_at_once(start: Callable[..., Family]) -> None:
    """Who signals twice does not wait for open requests; the first signal is answered with that."""
    family = start("one=stay", "two=deaf", drain=600)
    pids = family.started(2)
    until(lambda: family.pids("two", "ignores"), what="a deaf child")
    family.process.terminate()
    until(lambda: family.pids("one", "ends"), what="the first signal is heard")
    time.sleep(0.5)
    assert alive(family.pids("two")[0])
    os.kill(family.process.pid, signal.SIGINT)
    assert family.wait() == 0
    assert not any(map(alive, pids))
    assert "a second signal cuts open requests" in family.said()


def test_a_child_that_returns_is_started_again(start: Callable[..., Family]) -> None:
    """A child that ends well is started again as well: it was to stay."""
    family = start("one=end", "two=stay")
    assert len(set(family.started(2, "one"))) == 2
    family.process.terminate()
    assert family.wait() == 0
    assert "code=0" in family.said()


def test_a_child_that_never_stays_up(start: Callable[..., Family]) -> None:
    """A child that ends at once, each of five times, ends the server with status 1 and its siblings with it."""
    family = start("one=fail", "two=stay")
    assert family.wait() == 1
    assert len(family.pids("one")) == 5
    assert len(family.pids("two")) == 1
    assert family.pids("two", "ends") == family.pids("two")
    said = family.said()
    assert "a process does not stay up" in said
    assert "code=3" in said


def test_a_signal_between_two_starts(start: Callable[..., Family]) -> None:
    """While a child waits to be started again the server can be stopped at once."""
    family = start("one=fail", "two=stay")
    family.started(3, "one")
    family.process.terminate()
    assert family.wait() == 0
    assert not any(map(alive, family.pids()))


def test_a_generation_follows(start: Callable[..., Family]) -> None:
    """The next generation starts beside the first; only when all of it is ready does the first part, and end later;
    who is no worker is not touched; who dies in the new generation is started again, who dies in the old one is not.
    """
    family = start("jobs=last", "one=stay", "two=busy")
    family.started(3)
    former = family.pids("one") + family.pids("two")
    family.follow("new=stay", "newer=late")
    family.started(2, "new")
    time.sleep(0.5)
    assert family.pids(word="parts") == []
    assert all(map(alive, former))
    (family.directory / "ready").touch()
    family.await_word("one", "parts")
    family.await_word("two", "parts")
    family.await_word("one", "ends")
    family.await_word("two", "hears")
    assert sorted(family.pids(word="parts")) == sorted(former)
    assert alive(former[1])
    os.kill(family.pids("newer")[0], signal.SIGKILL)
    family.started(2, "newer")
    os.kill(former[1], signal.SIGKILL)
    until(lambda: not alive(former[1]), what="its end")
    family.process.terminate()
    assert family.wait() == 0
    assert len(family.pids("jobs")) == 1
    assert len(family.pids("one") + family.pids("two")) == 2
    assert not any(map(alive, family.pids()))
    assert family.said().count("is started again") == 1


@pytest.mark.parametrize("kind", ["fail", "end"])
def test_a_generation_that_does_not_start(start: Callable[..., Family], kind: str) -> None:
    """When one of the new ones dies before all are ready the others of it part, and the former stay; the next attempt
    may succeed.
    """
    family = start("one=stay")
    family.started(1)
    family.follow("new=stay", f"newer={kind}", "newest=stay")
    family.started(1, "newer")
    until(lambda: not any(map(alive, family.pids("new"))), what="their end")
    assert alive(family.pids("one")[0])
    assert family.pids("one", "parts") == []
    family.follow("third=stay")
    family.await_word("one", "ends")
    assert not any(map(alive, family.pids("new")))
    family.process.terminate()
    assert family.wait() == 0
    assert family.pids("third", "ends") == family.pids("third")
    said = family.said()
    assert said.count("new workers did not start") == 1
    assert said.count("new workers serve") == 1


def test_generations_that_do_not_end(start: Callable[..., Family]) -> None:
    """Three former generations may have open requests; of a fourth the oldest is cut."""
    family = start("g0=busy")
    family.started(1, "g0")
    for number in range(1, 5):
        family.follow(f"g{number}=busy")
        family.await_word(f"g{number - 1}", "hears")
    first = family.pids("g0")[0]
    until(lambda: not alive(first), what="the oldest is cut")
    assert all(alive(family.pids(f"g{number}")[0]) for number in range(1, 5))
    (family.directory / "done").touch()
    family.process.terminate()
    assert family.wait() == 0
    assert family.said().count("open requests of former workers were cut") == 1


def test_a_stop_ends_all_generations(start: Callable[..., Family]) -> None:
    """Those that leave, those that serve, and those that come."""
    family = start("one=busy", drain=0.5)
    family.started(1)
    family.follow("two=stay")
    family.await_word("one", "hears")
    family.follow("three=late")
    family.started(1, "three")
    pids = family.pids()
    assert len([pid for pid in pids if alive(pid)]) == 3
    family.process.terminate()
    assert family.wait() == 0
    assert not any(map(alive, pids))
    assert "open requests were cut" in family.said()
