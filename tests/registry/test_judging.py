# SPDX-License-Identifier: Apache-2.0
"""Which tags a policy lets go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.index.ages import AgedTag
from entrepot.oci.digests import Digest
from entrepot.oci.globs import Globs
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.retention import Judge, Moment, Verdict, find_policy
from entrepot.registry.settings import Policy

NOW = 1000.0
DIGEST = Digest.of(b"")
ALL = ("**",)


def aged(name: str, age: float, pulled: float | None = None, *, pushed: bool = True) -> AgedTag:
    """A tag that was pushed and last pulled so many seconds ago."""
    return AgedTag(Tag(name), DIGEST, NOW - age, pushed, None if pulled is None else NOW - pulled)


def judge(tags: list[AgedTag], policy: Policy, counted: float = 1e6) -> list[Verdict]:
    """What goes; pulls have been counted for so many seconds."""
    judging = Judge(policy, Moment(NOW, NOW - counted))
    judging.see(tags)
    return judging.judge(tags)


TAGS = [aged("v1", 500, 10), aged("v2", 400), aged("dev", 300, 250), aged("pr-7", 200, 150), aged("latest", 100)]


@pytest.mark.parametrize(
    ("policy", "going"),
    [
        (Policy(ALL, newest=2), "v1 v2 dev"),
        (Policy(ALL, newest=5), ""),
        (Policy(ALL, newest=9), ""),
        (Policy(ALL, younger=250), "v1 v2 dev"),
        (Policy(ALL, younger=100), "v1 v2 dev pr-7 latest"),
        (Policy(ALL, newest=1, younger=250), "v1 v2 dev"),
        (Policy(ALL, newest=4, younger=250), "v1"),
        (Policy(ALL, matching=("v*",)), ""),
        (Policy(ALL, untagged=1), ""),
        (Policy(ALL, newest=1, matching=("v*",)), "dev pr-7"),
        (Policy(ALL, newest=2, matching=("latest",)), "v1 v2"),
        (Policy(ALL, notpulled=200), "v2 dev"),
        (Policy(ALL, notpulled=250), "v2 dev"),
        (Policy(ALL, notpulled=251), "v2"),
        (Policy(ALL, notpulled=50), "v2 dev pr-7 latest"),
        (Policy(ALL, notpulled=50, newest=1), "v2 dev pr-7"),
        (Policy(ALL, notpulled=50, newest=1, younger=201), "v2 dev"),
        (Policy(ALL, notpulled=50, newest=3, younger=150, matching=("v2",)), ""),
        (Policy(ALL, notpulled=1, matching=("*",)), ""),
    ],
)
def test_what_goes(policy: Policy, going: str) -> None:
    """Each rule alone and with the others: five tags, pushed 500 to 100 seconds ago, some of them pulled."""
    assert " ".join(verdict.tag for verdict in judge(TAGS, policy)) == going


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (Policy(ALL, newest=1), "newest"),
        (Policy(ALL, younger=1), "younger"),
        (Policy(ALL, newest=1, younger=1), "newest and younger"),
        (Policy(ALL, newest=1, younger=1, notpulled=5), "notpulled"),
    ],
)
def test_why(policy: Policy, rule: str) -> None:
    """Each verdict names its rule and what the tag pointed to."""
    found = judge(TAGS, policy)
    assert found
    assert {(verdict.rule, verdict.digest) for verdict in found} == {(rule, DIGEST)}


def test_one_moment() -> None:
    """Of tags that were pushed in one moment none is newer: they stay or go together."""
    tags = [aged(name, 10) for name in "abc"]
    assert judge([*tags, aged("old", 20)], Policy(ALL, newest=2)) == [Verdict(Tag("old"), DIGEST, "newest")]


def test_unknown_pushes() -> None:
    """Adopted and restored tags push none out, since nobody knows their order; as many later pushes push them out."""
    adopted = [aged(f"a{number}", 100 - number, pushed=False) for number in range(5)]
    assert judge(adopted, Policy(ALL, newest=2)) == []
    assert judge([*adopted, aged("p1", 150), aged("p2", 140), aged("p3", 10)], Policy(ALL, newest=2)) == [
        Verdict(Tag("p1"), DIGEST, "newest")
    ]
    assert len(judge([*adopted, aged("p1", 2), aged("p2", 1)], Policy(ALL, newest=2))) == 5


def test_nothing_is_unused_before_anybody_counted() -> None:
    """What was not pulled counts as unused only since pulls are counted."""
    policy = Policy(ALL, notpulled=200)
    assert judge(TAGS, policy, counted=199) == []
    assert judge(TAGS, policy, counted=200) != []


def test_times_ahead() -> None:
    """A tag that was pushed by a clock ahead of ours is new, and used."""
    assert judge([aged("a", -50), aged("b", 500)], Policy(ALL, newest=1, notpulled=1)) == [
        Verdict(Tag("b"), DIGEST, "notpulled")
    ]


ages = st.floats(-10, 1000)
some_tags = st.lists(
    st.builds(
        aged,
        st.sampled_from(["v1", "v2", "latest", "dev", "pr-1", "pr-2", "x"]),
        ages,
        st.none() | ages,
        pushed=st.booleans(),
    ),
    unique_by=lambda tag: tag.tag,
)
policies = st.builds(
    Policy,
    st.just(ALL),
    newest=st.none() | st.integers(1, 6),
    younger=st.none() | st.floats(1, 900),
    matching=st.sampled_from([(), ("v*",), ("latest", "pr-?")]),
    notpulled=st.none() | st.floats(1, 900),
)


@given(some_tags, policies)
def test_what_a_keep_rule_holds_never_goes(tags: list[AgedTag], policy: Policy) -> None:
    """Whatever the other rules say: matching tags, young ones, and the newest N of the others stay."""
    going = {verdict.tag for verdict in judge(tags, policy)}
    matching = {tag.tag for tag in tags if Globs(policy.matching).match(tag.tag)}
    young = {tag.tag for tag in tags if policy.younger is not None and NOW - tag.moved_at < policy.younger}
    others = sorted((tag for tag in tags if tag.tag not in matching), key=lambda tag: -tag.moved_at)
    newest = {tag.tag for tag in others[: policy.newest or 0]}
    assert not going & (matching | young | newest)
    if policy.notpulled is not None:
        assert all(max(tag.moved_at, tag.pulled_at or 0) <= NOW - policy.notpulled for tag in tags if tag.tag in going)


@given(some_tags, policies, st.integers(1, 6))
def test_more_of_the_newest_never_drops_more(tags: list[AgedTag], policy: Policy, more: int) -> None:
    """Raising N keeps at least what was kept before."""
    raised = Policy(
        ALL, (policy.newest or 1) + more, policy.younger, policy.matching, policy.notpulled, policy.untagged
    )
    base = Policy(ALL, policy.newest or 1, policy.younger, policy.matching, policy.notpulled, policy.untagged)
    assert {one.tag for one in judge(tags, raised)} <= {one.tag for one in judge(tags, base)}


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("team/*", "team/app team/a", "team team/app/web other/app xteam/a"),
        ("team/**", "team/app team/app/web", "team teams/app"),
        ("**", "a a/b a/b/c", ""),
        ("*", "a abc", "a/b"),
        ("**/cache", "a/cache a/b/cache", "cache a/cache/x"),
        ("a.b", "a.b", "axb"),
        ("app-?", "app-1", "app- app-12 app-/"),
        ("team/*-dev/**", "team/a-dev/x team/-dev/x/y", "team/a-dev team/a/b-dev/x"),
    ],
)
def test_patterns(pattern: str, matching: str, others: str) -> None:
    """One star stays within a part, two do not; the whole name must match."""
    globs = Globs([pattern])
    assert [name for name in f"{matching} {others}".split() if globs.match(name)] == matching.split()


def test_the_first_policy_counts() -> None:
    """For a repository that several fit it is the first one; for one that none fits there is none."""
    first, second = Policy(("prod/**", "base"), matching=("*",)), Policy(("**",), newest=1)
    assert find_policy((first, second), RepositoryName("prod/app")) is first
    assert find_policy((first, second), RepositoryName("base")) is first
    assert find_policy((first, second), RepositoryName("dev/app")) is second
    assert find_policy((first,), RepositoryName("dev/app")) is None
