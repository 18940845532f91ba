# SPDX-License-Identifier: Apache-2.0
"""Every request with every hostile credential: refused, always in the same form; with right ones it passes.

Requests are read from the tables by which the program dispatches, so that no endpoint can be forgotten.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest
import structlog
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.app import accounts
from entrepot.app.gates import open_gate, prepare_gate
from entrepot.auth import guard, htpasswd
from entrepot.auth.administration import join_administration
from entrepot.auth.issuing import find_epoch
from entrepot.auth.settings import AccountsSettings, AuthSettings, HtpasswdSettings, TokenSettings
from entrepot.index.directory import Account
from entrepot.storage.memory import open_memory
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings
from support import hostile
from support.approaches import NoAudit, basic
from support.edges import Answered, EdgeUnderTest
from support.forging import ABSENT, Forge
from support.hostile import FULL, NAME, Hostile
from support.houses import open_house
from support.routes import Request, list_requests
from support.signers import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from support.houses import House

USER, PASSWORD = "alice", "correct horse"
SERVICE, ISSUER, REALM = "registry.example.com", "issuer", "https://tokens.example.com/auth"

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Takes microseconds, since this is not about time."""

OWN = {"/v2/", "/api/v1/account", "/api/v1/account/password"}
"""What everybody may who is known."""

ADDRESSES = (f"198.51.{high}.{low}" for high in count() for low in range(1, 255))
"""Clients of their own, so that none is slowed by the failures of others."""


@dataclass(frozen=True)
class Kind:
    """One kind of authentication, with credentials that are right and those that are not. ``challenges``: how a refusal
    may begin.
    """

    settings: AuthSettings
    right: str
    wrong: Sequence[Hostile]
    challenges: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """A registry under one kind of authentication."""

    edge: EdgeUnderTest
    kind: Kind

    def requests(self, *, free: bool = False) -> list[Request]:
        """All that the registry answers; ``free``: those for which nobody has to say who they are, or the others."""
        every = list_requests(NAME, self.edge.operations)
        return [request for request in every if request.free is free]


@pytest.fixture(params=["htpasswd", "token", "accounts"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Each kind of authentication in turn."""
    monkeypatch.setattr(guard, "BY_USER", 0.0)
    monkeypatch.setattr(accounts, "DUMMY", CHEAP.hash("nobody's"))
    log = configure_logs(LogSettings(level="error"))
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        kind = {"htpasswd": _htpasswd, "token": _token, "accounts": _accounts}[request.param](tmp_path, house)
        asyncio.run(prepare_gate(kind.settings, house.index, log))
        gate = open_gate(kind.settings, house.index, NoAudit(), log)
        administration = None
        if isinstance(kind.settings, AccountsSettings):
            administration = join_administration(house.index.directory, kind.settings, NoAudit().changed)
        yield World(EdgeUnderTest(house, gate, administration=administration), kind)
    structlog.reset_defaults()


def _htpasswd(directory: Path, _house: House) -> Kind:
    path = directory / "htpasswd"
    path.write_text(htpasswd.make_line(USER, PASSWORD, cost=4))
    forge = Forge(ec.generate_private_key(ec.SECP256R1()), ISSUER, SERVICE)
    bearers = [Hostile("a token", (f"Bearer {forge.token(FULL)}".encode(),)), *hostile.tokens(forge)]
    known = [Hostile(one.name, one.lines) for one in bearers]  # a token says nothing to this kind
    wrong = [*hostile.malformed(USER, PASSWORD), *known]
    return Kind(HtpasswdSettings("the realm", path), basic(USER, PASSWORD), wrong, ('Basic realm="the realm"',))


def _token(directory: Path, _house: House) -> Kind:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = Authority(ISSUER, key=key).certificate
    bundle = directory / "bundle.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    forge = Forge(key, ISSUER, SERVICE, [certificate])
    wrong = [*hostile.malformed(USER, PASSWORD), Hostile("a password", (basic(USER, PASSWORD).encode(),))]
    settings = TokenSettings(REALM, SERVICE, ISSUER, bundle)
    every = [*wrong, *hostile.tokens(forge)]
    return Kind(settings, f"Bearer {forge.token(FULL)}", every, (f'Bearer realm="{REALM}"',))


def _accounts(directory: Path, house: House) -> Kind:
    """The user is an administrator: whatever a token does not hold is refused all the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = Authority(ISSUER, key=key).certificate
    pem = serialization.Encoding.PEM
    (directory / "token.crt").write_bytes(certificate.public_bytes(pem))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "token.key").write_bytes(key.private_bytes(pem, form, plain))
    settings = AccountsSettings(SERVICE, ISSUER, None, directory / "token.key", directory / "token.crt")
    user = Account(USER, "user", CHEAP.hash(PASSWORD), created_at=1.0, roles=("administrators",))
    locked = Account("locked", "user", CHEAP.hash(PASSWORD), locked=True, created_at=1.0, roles=("administrators",))
    for account in (user, locked):
        asyncio.run(house.index.directory.add_account(account))
    good = {"epoch": find_epoch(user)}
    forge = Forge(key, ISSUER, SERVICE, [certificate], extra=good)
    bearers = {
        "of no epoch": forge.token(FULL, epoch=ABSENT),
        "of an epoch that is over": forge.token(FULL, epoch="0@1.000000"),
        "of an account of that name before": forge.token(FULL, epoch="1@0.000000"),
        "of a number for an epoch": forge.token(FULL, epoch=1),
        "of a locked account": forge.token(FULL, sub="locked", epoch=find_epoch(locked)),
        "of nobody who is known": forge.token(FULL, sub="mallory"),
        "to refresh": forge.token(header={"typ": "refresh+jwt"}, aud=f"{ISSUER} refresh", access=ABSENT),
        "to refresh, as if for access": forge.token(FULL, header={"typ": "refresh+jwt"}),
        "for access, with the audience of those to refresh": forge.token(FULL, aud=f"{ISSUER} refresh"),
    }
    wrong = [
        *hostile.malformed(USER, PASSWORD),
        Hostile("a locked account", (basic("locked", PASSWORD).encode(),)),
        *(Hostile(f"a token {name}", (f"Bearer {token}".encode(),)) for name, token in bearers.items()),
        *hostile.tokens(forge),
    ]
    challenges = ('Bearer realm="http://registry.example.com/auth/token"', f'Basic realm="{SERVICE}"')
    return Kind(settings, basic(USER, PASSWORD), wrong, challenges)


def _lines(lines: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", line) for line in lines]


async def test_hostile_credentials(world: World) -> None:
    """At least 300 of them on each method of each endpoint get 401 with the challenge, in the registry's own form."""
    assert len(world.kind.wrong) >= 300
    faults = []
    for request in world.requests():
        for one in world.kind.wrong:
            answer = await world.edge.ask(request.method, request.path, _lines(one.lines), client=next(ADDRESSES))
            if one.known and request.path in OWN and answer.status != 401:
                continue  # known, and there nothing more is needed
            if fault := _find_fault(answer, request, world.kind.challenges):
                faults.append(f"{request.method} {request.path} with {one.name}: {fault}")
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:40]])


async def test_no_credentials(world: World) -> None:
    """Who says nothing is asked who they are, everywhere."""
    for request in world.requests():
        answer = await world.edge.ask(request.method, request.path)
        assert not _find_fault(answer, request, world.kind.challenges), f"{request}: {answer}"


async def test_right_credentials(world: World) -> None:
    """Pass on each: what is answered then is about what was asked for."""
    for request in world.requests():
        answer = await world.edge.ask(request.method, request.path, _lines([world.kind.right.encode()]))
        assert answer.status not in {401, 403}, f"{request}: {answer}"
        assert answer.status < 500, f"{request}: {answer}"


async def test_what_is_free(world: World) -> None:
    """Asks nobody, and takes no notice of what they say."""
    for request in world.requests(free=True):
        for lines in ((), (b"Basic !",), (b"Bearer x",), (world.kind.right.encode(),)):
            answer = await world.edge.ask(request.method, request.path, _lines(lines))
            assert answer.status not in {401, 403}, f"{request}: {answer}"


async def test_preflights(world: World) -> None:
    """A browser asks with OPTIONS before it sends credentials, and is told what is allowed."""
    for request in world.requests():
        if request.kind != "v1":
            assert (await world.edge.ask("OPTIONS", request.path)).status == 200, request


async def test_known_without_rights(world: World) -> None:
    """Who is known and may do nothing is told so with 403, whatever is asked for, and whether it is there or not."""
    if not isinstance(world.kind.settings, AccountsSettings):
        return
    bob = Account("bob", "user", CHEAP.hash(PASSWORD), created_at=1.0)
    await world.edge.directory.add_account(bob)
    for request in world.requests():
        answer = await world.edge.ask(request.method, request.path, _lines([basic("bob", PASSWORD).encode()]))
        if request.path in OWN:
            assert answer.status not in {401, 403}, f"{request}: {answer}"
            continue
        assert answer.status == 403, f"{request}: {answer}"
        if request.method != "HEAD":
            assert json.loads(answer.body)["errors"][0]["code"] == "DENIED"


def _find_fault(answer: Answered, request: Request, challenges: tuple[str, ...]) -> str:
    """What is wrong with a refusal; "" where all is right."""
    if answer.status != 401:
        return f"{answer.status} {answer.body[:200]!r}"
    said = answer.headers.get("www-authenticate", "")
    if not said.startswith(challenges):
        return f"the challenge {said!r}"
    if request.method == "HEAD":
        return f"a body: {answer.body[:80]!r}" if answer.body else ""
    (error,) = json.loads(answer.body)["errors"]
    return "" if error["code"] == "UNAUTHORIZED" else f"the code {error['code']}"
