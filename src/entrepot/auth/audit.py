# SPDX-License-Identifier: Apache-2.0
"""Who came in, who was refused, and who changed accounts and rules: in the log and in the feed of events.

Whoever guesses passwords must not be able to fill a disk or to hide among their own entries. What happens again within
:data:`PERIOD` is counted and told in one entry at its end; of one address at most :data:`BURST` different entries are
told in a period, and the rest as a number; so are those over :data:`MOST`, of whatever address.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from entrepot.index.envelopes import Audited, Happening, Source, write_event
from entrepot.index.outbox import Outbox
from entrepot.oci.errors import RegistryError
from entrepot.telemetry.audit_log import AuditLog
from entrepot.telemetry.logs import Logger

SECONDS = 0.5
"""Between two times that gathered entries are written."""

PERIOD = 60.0
"""Seconds within which the same is told once, and then how often."""

BURST = 5
"""Different logins, and different refusals, of one address that are told in a period."""

MOST = 300
"""Different logins, and different refusals, that are told in a period, of all addresses."""

LONGEST = 200
"""Characters kept of what is told; names that are refused come from anybody."""

OTHERS = (("what", "others, too many to name"),)
"""Stands for what was asked for by those that are only counted."""

_HOST_BITS = 64
"""Of an IPv6 address: whoever has one address of a network has all."""


class Audit(Protocol):
    """Told by gates, token service and administration. Every call is cheap and none waits; none can fail.

    ``actor``: the account or robot that was asked for, even where the credentials are wrong; "" where none is known.
    ``address``: of the client as far as it is believed (``Approach.address``), "" for the command line.
    """

    def login(self, actor: str, address: str, how: str) -> None:
        """Credentials were found to be good: a token was given out, or a password was hashed and is right, not one
        that is remembered. ``how``: ``password``, ``token``, ``refresh token``, ``robot``, ``proxy``.
        """
        ...

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        """Credentials that are wrong, or good ones that do not allow what was asked. Not the 401 to a request without
        credentials, with which every client begins. ``why``: in words, such as ``wrong password``; ``what``: what was
        asked for, as in ``repository:team/app:push``, "" for a login.
        """
        ...

    def changed(self, actor: str, address: str, what: str) -> None:
        """Something of accounts, roles, rules, robots or keys is different; ``what``: in words, such as
        ``user bob: locked``, never with a secret.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fact:
    """What is told once, however often it happens. ``target``: pairs of names and words."""

    action: Audited
    actor: str
    address: str
    target: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Entry:
    """A fact that happened ``count`` times since it was written last; ``when``: the last time, in nanoseconds."""

    fact: Fact
    when: int
    count: int = 1


class AuditTrail:
    """The audit of one process. Not to be used by several threads."""

    def __init__(
        self, outbox: Outbox, source: Source, lines: AuditLog, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._outbox = outbox
        self._source = source
        self._lines = lines
        self._clock = clock
        self._began = clock()
        self._fresh: list[Entry] = []
        self._repeated: dict[Fact, Entry] = {}
        self._told: set[Fact] = set()
        self._different: Counter[tuple[Audited, str]] = Counter()
        self._all: Counter[Audited] = Counter()

    def login(self, actor: str, address: str, how: str) -> None:
        """See :class:`Audit`."""
        self._note("login", actor, address, how=how)

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        """See :class:`Audit`."""
        self._note("refuse", actor, address, why=why, what=what)

    def changed(self, actor: str, address: str, what: str) -> None:
        """See :class:`Audit`. All are told, each for itself: only administrators can make them."""
        self._fresh.append(Entry(_fact("account", actor, address, {"what": what}), time.time_ns()))

    async def write(self) -> None:
        """Tell what is new, and at a period's end what was counted. Raises what the index raises; it is lost then."""
        entries, self._fresh = self._fresh, []
        if self._clock() - self._began >= PERIOD:
            entries += self._end_period()
        for entry in entries:
            self._lines.add(_fields(entry))
        if entries:
            await self._outbox.add([write_event(_happening(entry), self._source, entry.when) for entry in entries])

    async def close(self) -> None:
        """Tell all that was counted, whatever the time."""
        self._fresh += self._end_period()
        await self.write()

    def _note(self, action: Audited, actor: str, address: str, **target: str) -> None:
        fact = _fact(action, actor, address, target)
        if fact in self._told:
            return self._count(fact)
        network = _network(address)
        if self._different[action, network] >= BURST:
            return self._count(Fact(action, "", network, OTHERS))
        if self._all[action] >= MOST:
            return self._count(Fact(action, "", "", OTHERS))
        self._different[action, network] += 1
        self._all[action] += 1
        self._told.add(fact)
        return self._fresh.append(Entry(fact, time.time_ns()))

    def _count(self, fact: Fact) -> None:
        known = self._repeated.get(fact)
        if known is None:
            self._repeated[fact] = Entry(fact, time.time_ns())
        else:
            known.count += 1
            known.when = time.time_ns()

    def _end_period(self) -> list[Entry]:
        entries = list(self._repeated.values())
        for kept in (self._repeated, self._told, self._different, self._all):
            kept.clear()
        self._began = self._clock()
        return entries


async def write_audit(trail: AuditTrail, log: Logger) -> None:
    """Write every :data:`SECONDS`, until cancelled, and then what is left."""
    try:
        while True:
            await asyncio.sleep(SECONDS)
            await _write(trail.write, log)
    finally:
        await _write(trail.close, log)


async def _write(write: Callable[[], Awaitable[None]], log: Logger) -> None:
    try:
        await write()
    except (RegistryError, OSError) as error:
        log.warning("audit entries could not be written to the feed; the log has them", detail=str(error))


def _fact(action: Audited, actor: str, address: str, target: Mapping[str, str]) -> Fact:
    kept = tuple((name, text[:LONGEST]) for name, text in target.items() if text)
    return Fact(action, actor[:LONGEST], address, kept)


def _network(address: str) -> str:
    """Whose address it is, as far as can be told: IPv6 by its network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return f"{IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS)}/{_HOST_BITS}"


def _fields(entry: Entry) -> dict[str, object]:
    fact = entry.fact
    facts = {"action": fact.action, "actor": fact.actor, "address": fact.address, **dict(fact.target)}
    return facts | ({"count": entry.count} if entry.count > 1 else {})


def _happening(entry: Entry) -> Happening:
    fact = entry.fact
    request = {"addr": fact.address} if fact.address else {}
    more = {"count": entry.count} if entry.count > 1 else {}
    return Happening(fact.action, dict(fact.target), request, fact.actor, more)
