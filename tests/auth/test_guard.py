# SPDX-License-Identifier: Apache-2.0
"""Passwords are checked few at once, slower with each failure, once for who is right."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Sequence

import pytest

from entrepot.auth import guard as guarding
from entrepot.auth.failures import FORGOTTEN, MOST, Failures, find_network
from entrepot.auth.guard import SECONDS, WAITING_SUSPECT, Guard
from entrepot.auth.places import GUESSES
from entrepot.auth.remembered import digest
from entrepot.oci.errors import TooManyRequests
from support.waiting import eventually

HERE, THERE = "192.0.2.1", "198.51.100.9"


class Bench:
    """A guard with a clock that is set by hand, and hashes that can be held up."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.hashed: list[tuple[str, str]] = []
        self.asleep = 0
        self.awake = asyncio.Event()
        self.awake.set()
        self.go_on = threading.Event()
        self.go_on.set()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.guard = Guard(self._verify, "dummy", lambda: self.now, self._sleep)

    def _verify(self, stored: str, password: str) -> bool:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.hashed.append((stored, password))
        self.go_on.wait(20)
        with self._lock:
            self.at_once -= 1
        return stored == f"hash of {password}"

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep += 1
        try:
            await self.awake.wait()
        finally:
            self.asleep -= 1

    async def fail(self, times: int, *, user: str = "alice", address: str = HERE) -> None:
        """Wrong passwords, one after the other."""
        for number in range(times):
            assert not await self.guard.check(user, f"wrong {number}", "hash of right", address)


@pytest.fixture
def bench() -> Bench:
    """A guard on a bench."""
    return Bench()


async def test_right_and_wrong(bench: Bench) -> None:
    """A right password passes, a wrong one does not, and neither does any for a user that is not there."""
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert not await bench.guard.check("alice", "wrong", "hash of right", HERE)
    assert not await bench.guard.check("nobody", "right", None, HERE)
    assert bench.hashed == [("hash of right", "right"), ("hash of right", "wrong"), ("dummy", "right")]


async def test_the_dummy_lets_nobody_in(bench: Bench) -> None:
    """Even the password of the dummy does not make a user that is not there."""
    bench.guard = Guard(lambda _stored, _password: True, "dummy")
    assert not await bench.guard.check("nobody", "anything", None, HERE)
    assert not bench.guard.recall("nobody", "anything", "dummy")


async def test_remembered_for_half_a_minute(bench: Bench) -> None:
    """What was right is known for 30 s without hashing, then hashed again."""
    assert not bench.guard.recall("alice", "right", "hash of right")
    await bench.guard.check("alice", "right", "hash of right", HERE)
    bench.now += SECONDS - 1
    assert bench.guard.recall("alice", "right", "hash of right")
    assert await bench.guard.check("alice", "right", "hash of right", THERE)
    assert len(bench.hashed) == 1
    bench.now += 2
    assert not bench.guard.recall("alice", "right", "hash of right")
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert len(bench.hashed) == 2


@pytest.mark.parametrize(
    ("user", "password", "stored"),
    [
        ("alice", "right", "hash of another"),
        ("alice", "righ", "hash of right"),
        ("alic", "eright", "hash of right"),
        ("bob", "right", "hash of right"),
    ],
)
async def test_remembered_is_bound_to_all_three(bench: Bench, user: str, password: str, stored: str) -> None:
    """A changed stored hash forgets; so does anything else that differs."""
    await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.guard.recall("alice", "right", "hash of right")
    assert not bench.guard.recall(user, password, stored)


def test_digest_keeps_parts_apart() -> None:
    """No two sequences of texts run into one, whatever stands in them."""
    texts = [("a", "b"), ("ab", ""), ("", "ab"), ("a\nb", ""), ("a", "\nb"), ("a\n", "b"), ("a", "b", ""), ("ab",)]
    assert len({digest(b"key", *parts) for parts in texts}) == len(texts)
    assert digest(b"key", "a", "b") == digest(b"key", "a", "b") != digest(b"other", "a", "b")


async def test_two_at_once(bench: Bench) -> None:
    """However many ask, two passwords are hashed at once."""
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check(f"user{n}", "x", None, f"192.0.2.{n}")) for n in range(12)]
    await eventually(lambda: bench.at_once == 2, what="two hashing")
    bench.go_on.set()
    assert await asyncio.gather(*asking) == [False] * 12
    assert bench.most_at_once == 2
    assert len(bench.hashed) == 12


async def test_new_passwords_share_the_threads(bench: Bench) -> None:
    """What hashes a new password waits for one of the two, too."""
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check(f"user{n}", "x", None, f"192.0.2.{n}")) for n in range(2)]
    await eventually(lambda: bench.at_once == 2, what="two hashing")
    made: list[str] = []

    def make() -> str:
        made.append("made while others hash" if bench.at_once == 2 else "made")
        return "hash"

    hashing = asyncio.create_task(bench.guard.hash(make))
    done, _ = await asyncio.wait({hashing}, timeout=0.2)
    assert not done
    assert made == []
    bench.go_on.set()
    assert await hashing == "hash"
    assert made == ["made"]
    await asyncio.gather(*asking)


async def test_the_same_question_is_hashed_once(bench: Bench) -> None:
    """Requests of one push that come at once share one hash, and one that is gone takes it from nobody."""
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check("alice", "right", "hash of right", HERE)) for _ in range(10)]
    await eventually(lambda: bench.at_once == 1, what="one hashing")
    asking[0].cancel()
    bench.go_on.set()
    assert await asyncio.gather(*asking[1:]) == [True] * 9
    assert len(bench.hashed) == 1


async def test_failures_from_an_address_slow_it_down(bench: Bench) -> None:
    """Each failure doubles the wait up to 10 s; it fades, and another address does not feel it."""
    await bench.fail(14)
    assert bench.slept == sorted(bench.slept)
    assert bench.slept[-1] == 10.0
    assert 0.1 < bench.slept[0] < 1
    waited = len(bench.slept)
    await bench.guard.check("carol", "right", "hash of right", THERE)
    assert len(bench.slept) == waited
    bench.now += 600
    await bench.guard.check("dave", "right", "hash of right", HERE)
    assert len(bench.slept) == waited


async def test_failures_for_a_user_cost_others_a_second_at_most(bench: Bench) -> None:
    """Who guesses at a user from everywhere cannot lock that user out."""
    for number in range(50):
        await bench.fail(1, address=f"198.51.100.{number}")
    bench.slept.clear()
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.slept == [1.0]


async def test_who_was_right_here_does_not_wait_for_others(bench: Bench) -> None:
    """A robot that was right from its address within the hour waits for no failures of others, only for its own."""
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    for number in range(50):
        await bench.fail(1, address=f"198.51.100.{number}")
    await bench.fail(20, user="mallory")
    bench.now += SECONDS + 1
    bench.slept.clear()
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.slept == []
    await bench.fail(20)
    assert max(bench.slept) == 1.0
    bench.now += 4000
    for number in range(50):
        await bench.fail(1, address=f"198.51.100.{number}")
    bench.slept.clear()
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.slept == [1.0]


async def test_too_many_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number that waits, others are told to come again; who was right from there lately still comes in."""
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    bench.now += SECONDS + 1
    monkeypatch.setattr(guarding, "WAITING", 4)
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check(f"user{n}", "x", None, f"198.51.100.{n}")) for n in range(4)]
    await eventually(lambda: bench.at_once == 2, what="two hashing")
    with pytest.raises(TooManyRequests) as refused:
        await bench.guard.check("bob", "right", "hash of right", THERE)
    assert int(refused.value.headers["Retry-After"]) >= 1
    robot = asyncio.create_task(bench.guard.check("alice", "right", "hash of right", HERE))
    await asyncio.sleep(0)
    bench.go_on.set()
    assert await robot
    assert await asyncio.gather(*asking) == [False] * 4
    # the robot overtook the two that did not hash yet
    assert bench.hashed[3] == ("hash of right", "right")


async def test_others_from_an_address_where_somebody_guesses_wait_little(bench: Bench) -> None:
    """Who did not fail there waits two seconds at most, who did waits ten."""
    for number in range(14):
        await bench.fail(1, user=f"user{number}")
    assert max(bench.slept) == 2.0
    bench.slept.clear()
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.slept == [2.0]
    bench.slept.clear()
    await bench.fail(1, user="user13")
    assert bench.slept == [10.0]


async def ask(bench: Bench, users: Sequence[str], address: str = HERE) -> Sequence[asyncio.Task[bool]]:
    """Wrong passwords, one for each of ``users``, which all sleep; ``bench.awake`` is to be clear."""
    before = bench.asleep
    asking = [asyncio.create_task(bench.guard.check(user, "guess", None, address)) for user in users]
    await eventually(lambda: bench.asleep == before + len(users), what="all of them asleep")
    return asking


async def test_one_suspect_address_does_not_fill_the_house(bench: Bench) -> None:
    """Of an address that failed before a number may wait, whose names are all new, not more."""
    await bench.fail(3)
    bench.awake.clear()
    asking = await ask(bench, [f"user{number}" for number in range(WAITING_SUSPECT)])
    with pytest.raises(TooManyRequests):
        await bench.guard.check("carol", "y", None, HERE)
    elsewhere = await bench.guard.check("dave", "right", "hash of right", THERE)
    bench.awake.set()
    assert elsewhere
    assert await asyncio.gather(*asking) == [False] * WAITING_SUSPECT
    assert not await bench.guard.check("carol", "y", None, HERE)


@pytest.mark.parametrize("failed", [0, 1, 3])
@pytest.mark.parametrize("known", [True, False])
async def test_guesses_at_one_user_take_few_places(bench: Bench, failed: int, known: bool) -> None:
    """Four different passwords wait for a user from an address, failed or not; there is room for others."""
    if known:
        assert await bench.guard.check("alice", "right", "hash of right", HERE)
    await bench.fail(failed)
    bench.awake.clear()
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check("alice", f"guess {n}", None, HERE)) for n in range(GUESSES)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await bench.guard.check("alice", "one more", None, HERE)
    others = [asyncio.create_task(bench.guard.check(f"user{n}", "x", None, HERE)) for n in range(20)]
    await asyncio.sleep(0)
    bench.awake.set()
    bench.go_on.set()
    assert await asyncio.gather(*asking, *others) == [False] * (GUESSES + 20)


async def test_who_guesses_makes_way(bench: Bench) -> None:
    """However many guesses sleep, all who did not fail from there find a place: who failed loses one for each."""
    guessers = [f"guesser{number}" for number in range(WAITING_SUSPECT)]
    for guesser in guessers:
        await bench.fail(2, user=guesser)
    bench.awake.clear()
    guessing = await ask(bench, guessers)
    honest = [
        asyncio.create_task(bench.guard.check(f"user{number}", "right", "hash of right", HERE)) for number in range(15)
    ]
    await eventually(lambda: sum(task.done() for task in guessing) == 15, what="places lost")
    bench.awake.set()
    assert await asyncio.gather(*honest) == [True] * 15
    outcomes = await asyncio.gather(*guessing, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) == 15
    assert outcomes.count(False) == WAITING_SUSPECT - 15


async def test_many_guesses_at_one_new_name_make_way(bench: Bench) -> None:
    """So do those that ask the same of one name before any of them was found wrong."""
    await bench.fail(3)
    bench.awake.clear()
    guessing = await ask(bench, ["guesser"] * WAITING_SUSPECT)
    honest = asyncio.create_task(bench.guard.check("user", "right", "hash of right", HERE))
    await eventually(lambda: sum(task.done() for task in guessing) == 1, what="a place lost")
    bench.awake.set()
    assert await honest
    await asyncio.gather(*guessing, return_exceptions=True)


async def test_a_password_that_was_right_is_no_guess(bench: Bench) -> None:
    """Not even who guesses at a user from that user's own address keeps the right password out, or lets it wait."""
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    await bench.fail(20)
    bench.now += SECONDS + 1
    bench.awake.clear()
    guessing = [asyncio.create_task(bench.guard.check("alice", f"guess {n}", None, HERE)) for n in range(GUESSES)]
    await eventually(lambda: bench.asleep == GUESSES, what="all of them asleep")
    with pytest.raises(TooManyRequests):
        await bench.guard.check("alice", "one more", None, HERE)
    assert await bench.guard.check("alice", "right", "hash of right", HERE)
    assert bench.asleep == GUESSES
    bench.awake.set()
    assert await asyncio.gather(*guessing) == [False] * GUESSES


async def test_who_goes_frees_the_place(bench: Bench) -> None:
    """A client that is gone while it sleeps leaves room."""
    await bench.fail(3)
    bench.awake.clear()
    asking = await ask(bench, [f"user{number}" for number in range(WAITING_SUSPECT)])
    for task in asking:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*asking, return_exceptions=True)
    )
    await eventually(lambda: bench.asleep == 0, what="nobody asleep")
    again = await ask(bench, [f"user{number}" for number in range(WAITING_SUSPECT)])
    bench.awake.set()
    assert await asyncio.gather(*again) == [False] * WAITING_SUSPECT


async def test_suspects_leave_room_for_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who failed before, from however many addresses, fill half of the room: others still come in."""
    monkeypatch.setattr(guarding, "WAITING", 4)
    for number in range(6):
        await bench.fail(2, address=f"198.51.100.{number}")
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.guard.check(f"user{n}", "x", None, f"198.51.100.{n}")) for n in range(2)]
    await eventually(lambda: bench.at_once == 2, what="two hashing")
    with pytest.raises(TooManyRequests):
        await bench.guard.check("user5", "x", None, "198.51.100.5")
    robot = asyncio.create_task(bench.guard.check("robot", "right", "hash of right", HERE))
    await asyncio.sleep(0)
    bench.go_on.set()
    assert await robot
    await asyncio.gather(*asking)


def test_failures_are_bounded() -> None:
    """Many addresses do not eat memory: the oldest are forgotten."""
    failures = Failures(10, lambda: 0.0)
    for number in range(MOST + 5):
        failures.add(str(number))
    assert failures.count("4") == 0
    assert failures.count("5") == 1
    assert failures.count(str(MOST + 4)) == 1


def test_failures_are_forgotten() -> None:
    """What faded away is not kept, and of a long name only a hash is."""
    now = 0.0
    failures = Failures(10, lambda: now)
    tracemalloc.start()
    try:
        for number in range(300):
            failures.add(f"{number}" + "x" * 50_000)
        kept, _ = tracemalloc.get_traced_memory()
        assert failures.count("7" + "x" * 50_000) == 1
        now = FORGOTTEN + 1
        failures.add("another")
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 300_000
    assert left < kept / 3
    assert failures.count("another") == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("-", "-"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_networks(address: str, network: str) -> None:
    """IPv6 is counted by /64; what is no address is itself, cut."""
    assert find_network(address) == network
