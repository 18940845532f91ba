# SPDX-License-Identifier: Apache-2.0
"""Decisions, as people would write them down: who, what, from where, and the rule that allows it."""

from __future__ import annotations

import pytest

from entrepot.auth.names import parse_actions, parse_network, parse_pattern, parse_subject
from entrepot.auth.policy import NOBODY, Person, Policy
from entrepot.index.directory import Account, Rule
from entrepot.index.sight import EVERY_REPOSITORY, EVERYTHING, NOTHING, Sight
from entrepot.oci.access import ADMINISTRATION, CATALOG, CATALOG_SEARCH, Access

INSIDE, OUTSIDE = "10.1.2.3", "203.0.113.9"


def rules(*lines: str) -> list[Rule]:
    """Rules as ``SUBJECT PATTERN ACTIONS [NETWORK]``, each pattern with a number of its own."""
    patterns = list(dict.fromkeys(line.split()[1] for line in lines))
    return [rule(number, line, patterns) for number, line in enumerate(lines, 1)]


def rule(number: int, line: str, patterns: list[str]) -> Rule:
    """One of them."""
    subject, pattern, actions, network = [*line.split(), "*"][:4]
    return Rule(
        id=number,
        subject=parse_subject(subject),
        pattern=parse_pattern(pattern),
        pattern_id=patterns.index(pattern) + 1,
        network=parse_network(network),
        actions=parse_actions(actions),
    )


TEAM = Policy(
    rules(
        "role:anonymous public/** pull",
        "role:everyone shared/* pull",
        "role:developers team/** pull,push",
        "role:developers team/** delete 10.0.0.0/8",
        "role:releasers team/*/release delete",
        "user:ann ann/** pull,push,delete",
        "robot:ci team/app push 192.168.*",
        "robot:ci team/app pull",
    )
)
ROOT = Person.of(Account("root", "user", "", roles=("administrators",)))
ANN = Person.of(Account("ann", "user", "", roles=("developers",)))
BEN = Person.of(Account("ben", "user", ""))
CI = Person.of(Account("ci", "robot", ""))
HANS = Person.signed_in("hans")

DEVELOPERS = "role developers: team/** pull,push"
DELETING = "role developers: team/** delete from 10.0.0.0/8"


@pytest.mark.parametrize(
    ("person", "scope", "address", "expected"),
    [
        (NOBODY, "repository:public/app:pull", OUTSIDE, "role anonymous: public/** pull"),
        (NOBODY, "repository:public/a/b/c:pull", "-", "role anonymous: public/** pull"),
        (NOBODY, "repository:public/app:push", OUTSIDE, None),
        (NOBODY, "repository:public/app:pull,push", OUTSIDE, None),
        (NOBODY, "repository:public/app:*", OUTSIDE, None),
        (NOBODY, "repository:public:pull", OUTSIDE, None),
        (NOBODY, "repository:team/app:pull", OUTSIDE, None),
        (NOBODY, "repository:shared/app:pull", OUTSIDE, None),
        (BEN, "repository:public/app:pull", OUTSIDE, "role anonymous: public/** pull"),
        (BEN, "repository:shared/app:pull", OUTSIDE, "role everyone: shared/* pull"),
        (BEN, "repository:shared/app/deep:pull", OUTSIDE, None),
        (BEN, "repository:ann/app:pull", OUTSIDE, None),
        (HANS, "repository:shared/app:pull", OUTSIDE, "role everyone: shared/* pull"),
        (HANS, "repository:team/app:pull", OUTSIDE, None),
        (ANN, "repository:team/app:pull,push", OUTSIDE, DEVELOPERS),
        (ANN, "repository:team/app:delete", OUTSIDE, None),
        (ANN, "repository:team/app:delete", INSIDE, DELETING),
        (ANN, "repository:team/app:delete", f"::ffff:{INSIDE}", DELETING),
        (ANN, "repository:team/app:*", INSIDE, f"{DEVELOPERS}; {DELETING}"),
        (ANN, "repository:team/app:*", OUTSIDE, None),
        (ANN, "repository:team/app:delete", "-", None),
        (ANN, "repository:team/app:delete", "", None),
        (ANN, "repository:ann/x:*", OUTSIDE, "user ann: ann/** pull,push,delete"),
        (ANN, "repository:team/app:explode", INSIDE, None),
        (ANN, "repository:team/app:pull,explode", INSIDE, None),
        (ANN, "repository(plugin):team/app:pull", INSIDE, None),
        (ANN, "squirrel:team/app:pull", INSIDE, None),
        (ANN, "repository:team:pull", INSIDE, None),
        (ANN, "repository:teams/app:pull", INSIDE, None),
        (CI, "repository:team/app:pull", OUTSIDE, "robot ci: team/app pull"),
        (CI, "repository:team/app:pull,push", OUTSIDE, None),
        (
            CI,
            "repository:team/app:pull,push",
            "192.168.7.1",
            "robot ci: team/app push from 192.168.*; robot ci: team/app pull",
        ),
        (CI, "repository:shared/app:pull", OUTSIDE, "role everyone: shared/* pull"),
        (ROOT, "repository:any/thing:*", OUTSIDE, "role administrators"),
        (ROOT, "repository:any/thing:pull,push,delete", "-", "role administrators"),
        (ROOT, "repository:any/thing:explode", OUTSIDE, None),
        (ROOT, "squirrel:any/thing:pull", OUTSIDE, None),
        (ROOT, "registry:catalog:*", OUTSIDE, "role administrators"),
        (ROOT, "registry:administration:*", OUTSIDE, "role administrators"),
        (ROOT, "registry:nothing:*", OUTSIDE, None),
        (ANN, "registry:administration:*", INSIDE, None),
        (ANN, "registry:catalog:*", INSIDE, "user ann: ann/** pull,push,delete"),
        (ANN, "registry:catalog:delete", INSIDE, None),
        (NOBODY, "registry:catalog:search", OUTSIDE, "role anonymous: public/** pull"),
    ],
)
def test_decisions(person: Person, scope: str, address: str, expected: str | None) -> None:
    """The rules that together allow it, those for one account first; None where they do not. Asked again: the same."""
    access = Access.parse(scope)
    assert TEAM.find_rule(person, access, address) == expected
    assert TEAM.find_rule(person, access, address) == expected


@pytest.mark.parametrize(
    ("person", "scope", "address", "expected"),
    [
        (ANN, "repository:team/app:pull,push,delete", OUTSIDE, "pull,push"),
        (ANN, "repository:team/app:*", OUTSIDE, "pull,push"),
        (ANN, "repository:team/app:*", INSIDE, "*,pull,push,delete"),
        (ANN, "repository:team/app:delete", INSIDE, "delete"),
        (ANN, "repository:team/app:pull,explode", INSIDE, "pull"),
        (BEN, "repository:team/app:pull,push", INSIDE, ""),
        (NOBODY, "repository:public/app:pull,push", INSIDE, "pull"),
        (ROOT, "repository:team/app:*", OUTSIDE, "*,pull,push,delete"),
        (ROOT, "registry:catalog:*", OUTSIDE, "*"),
        (BEN, "registry:catalog:*", OUTSIDE, "*"),
        (BEN, "registry:administration:*", OUTSIDE, ""),
    ],
)
def test_what_of_it_is_permitted(person: Person, scope: str, address: str, expected: str) -> None:
    """What a token grants: what was asked for and is allowed, no more."""
    permitted = TEAM.find_permitted(person, Access.parse(scope), address)
    assert permitted == frozenset(expected.split(",")) - {""}


def test_invented_actions_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only actions that there are get decided on, however many words a client invents."""
    policy = Policy(rules("role:anonymous public/** pull"))
    asked: list[Access] = []
    plain = policy.find_rule

    def note(person: Person, access: Access, address: str) -> str | None:
        asked.append(access)
        return plain(person, access, address)

    monkeypatch.setattr(Policy, "find_rule", lambda _, person, access, address: note(person, access, address))
    invented = frozenset(f"a{number}" for number in range(1000))
    for kind, name in (("repository", "public/app"), ("registry", "catalog"), ("registry", "x"), ("plugin", "x")):
        assert policy.find_permitted(NOBODY, Access(kind, name, invented), INSIDE) == frozenset()
    assert asked == []
    assert policy.find_permitted(NOBODY, Access("repository", "public/app", invented | {"pull"}), INSIDE) == {"pull"}
    assert [access.actions for access in asked] == [{"pull"}]


def test_nobody_may_do_anything_without_rules() -> None:
    """Deny by default, but to administrators."""
    nothing = Policy(())
    for person in (NOBODY, HANS, ANN, CI):
        for scope in ("repository:a:pull", "registry:catalog:*", "registry:administration:*"):
            assert nothing.find_rule(person, Access.parse(scope), INSIDE) is None
        assert nothing.find_sight(person, INSIDE).patterns == NOTHING.patterns
    assert nothing.find_rule(ROOT, ADMINISTRATION, INSIDE) == "role administrators"
    assert nothing.find_sight(ROOT, INSIDE) == EVERYTHING


def test_an_access_without_actions_is_not_allowed() -> None:
    """Nothing was asked for, so nothing is granted."""
    for person in (ROOT, ANN):
        assert TEAM.find_rule(person, Access("repository", "team/app", frozenset()), INSIDE) is None
        assert TEAM.find_permitted(person, Access("repository", "team/app", frozenset()), INSIDE) == frozenset()


def test_who_may_only_push_may_not_list() -> None:
    """The catalog is for those who may pull something, from where they are."""
    policy = Policy(rules("user:ann a/** push", "user:ben b/** pull 10.0.0.0/8"))
    assert policy.find_rule(ANN, Access.parse("repository:a/b:push"), OUTSIDE) is not None
    for access in (CATALOG, CATALOG_SEARCH):
        assert policy.find_rule(ANN, access, OUTSIDE) is None
        assert policy.find_rule(BEN, access, OUTSIDE) is None
        assert policy.find_rule(BEN, access, INSIDE) == "user ben: b/** pull from 10.0.0.0/8"


def test_sight() -> None:
    """The patterns that somebody may pull by, from where they are; all repositories are not the audit."""
    policy = Policy(
        rules("role:anonymous public/** pull", "user:ann a pull,push 10.0.0.0/8", "user:ann b push", "user:ben ** pull")
    )
    assert policy.find_sight(NOBODY, INSIDE) == Sight(frozenset({1}), actors=False)
    assert policy.find_sight(ANN, OUTSIDE) == Sight(frozenset({1}))
    assert policy.find_sight(ANN, INSIDE) == Sight(frozenset({1, 2}))
    assert policy.find_sight(BEN, INSIDE) == EVERY_REPOSITORY
    assert policy.find_sight(ROOT, INSIDE) == EVERYTHING
    assert EVERY_REPOSITORY != EVERYTHING
    everybody = Policy(rules("role:anonymous ** pull"))
    assert everybody.find_sight(NOBODY, INSIDE) == Sight(None, actors=False)
    assert everybody.find_sight(ANN, INSIDE) == EVERY_REPOSITORY


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("hello*", "hello-world-1", True),
        ("hello*", "hello/ubuntu", False),
        ("repo/**", "repo/ubuntu", True),
        ("repo/**", "repox/ubuntu", False),
        ("repo/**", "repo/a/b", True),
        ("repo/**", "repo", False),
        ("**", "a/b/c", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("te?t/*", "test/a", True),
        ("te?t/*", "te/t/a", False),
        ("a.b", "axb", False),
    ],
)
def test_patterns_that_people_have(pattern: str, name: str, expected: bool) -> None:
    """The globs of the web UI that people come from mean the same here."""
    policy = Policy(rules(f"role:anonymous {pattern} pull"))
    assert (policy.find_rule(NOBODY, Access.parse(f"repository:{name}:pull"), INSIDE) is not None) == expected


@pytest.mark.parametrize(
    ("network", "address", "expected"),
    [
        ("*", "", True),
        ("*", "-", True),
        ("*", "unix", True),
        ("192.168.*", "192.168.3.4", True),
        ("192.168.*", "::ffff:192.168.3.4", True),
        ("192.168.*", "192.169.3.4", False),
        ("192.168.*", "-", False),
        ("192.168.???.1", "192.168.100.1", True),
        ("192.168.???.1", "192.168.10.1", False),
        ("?*", "-", False),
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "::ffff:10.255.0.1", True),
        ("10.0.0.0/8", "::FFFF:a01:203", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "10.0.0.1, 11.0.0.1", False),
        ("10.0.0.0/8", "-", False),
        ("::ffff:10.0.0.0/104", "10.9.9.9", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.70", False),
        ("0.0.0.0/0", "203.0.113.1", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("2001:DB8::/32", "2001:db8:1::2", True),
        ("2001:db8::*", "2001:0db8::17", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_networks(network: str, address: str, expected: bool) -> None:
    """A rule holds in its network alone; what is no address is everywhere and nowhere else."""
    policy = Policy(rules(f"role:anonymous ** pull {network}"))
    assert (policy.find_rule(NOBODY, Access.parse("repository:a:pull"), address) is not None) == expected


def test_a_rule_that_somebody_else_wrote_wrong() -> None:
    """What is no network matches nothing, rather than everything."""
    written = Rule(1, "role:anonymous", "**", 1, "nonsense", frozenset({"pull"}))
    assert Policy([written]).find_rule(NOBODY, Access.parse("repository:a:pull"), INSIDE) is None


def test_more_decisions_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stay right, and do not pile up."""
    monkeypatch.setattr("entrepot.auth.policy.MOST", 3)
    policy = Policy(rules("role:anonymous a/** pull"))
    for number in range(20):
        assert policy.find_rule(NOBODY, Access.parse(f"repository:a/{number}:pull"), INSIDE) is not None
        assert policy.find_rule(NOBODY, Access.parse(f"repository:b/{number}:pull"), INSIDE) is None
        assert policy.find_sight(NOBODY, f"10.0.0.{number}") == Sight(frozenset({1}), actors=False)
