# SPDX-License-Identifier: Apache-2.0
"""The gate of accounts over a real directory: who is let in, from memory as by asking, and who a proxy brings."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import structlog
from argon2 import PasswordHasher

from entrepot.app.accounts import open_accounts, prepare_accounts
from entrepot.auth import memo, remembered
from entrepot.auth.account_gate import AccountGate
from entrepot.auth.gate import Approach, OpenUpload
from entrepot.auth.generated import hash_token, make_token
from entrepot.auth.logins import LoginRefused
from entrepot.auth.passwords import hash_password, needs_rehash
from entrepot.auth.policy import FRESH
from entrepot.auth.settings import AccountsSettings
from entrepot.auth.token_service import Wanted
from entrepot.index.directory import ADMINISTRATORS, Account
from entrepot.index.index import Index, open_index
from entrepot.oci.access import ADMINISTRATION, CATALOG, PULL, PUSH, Access, to_repository
from entrepot.oci.errors import Denied, Unauthorized
from entrepot.oci.names import RepositoryName
from support.approaches import NoAudit
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = AccountsSettings(service="our service", issuer="our issuer")
APP = to_repository(RepositoryName.parse("team/app"), PULL)
PASSWORD = "correct horse"


@dataclass
class House:
    """An index with accounts, and the gate of one worker before it."""

    index: Index
    gate: AccountGate

    async def token(self, approach: Approach, *scopes: Access, offline: bool = False) -> str:
        """From the token service."""
        grant = await self.gate.tokens.grant(Wanted("", scopes, offline=offline), approach)
        return grant.access.token


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with open_index(tmp_path / "index.sqlite3") as opened:
        yield opened


@pytest.fixture
async def house(index: Index) -> House:
    """alice pulls team/**, from anywhere; root administers; everybody pulls public/**."""
    log = structlog.get_logger()
    await prepare_accounts(SETTINGS, index, log)
    add = index.directory.add_account
    await add(Account("alice", "user", hash_password(PASSWORD), created_at=1.0))
    await add(Account("root", "user", hash_password(PASSWORD), created_at=1.0, roles=(ADMINISTRATORS,)))
    await index.directory.add_rule("user:alice", "team/**", "*", PULL, "")
    await index.directory.add_rule("role:anonymous", "public/**", "*", PULL, "")
    await index.directory.add_rule("role:everyone", "shared/**", "*", PULL, "")
    return House(index, open_accounts(SETTINGS, index, NoAudit(), log))


def come(authorization: str | None = None, **more: object) -> Approach:
    return replace(Approach(authorization, "192.0.2.1", "http://registry.test"), **more)  # type: ignore[arg-type]


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def repository(name: str, actions: frozenset[str] = PULL) -> Access:
    return to_repository(RepositoryName.parse(name), actions)


async def forget(house: House) -> None:
    """Wait until the gate looks at the index again."""
    until(lambda: not house.gate._book.fresh, what="what was read is old", seconds=FRESH + 1)


async def test_memory_says_what_asking_says(house: House) -> None:
    """For each way to come and each need: nothing is recalled that asking would refuse, and what asking let in is
    recalled as the same afterwards.
    """
    token = await house.token(come(basic("alice")), APP, repository("shared/x"))
    anonymous = await house.token(come(), repository("public/x"))
    ways = [
        *(come(), come(basic("alice")), come(basic("root")), come(f"Bearer {token}"), come(f"Bearer {anonymous}")),
        *(come("Bearer x.y.z"), come(""), come(basic("alice", "wrong")), come(signed_in="alice"), come("Digest x")),
    ]
    needs = [APP, repository("team/app", PUSH), repository("public/x"), repository("shared/x"), repository("other/x")]
    needs += [CATALOG, ADMINISTRATION]
    let_in = 0
    for way in ways:
        for need in needs:
            recalled = house.gate.recall(way, need)
            try:
                asked = await house.gate.admit(way, [need])
            except (Unauthorized, Denied):
                assert recalled is None
                assert house.gate.recall(way, need) is None
                continue
            let_in += 1
            again = house.gate.recall(way, need)
            assert again is not None
            for one in (again, recalled or again):
                assert (one.actor, one.sight, one.rule, one.owner) == (
                    asked.actor,
                    asked.sight,
                    asked.rule,
                    asked.owner,
                )
            assert asked.allows(need) == asked.rule
    assert let_in == 19


async def test_memory_ends_with_what_was_read(house: House) -> None:
    """After half a second, or with the next version, asking comes first."""
    way = come(basic("alice"))
    await house.gate.admit(way, [APP])
    assert house.gate.recall(way, APP) is not None
    await forget(house)
    assert house.gate.recall(way, APP) is None
    await house.gate.admit(way, [APP])
    assert house.gate.recall(way, APP) is not None
    await house.index.directory.set_locked("alice", locked=True)
    await forget(house)
    with pytest.raises(Unauthorized):
        await house.gate.admit(way, [APP])
    assert house.gate.recall(way, APP) is None


async def test_memory_ends_with_the_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided for a token is not recalled after its end."""
    way = come(f"Bearer {await house.token(come(basic('alice')), APP)}")
    await house.gate.admit(way, [APP])
    assert house.gate.recall(way, APP) is not None
    monkeypatch.setattr(house.gate, "_now", lambda: time.time() + 301)
    monkeypatch.setattr(house.gate._bearers, "_now", lambda: time.time() + 301)
    assert house.gate.recall(way, APP) is None
    with pytest.raises(Unauthorized) as refused:
        await house.gate.admit(way, [APP])
    assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]


async def test_the_token_service_reads_first(house: House) -> None:
    """A password that was right a moment ago gives no token once the account is locked."""
    assert await house.token(come(basic("alice")), APP)
    await house.index.directory.set_locked("alice", locked=True)
    await forget(house)
    with pytest.raises(LoginRefused, match="locked"):
        await house.token(come(basic("alice")), APP)


async def test_memory_holds_no_passwords(house: House) -> None:
    """What a decision is remembered by is never a header with a password, also where a proxy forwards its own."""
    token = await house.token(come(basic("alice")), APP)
    ways = [come(basic("alice")), come(basic("of the proxy"), signed_in="alice"), come(f"Bearer {token}")]
    for way in ways:
        await house.gate.admit(way, [APP])
        assert house.gate.recall(way, APP) is not None
    names = [key[0] for key in house.gate._memo._made]
    assert names == ["account alice", "proxy alice", house.gate._bearers.name(f"Bearer {token}")]
    assert token not in repr(names)
    with pytest.raises(Unauthorized):
        await house.gate.admit(come(basic("alice", "wrong")), [APP])
    assert house.gate.recall(come(basic("alice", "wrong")), APP) is None


async def test_a_lock_during_the_hashing_counts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before a password was hashed may be seconds old when that is done."""
    check = house.gate._logins._guard.check

    async def lock_meanwhile(user: str, password: str, stored: str | None, address: str) -> bool:
        right = await check(user, password, stored, address)
        await house.index.directory.set_locked("alice", locked=True)
        await forget(house)
        return right

    monkeypatch.setattr(house.gate._logins._guard, "check", lock_meanwhile)
    with pytest.raises(Unauthorized) as refused:
        await house.gate.admit(come(basic("alice")), [APP])
    assert "locked" in str(refused.value.detail)


async def test_memory_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many decisions and many tokens the oldest are forgotten, and decided anew when they come again."""
    monkeypatch.setattr(memo, "MOST", 10)
    monkeypatch.setattr(house.gate._bearers._seen, "_most", 3)
    tokens = [await house.token(come(basic("alice")), APP) for _ in range(5)]
    for token in tokens:
        for number in range(5):
            await house.gate.admit(come(f"Bearer {token}"), [APP])
            house.gate.recall(come(f"Bearer {token}", address=f"192.0.2.{number}"), APP)
    assert len(house.gate._memo._made) <= 10
    assert len(house.gate._bearers._seen._found) <= 3
    assert house.gate._bearers.recall(tokens[0]) is None
    await house.gate.admit(come(f"Bearer {tokens[0]}"), [APP])
    assert house.gate._bearers.recall(tokens[0]) is not None


async def test_long_tokens_are_not_remembered(house: House) -> None:
    """Whoever may pull something gets tokens as long as headers may be; they are good, and read anew each time."""
    scopes = [repository(f"public/{'x' * 200}{number}") for number in range(40)]
    short, long = await house.token(come(), scopes[0]), await house.token(come(), *scopes)
    assert len(short) < remembered.LONGEST < len(long)
    for token in (short, long):
        assert (await house.gate.admit(come(f"Bearer {token}"), [scopes[0]])).rule == "role anonymous: public/** pull"
    assert house.gate.recall(come(f"Bearer {short}"), scopes[0]) is not None
    assert house.gate.recall(come(f"Bearer {long}"), scopes[0]) is None
    assert len(house.gate._memo._made) == len(house.gate._bearers._seen._found) == 1


async def test_memory_is_bounded_by_the_length_of_tokens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tokens of some kilobytes push each other out before there are as many as of short ones."""
    scopes = [repository(f"public/{'x' * 200}{number}") for number in range(10)]
    tokens = [await house.token(come(), *scopes) for _ in range(8)]
    monkeypatch.setattr(remembered, "MOST_CHARACTERS", 3 * len(tokens[0]) + 100)
    monkeypatch.setattr(memo, "MOST_CHARACTERS", 5 * len(tokens[0]) + 100)
    for token in tokens:
        await house.gate.admit(come(f"Bearer {token}"), [scopes[0]])
        for _ in range(2):
            assert house.gate.recall(come(f"Bearer {token}"), scopes[0]) is not None
    assert len(house.gate._bearers._seen._found) == 3
    assert house.gate._bearers._seen._size <= remembered.MOST_CHARACTERS
    assert len(house.gate._memo._made) == 5
    assert house.gate._memo._size <= memo.MOST_CHARACTERS


async def test_challenges(house: House) -> None:
    """Bearer on /v2/, at the address and prefix under which the client reaches us; Basic where only that is known."""
    wanted = 'Bearer realm="http://registry.test/hub/auth/token",service="our service",scope="repository:team/app:pull"'
    for way, challenge in [
        (come(base="/hub"), wanted),
        (come(basic("alice", "wrong"), base="/hub"), wanted),
        (come("Bearer x.y.z", base="/hub"), f'{wanted},error="invalid_token"'),
        (come(basic_only=True), 'Basic realm="our service"'),
        (come(basic("alice", "wrong"), basic_only=True), 'Basic realm="our service"'),
    ]:
        with pytest.raises(Unauthorized) as refused:
            await house.gate.admit(way, [APP])
        assert refused.value.headers["WWW-Authenticate"] == challenge


async def test_what_is_told_of_tokens(house: House) -> None:
    """What a token was not granted, what rules have ceased to allow, and in words what is no token of ours."""
    way = come(f"Bearer {await house.token(come(basic('alice')), APP)}")
    assert (await house.gate.admit(way, [APP])).actor == "alice"
    with pytest.raises(Unauthorized) as refused:
        await house.gate.admit(way, [APP, repository("team/app", frozenset({"delete"}))])
    assert refused.value.detail == "the token was not granted repository:team/app:delete; ask for one that is"
    (rule,) = [one for one in await house.index.directory.rules() if one.subject == "user:alice"]
    await house.index.directory.remove_rule(rule.id)
    await forget(house)
    with pytest.raises(Unauthorized) as refused:
        await house.gate.admit(way, [APP])
    assert refused.value.detail == f"no rule allows 'alice' {APP} from {way.address}"
    with pytest.raises(Unauthorized) as refused:
        await house.gate.admit(come("Bearer x.y.z"), [APP])
    assert refused.value.detail == "this is no token of this registry"


async def test_whom_a_proxy_has_signed_in(house: House) -> None:
    """The account of that name; whatever credentials came beside are the proxy's. Who has no account has what everyone
    has who is signed in; the name of an administrator is one.
    """
    admission = await house.gate.admit(come(basic("nobody", "of ours"), signed_in="alice"), [APP])
    assert (admission.actor, admission.rule) == ("alice", "user alice: team/** pull")
    guest = await house.gate.admit(come("Bearer x.y.z", signed_in="guest"), [repository("shared/x")])
    assert (guest.actor, guest.rule) == ("guest", "role everyone: shared/** pull")
    assert (await house.gate.admit(come(signed_in="guest"), [])).actor == "guest"
    assert (await house.gate.admit(come(signed_in="root"), [ADMINISTRATION])).actor == "root"
    with pytest.raises(Denied):
        await house.gate.admit(come(signed_in="guest"), [APP])
    with pytest.raises(Denied):
        await house.gate.admit(come(signed_in="alice"), [ADMINISTRATION])
    await house.index.directory.set_locked("alice", locked=True)
    await forget(house)
    with pytest.raises(Denied, match="locked"):
        await house.gate.admit(come(signed_in="alice"), [repository("public/x")])
    assert house.gate.recall(come(signed_in="alice"), repository("public/x")) is None


async def test_nobody_is_refused_for_what_was_just_allowed(house: House) -> None:
    """A rule that another worker has written in this moment is read before somebody is refused."""
    new = repository("new/x")
    with pytest.raises(Denied):
        await house.gate.admit(come(basic("alice")), [new])
    assert house.gate._book.fresh
    await house.index.directory.add_rule("user:alice", "new/*", "*", frozenset({"pull"}), "")
    assert house.gate._book.fresh
    assert (await house.gate.admit(come(basic("alice")), [new])).actor == "alice"


async def test_a_robot_is_nobody_whom_a_proxy_signs_in(house: House) -> None:
    """Names of people are given elsewhere; one that is a robot's gets none of what the robot may do."""
    await house.index.directory.add_account(
        Account("ci", "robot", "sha256:x", created_at=1.0, roles=("administrators",))
    )
    with pytest.raises(Denied, match="robot"):
        await house.gate.admit(come(signed_in="ci"), [APP])
    assert house.gate.recall(come(signed_in="ci"), APP) is None
    assert (await house.gate.admit(come(signed_in="guest"), [])).actor == "guest"


async def test_tokens_of_guests(house: House) -> None:
    """Who is signed in without an account has tokens, never one to refresh; they end when an account takes the name."""
    grant = await house.gate.tokens.grant(Wanted("", [repository("shared/x"), APP], True), come(signed_in="guest"))
    assert [str(one) for one in grant.granted] == ["repository:shared/x:pull"]
    assert grant.refresh_token == ""
    way = come(f"Bearer {grant.access.token}")
    assert (await house.gate.admit(way, [repository("shared/x")])).actor == "guest"
    await house.index.directory.add_account(Account("guest", "user", "", created_at=2.0))
    await forget(house)
    with pytest.raises(Unauthorized):
        await house.gate.admit(way, [repository("shared/x")])


async def test_the_name_of_an_account_is_no_guest(house: House) -> None:
    """Who is signed in and has an account gets a token of its epoch, with its rights."""
    token = await house.token(come(signed_in="alice"), APP)
    assert (await house.gate.admit(come(f"Bearer {token}"), [APP])).actor == "alice"
    await house.index.directory.set_locked("alice", locked=True)
    await forget(house)
    with pytest.raises(Unauthorized):
        await house.gate.admit(come(f"Bearer {token}"), [APP])


async def test_a_password_is_hashed_anew(house: House) -> None:
    """One that was hashed with parameters of another day is, at the next login; tokens and sessions stay."""
    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    await house.index.directory.add_account(Account("old", "user", old, created_at=1.0))
    before = await house.index.directory.account("old")
    assert before is not None
    assert needs_rehash(before.secret)
    await house.gate.admit(come(basic("old")), [])
    after = await house.index.directory.account("old")
    assert after is not None
    assert not needs_rehash(after.secret)
    assert (after.epoch, after.created_at) == (before.epoch, before.created_at)
    await forget(house)
    assert (await house.gate.admit(come(basic("old")), [])).actor == "old"


async def test_an_account_without_a_secret(house: House) -> None:
    """Has no password, not even the empty one."""
    await house.index.directory.add_account(Account("proxied", "user", "", created_at=1.0))
    for password in ("", "x"):
        with pytest.raises(Unauthorized):
            await house.gate.admit(come(basic("proxied", password)), [])
    assert (await house.gate.admit(come(signed_in="proxied"), [])).actor == "proxied"


async def test_a_hash_is_no_password(house: House) -> None:
    """Neither the kept hash of a robot's token nor that of a password opens anything."""
    secret = make_token()
    await house.index.directory.add_account(Account("ci", "robot", hash_token(secret), created_at=1.0))
    alice = await house.index.directory.account("alice")
    assert alice is not None
    assert (await house.gate.admit(come(basic("ci", secret)), [])).actor == "ci"
    for name, password in (("ci", hash_token(secret)), ("ci", hash_token(secret)[7:]), ("alice", alice.secret)):
        with pytest.raises(Unauthorized):
            await house.gate.admit(come(basic(name, password)), [])


async def test_seals(house: House) -> None:
    """An upload of somebody has one, an upload of nobody none; only that upload's own counts."""
    owner, nobody = (
        await house.gate.admit(come(basic("alice")), [APP]),
        await house.gate.admit(come(), [repository("public/x")]),
    )
    upload = uuid4()
    assert house.gate.seal(upload, nobody) == ""
    state = house.gate.seal(upload, owner)
    assert house.gate._seals.fits(upload, "alice", state)
    assert not house.gate._seals.fits(uuid4(), "alice", state)
    assert not house.gate._seals.fits(upload, "bob", state)
    assert house.gate.recall(come(basic("alice"), upload=OpenUpload(upload, state)), APP) is None
