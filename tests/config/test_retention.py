# SPDX-License-Identifier: Apache-2.0
"""``retention``: what it means, what cannot be, and what is warned about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.registry.settings import Policy, RetentionSettings

if TYPE_CHECKING:
    from config.conftest import Start, Stop

HEAD = "version: 0.1\nstorage: inmemory\n"
HOUR = 3600.0


def retaining(*policies: str) -> str:
    """A configuration with these policies, each in YAML's flow form on a line of its own, the first on line 5."""
    lines = "".join(f"    - {{{policy}}}\n" for policy in policies)
    return f"{HEAD}retention:\n  policies:\n{lines}"


def test_a_policy_whole(start: Start) -> None:
    """Every key has its effect."""
    loaded = start(
        retaining(
            "repositories: ['team/*', '**/cache'], keep: {newest: 10, younger: 720h, matching: ['v*', latest]}, "
            "drop: {notpulled: 2160h, untagged: 168h}",
            "repositories: ['**'], drop: {untagged: 1s}",
        )
        + "  interval: 6h\n"
    )
    whole = Policy(("team/*", "**/cache"), 10, 720 * HOUR, ("v*", "latest"), 2160 * HOUR, 168 * HOUR)
    assert loaded.settings.registry.retention == RetentionSettings(6 * HOUR, (whole, Policy(("**",), untagged=1.0)))
    assert loaded.warnings == ()


def test_nothing_goes_unasked(start: Start) -> None:
    """There is no policy by default."""
    assert start(HEAD).settings.registry.retention == RetentionSettings(24 * HOUR, ())


REPOSITORIES = "repositories: ['**']"
POLICY = "retention.policies[0]"


@pytest.mark.parametrize(
    ("policy", "key", "allowed"),
    [
        (REPOSITORIES, f"{POLICY}.keep", "at least one of keep.newest"),
        (f"{REPOSITORIES}, keep: {{}}, drop: {{}}", f"{POLICY}.keep", "at least one of keep.newest"),
        ("keep: {newest: 1}", f"{POLICY}.repositories", "a list of patterns"),
        ("repositories: [], keep: {newest: 1}", f"{POLICY}.repositories", "a list of patterns"),
        ("repositories: team, keep: {newest: 1}", f"{POLICY}.repositories", "a list of patterns"),
        ("repositories: [Team], keep: {newest: 1}", f"{POLICY}.repositories", "small letters"),
        ("repositories: ['team/[ab]'], keep: {newest: 1}", f"{POLICY}.repositories", "small letters"),
        (f"{REPOSITORIES}, keep: {{newest: 0}}", f"{POLICY}.keep.newest", "at least 1"),
        (f"{REPOSITORIES}, keep: {{newest: -3}}", f"{POLICY}.keep.newest", "at least 1"),
        (f"{REPOSITORIES}, keep: {{newest: ten}}", f"{POLICY}.keep.newest", "whole number"),
        (f"{REPOSITORIES}, keep: {{younger: -1h}}", f"{POLICY}.keep.younger", "at least 1s"),
        (f"{REPOSITORIES}, keep: {{younger: 30d}}", f"{POLICY}.keep.younger", "duration"),
        (f"{REPOSITORIES}, keep: {{younger: 30}}", f"{POLICY}.keep.younger", "nanoseconds"),
        (f"{REPOSITORIES}, keep: {{matching: v1}}", f"{POLICY}.keep.matching", "a list of patterns"),
        (f"{REPOSITORIES}, keep: {{matching: ['v/1']}}", f"{POLICY}.keep.matching", "a tag"),
        (f"{REPOSITORIES}, drop: {{notpulled: 0s}}", f"{POLICY}.drop.notpulled", "at least 1s"),
        (f"{REPOSITORIES}, drop: {{untagged: never}}", f"{POLICY}.drop.untagged", "duration"),
        (f"{REPOSITORIES}, keep: {{newset: 3}}", f"{POLICY}.keep.newset", "newest"),
        (f"{REPOSITORIES}, keep: {{newest: 3}}, dorp: {{untagged: 1h}}", f"{POLICY}.dorp", "drop"),
        ("one, two", f"{POLICY}.one", "allowed"),
    ],
)
def test_mistakes(stop: Stop, policy: str, key: str, allowed: str) -> None:
    """Each says its line, its key and what is allowed; unknown words stop the start, too."""
    mistakes = stop(retaining(policy))
    assert {mistake.line for mistake in mistakes} == {5}
    (mistake,) = [mistake for mistake in mistakes if mistake.key == key]
    assert allowed in mistake.allowed


def test_an_unknown_section(stop: Stop) -> None:
    """A key beside the policies that nobody knows stops the start."""
    (mistake,) = stop(f"{HEAD}retention: {{intervall: 1h}}\n")
    assert (mistake.line, mistake.key) == (3, "retention.intervall")


def test_a_policy_that_drops_nothing(start: Start) -> None:
    """It may shield from later ones, so it is said and not refused."""
    (warning,) = start(retaining(f"{REPOSITORIES}, keep: {{matching: ['*']}}")).warnings
    assert ":5: retention.policies[0].keep.matching: without another rule" in warning


def test_variables(start: Start, stop: Stop) -> None:
    """Whole lists, and fields by index; a variable that nobody knows stops the start."""
    whole = {"REGISTRY_RETENTION_POLICIES": "[{repositories: [a], keep: {newest: 2}}]"}
    assert start(HEAD, whole).settings.registry.retention.policies == (Policy(("a",), newest=2),)
    single = {"REGISTRY_RETENTION_POLICIES_0_KEEP_NEWEST": "3", "REGISTRY_RETENTION_INTERVAL": "1h"}
    retention = start(retaining(f"{REPOSITORIES}, keep: {{newest: 2}}"), single).settings.registry.retention
    assert retention == RetentionSettings(HOUR, (Policy(("**",), newest=3),))
    (mistake,) = stop(HEAD, {"REGISTRY_RETENTION_POLICY": "[]"})
    assert mistake.variable == "REGISTRY_RETENTION_POLICY"
