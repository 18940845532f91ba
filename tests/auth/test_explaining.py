# SPDX-License-Identifier: Apache-2.0
"""A decision can be explained: the rule that allows, or why none does and which nearly would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from entrepot.auth.explaining import Explanation
from entrepot.auth.rules import NewRule
from entrepot.auth.settings import AccountsSettings
from entrepot.index.directory import ADMINISTRATORS, Account
from entrepot.index.index import open_index
from entrepot.oci.access import DELETE, PULL, PUSH, to_repository
from entrepot.oci.names import RepositoryName
from support.people import ROOT, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.index import Index

INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.7"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Where nobody is."""
    with open_index(tmp_path / "index.sqlite3") as opened:
        yield opened


@pytest.fixture
def office(index: Index) -> Office:
    """Of a registry without a proxy that signs people in."""
    return open_office(index.directory)


async def fill(office: Office) -> None:
    """A user, a role that they have not, and rules of several kinds."""
    administration = office.administration
    await administration.roles.add("builders", "", ROOT)
    await administration.users.add("ann", "correct horse", [], "", ROOT)
    await administration.rules.add("user:ann", NewRule.parse("team/*", "pull", "10.0.0.0/8"), ROOT)
    await administration.rules.add("role:builders", NewRule.parse("build/**", "pull,push"), ROOT)
    await administration.rules.add("everyone", NewRule.parse("shared/**", "pull"), ROOT)
    await administration.rules.add("anonymous", NewRule.parse("public/**", "pull"), ROOT)


async def ask(office: Office, who: str, name: str, actions: frozenset[str] = PULL, ip: str = INSIDE) -> Explanation:
    """May they?"""
    return await office.administration.explainer.explain(who, to_repository(RepositoryName(name), actions), ip)


async def test_what_allows(office: Office) -> None:
    """The rule is named, whether it speaks of the user, of everyone or of anybody."""
    await fill(office)
    assert await ask(office, "ann", "team/app") == Explanation(
        allowed=True, rule="user ann: team/* pull from 10.0.0.0/8"
    )
    assert (await ask(office, "ann", "shared/x")).rule == "role everyone: shared/** pull"
    assert (await ask(office, "ann", "public/x")).rule == "role anonymous: public/** pull"
    assert (await ask(office, "anonymous", "public/x")).rule == "role anonymous: public/** pull"


@pytest.mark.parametrize(
    ("name", "actions", "ip", "reason"),
    [
        ("team/app", PULL, OUTSIDE, "does not hold from 192.0.2.7"),
        ("team/app", PULL, "", "does not hold from an address that is not known"),
        ("team/app", PUSH, INSIDE, "does not allow push"),
        ("team/app", DELETE, INSIDE, "does not allow delete"),
        ("team/app/deep", PULL, INSIDE, "* ends at the next /, ** does not"),
        ("build/app", PUSH, INSIDE, "to those who have the role, but not to ann"),
    ],
)
async def test_what_nearly_allows(office: Office, name: str, actions: frozenset[str], ip: str, reason: str) -> None:
    """The rule that one thing keeps from allowing it is named, with that thing."""
    await fill(office)
    found = await ask(office, "ann", name, actions, ip)
    assert not found.allowed
    assert found.rule == ""
    assert found.reasons[0].startswith("no rule allows ")
    assert [one for one in found.reasons[1:] if reason in one], found.reasons


async def test_what_is_far(office: Office) -> None:
    """Rules that more than one thing keeps from it are not told, nor those of other accounts."""
    await fill(office)
    assert (await ask(office, "ann", "elsewhere/app", PULL, INSIDE)).reasons == ("no rule allows pull",)
    assert (await ask(office, "anonymous", "team/app", PUSH, OUTSIDE)).reasons == ("no rule allows pull,push",)


async def test_many_rules(office: Office) -> None:
    """At most ten that nearly match are told, those that speak of the user first, and how many more there are."""
    await fill(office)
    for number in range(12):
        await office.administration.roles.add(f"role{number}", "", ROOT)
        await office.administration.rules.add(f"role:role{number}", NewRule.parse("team/app", "pull"), ROOT)
    reasons = (await ask(office, "ann", "team/app", PULL, OUTSIDE)).reasons
    assert len(reasons) == 12
    assert "user ann" in reasons[1]
    assert reasons[-1] == "and 3 more rules that nearly match"


async def test_who_cannot_sign_in(office: Office) -> None:
    """No account, a lock, an expired token, no password: none may anything, whatever the rules say."""
    await fill(office)
    administration = office.administration
    await office.directory.add_account(Account("old", "robot", "sha256:x", expires_at=time.time() - 1))
    await administration.users.add("bare", None, [], "", ROOT)
    await administration.users.accounts.set_locked("ann", locked=True, caller=ROOT)
    for who, reason in (
        ("ann", "the user ann is locked"),
        ("nobody", "there is no account 'nobody'"),
        ("old", "has expired; entrepot robot renew old"),
        ("bare", "has no password"),
    ):
        found = await ask(office, who, "shared/x")
        assert not found.allowed
        assert len(found.reasons) == 1
        assert reason in found.reasons[0]
    await administration.users.accounts.set_locked("ann", locked=False, caller=ROOT)
    assert (await ask(office, "ann", "shared/x")).allowed


async def test_behind_a_proxy(index: Index) -> None:
    """Where a proxy signs people in, who has no account or no password is everyone; a lock still holds."""
    office = open_office(index.directory, AccountsSettings(proxyheader="X-Remote-User"))
    await fill(office)
    await office.administration.users.add("bare", None, [], "", ROOT)
    assert (await ask(office, "stranger", "shared/x")).rule == "role everyone: shared/** pull"
    assert (await ask(office, "bare", "shared/x")).allowed
    assert not (await ask(office, "stranger", "team/x")).allowed
    await office.administration.users.accounts.set_locked("bare", locked=True, caller=ROOT)
    assert not (await ask(office, "bare", "shared/x")).allowed


async def test_administrators(office: Office) -> None:
    """They may do everything, of repositories that are not there as well."""
    await fill(office)
    await office.administration.users.accounts.give_role("ann", ADMINISTRATORS, ROOT)
    assert (await ask(office, "ann", "never/pushed", DELETE, OUTSIDE)).allowed


async def test_standing(office: Office) -> None:
    """Who asks about themselves is told their roles, given and usual, and the rules that hold for them."""
    await fill(office)
    explainer = office.administration.explainer
    standing = await explainer.find_standing("ann")
    assert (standing.name, standing.roles) == ("ann", ("anonymous", "everyone"))
    assert {rule.subject for rule in standing.rules} == {"user:ann", "role:everyone", "role:anonymous"}
    await office.administration.users.accounts.give_role("ann", "builders", ROOT)
    standing = await explainer.find_standing("ann")
    assert standing.roles == ("anonymous", "builders", "everyone")
    assert len(standing.rules) == 4
    stranger = await explainer.find_standing("stranger")
    assert stranger.account is None
    assert {rule.subject for rule in stranger.rules} == {"role:everyone", "role:anonymous"}
    nobody = await explainer.find_standing("")
    assert nobody.roles == ("anonymous",)
    assert {rule.subject for rule in nobody.rules} == {"role:anonymous"}
