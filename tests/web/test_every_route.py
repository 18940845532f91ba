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
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.app.gates import open_gate, prepare_gate
from entrepot.auth import guard, htpasswd
from entrepot.auth.audit import NoAudit
from entrepot.auth.settings import AuthSettings, HtpasswdSettings, TokenSettings
from entrepot.storage.memory import open_memory
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings
from support import hostile
from support.authorities import make_certificate
from support.edges import Answered, EdgeUnderTest
from support.forging import Forge
from support.hostile import FULL, NAME, Hostile, basic
from support.houses import open_house
from support.routes import Request, list_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

USER, PASSWORD = "alice", "correct horse"
SERVICE, ISSUER, REALM = "registry.example.com", "issuer", "https://tokens.example.com/auth"

ADDRESSES = (f"198.51.{high}.{low}" for high in count() for low in range(1, 255))
"""Clients of their own, so that none is slowed by the failures of others."""


@dataclass(frozen=True)
class World:
    """A registry under one kind of authentication, with credentials that are right and those that are not."""

    edge: EdgeUnderTest
    right: str
    wrong: Sequence[Hostile]
    challenge: str

    def requests(self, *, free: bool = False) -> list[Request]:
        """All that the registry answers; ``free``: those for which nobody has to say who they are, or the others."""
        every = list_requests(NAME, self.edge.operations)
        return [request for request in every if request.free is free]


@pytest.fixture(params=["htpasswd", "token"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Each kind of authentication in turn."""
    settings, right, wrong, challenge = {"htpasswd": _htpasswd, "token": _token}[request.param](tmp_path)
    monkeypatch.setattr(guard, "BY_USER", 0.0)
    log = configure_logs(LogSettings(level="error"))
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        asyncio.run(prepare_gate(settings, house.index, log))
        gate = open_gate(settings, house.index, NoAudit(), log)
        yield World(EdgeUnderTest(house, gate), right, wrong, challenge)
    structlog.reset_defaults()


def _htpasswd(directory: Path) -> tuple[AuthSettings, str, list[Hostile], str]:
    path = directory / "htpasswd"
    path.write_text(htpasswd.make_line(USER, PASSWORD, cost=4))
    forge = Forge(ec.generate_private_key(ec.SECP256R1()), ISSUER, SERVICE)
    bearers = [Hostile("a token", (f"Bearer {forge.token(FULL)}".encode(),)), *hostile.tokens(forge)]
    known = [Hostile(one.name, one.lines) for one in bearers]  # a token says nothing to this kind
    wrong = [*hostile.malformed(USER, PASSWORD), *known]
    return HtpasswdSettings("the realm", path), basic(USER, PASSWORD), wrong, 'Basic realm="the realm"'


def _token(directory: Path) -> tuple[AuthSettings, str, list[Hostile], str]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = make_certificate(key, ISSUER)
    bundle = directory / "bundle.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    forge = Forge(key, ISSUER, SERVICE, [certificate])
    wrong = [*hostile.malformed(USER, PASSWORD), Hostile("a password", (basic(USER, PASSWORD).encode(),))]
    settings = TokenSettings(REALM, SERVICE, ISSUER, bundle)
    return settings, f"Bearer {forge.token(FULL)}", [*wrong, *hostile.tokens(forge)], f'Bearer realm="{REALM}"'


def _lines(lines: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", line) for line in lines]


async def test_hostile_credentials(world: World) -> None:
    """At least 300 of them on each method of each endpoint get 401 with the challenge, in the registry's own form."""
    assert len(world.wrong) >= 300
    faults = []
    for request in world.requests():
        for one in world.wrong:
            answer = await world.edge.ask(request.method, request.path, _lines(one.lines), client=next(ADDRESSES))
            if one.known and request.path == "/v2/" and answer.status == 200:
                continue  # known, and there nothing more is needed
            if fault := _find_fault(answer, request, world.challenge):
                faults.append(f"{request.method} {request.path} with {one.name}: {fault}")
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:40]])


async def test_no_credentials(world: World) -> None:
    """Who says nothing is asked who they are, everywhere."""
    for request in world.requests():
        answer = await world.edge.ask(request.method, request.path)
        assert not _find_fault(answer, request, world.challenge), f"{request}: {answer}"


async def test_right_credentials(world: World) -> None:
    """Pass on each: what is answered then is about what was asked for."""
    for request in world.requests():
        answer = await world.edge.ask(request.method, request.path, _lines([world.right.encode()]))
        assert answer.status not in {401, 403}, f"{request}: {answer}"
        assert answer.status < 500, f"{request}: {answer}"


async def test_what_is_free(world: World) -> None:
    """Asks nobody, and takes no notice of what they say."""
    for request in world.requests(free=True):
        for lines in ((), (b"Basic !",), (b"Bearer x",), (world.right.encode(),)):
            answer = await world.edge.ask(request.method, request.path, _lines(lines))
            assert answer.status not in {401, 403}, f"{request}: {answer}"


async def test_preflights(world: World) -> None:
    """A browser asks with OPTIONS before it sends credentials, and is told what is allowed."""
    for request in world.requests():
        if request.kind != "v1":
            assert (await world.edge.ask("OPTIONS", request.path)).status == 200, request


def _find_fault(answer: Answered, request: Request, challenge: str) -> str:
    """What is wrong with a refusal; "" where all is right."""
    if answer.status != 401:
        return f"{answer.status} {answer.body[:200]!r}"
    said = answer.headers.get("www-authenticate", "")
    if not said.startswith(challenge):
        return f"the challenge {said!r}"
    if request.method == "HEAD":
        return f"a body: {answer.body[:80]!r}" if answer.body else ""
    (error,) = json.loads(answer.body)["errors"]
    return "" if error["code"] == "UNAUTHORIZED" else f"the code {error['code']}"
