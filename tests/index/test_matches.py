# SPDX-License-Identifier: Apache-2.0
"""Which repositories a rule's pattern matches: complete from the rule's first moment, whoever comes first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from entrepot.index import matches, rules
from entrepot.index.directory import Directory
from entrepot.index.facts import ManifestTruth
from entrepot.index.index import open_index
from entrepot.index.moving import move_kept
from entrepot.index.sight import NOTHING, Sight
from entrepot.oci.names import RepositoryName
from support.facts import digest_of, manifest_truth, tell

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from entrepot.index.directory import Rule
    from entrepot.index.index import Index
    from entrepot.index.places import IndexPlace

PULL = frozenset({"pull"})
MANY = 10_000


async def push(index: Index, *names: str) -> None:
    """Repositories with a manifest each."""
    for name in names:
        await tell(index, manifest_truth("m"), name=RepositoryName(name))


async def remove(index: Index, name: str) -> None:
    """A repository goes, as a deletion does it."""
    await tell(index, ManifestTruth(digest_of("m"), None), name=RepositoryName(name))
    await index.lists.drop_empty(RepositoryName(name), lambda _: None)


async def allow(index: Index, pattern: str) -> Rule:
    """A rule for everybody."""
    return await index.directory.add_rule("role:anonymous", pattern, "*", PULL, "")


async def seen(index: Index, *patterns: Rule) -> list[str]:
    """All that these rules show."""
    sight = Sight(frozenset(rule.pattern_id for rule in patterns))
    return list(await index.lists.repositories("", MANY, sight))


async def test_repositories_before_and_after_a_rule(index: Index, other: Index) -> None:
    """Both are matched, also what another process pushes; neighbours of the pattern's beginning are not."""
    await push(index, "a/x", "a-b", "a", "b/x", "a/x/y", "a0/x", "zz/x")
    rule, one_part, ends = await allow(index, "a/**"), await allow(other, "*"), await allow(index, "**/x")
    exact, question = await allow(index, "a/x"), await allow(index, "?/x")
    assert await seen(index, rule) == ["a/x", "a/x/y"]
    await push(other, "a/new", "a1", "new")
    assert await seen(index, rule) == await seen(other, rule) == ["a/new", "a/x", "a/x/y"]
    assert await seen(index, one_part) == ["a", "a-b", "a1", "new"]
    assert await seen(index, ends) == ["a/x", "a0/x", "b/x", "zz/x"]
    assert await seen(index, exact) == ["a/x"]
    assert await seen(index, question) == ["a/x", "b/x"]
    assert await seen(index, question, exact, one_part) == ["a", "a-b", "a/x", "a1", "b/x", "new"]


async def test_many(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """More names, and more matches, than go into one transaction: none is left out."""
    monkeypatch.setattr(matches, "ROWS", 3)
    monkeypatch.setattr(rules, "ROWS", 3)
    names = [f"{'ab'[number % 2]}/{number:03}" for number in range(50)]
    await push(index, *names)
    of_a, every_second = await allow(index, "a/**"), await allow(index, "*/??1")
    assert await seen(index, of_a) == [name for name in sorted(names) if name.startswith("a")]
    assert await seen(index, every_second) == [name for name in sorted(names) if name.endswith("1")]


async def test_a_pattern_that_matches_all(index: Index) -> None:
    """Has no rows: who pulls by it sees everything."""
    await push(index, "a")
    rule = await allow(index, "**")
    await push(index, "b")
    assert await seen(index, rule) == []


async def test_dropped_and_made_again(index: Index) -> None:
    """A repository that is removed is seen no more, and again when it is pushed again."""
    await push(index, "a/x", "a/y")
    rule = await allow(index, "a/*")
    assert await seen(index, rule) == ["a/x", "a/y"]
    await remove(index, "a/x")
    assert await seen(index, rule) == ["a/y"]
    await push(index, "a/x")
    assert await seen(index, rule) == ["a/x", "a/y"]


async def test_a_repository_without_manifests_is_not_seen(index: Index) -> None:
    """As in the lists of those who see all."""
    await push(index, "a/x")
    rule = await allow(index, "a/*")
    assert await seen(index, rule) == ["a/x"]
    await tell(index, ManifestTruth(digest_of("m"), None), name=RepositoryName("a/x"))
    assert await seen(index, rule) == []


async def test_a_pattern_goes_with_its_last_rule(index: Index, other: Index) -> None:
    """Until then two rules share it; written again it is complete, under a number that it never had."""
    await push(index, *(f"a/{number}" for number in range(5)))
    first = await allow(index, "a/*")
    second = await index.directory.add_rule("role:everyone", "a/*", "10.0.0.0/8", PULL, "")
    assert first.pattern_id == second.pattern_id
    await index.directory.remove_rule(first.id)
    await push(other, "a/5")
    assert len(await seen(index, second)) == 6
    await other.directory.remove_rule(second.id)
    assert await seen(index, second) == []
    await push(index, "a/6")
    third = await allow(index, "a/*")
    assert third.pattern_id > second.pattern_id
    assert len(await seen(index, third)) == 7
    assert await seen(index, second) == []


async def test_pushes_while_a_rule_is_filled(index: Index, other: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes push, before and behind where the filling is, while two others write the same rule's pattern; a
    third removes what others push. Afterwards the rows say what the lists say.
    """
    monkeypatch.setattr(matches, "ROWS", 2)
    await push(index, *(f"a/m{number:02}" for number in range(40)))

    async def remove_some() -> None:
        for number in range(0, 40, 5):
            await remove(other, f"a/m{number:02}")

    _, _, _, rule, same = await asyncio.gather(
        push(index, *(f"a/a{number:02}" for number in range(40))),
        push(other, *(f"a/z{number:02}" for number in range(40))),
        remove_some(),
        allow(index, "a/*"),
        other.directory.add_rule("role:everyone", "a/*", "*", PULL, ""),
    )
    assert rule.pattern_id == same.pattern_id
    expected = await index.lists.repositories("", MANY)
    assert len(expected) == 112
    assert await seen(index, rule) == expected


async def test_rules_that_come_and_go_at_once(index: Index, other: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process writes a rule while another removes the last one of its pattern: what is left is complete."""
    monkeypatch.setattr(matches, "ROWS", 2)
    monkeypatch.setattr(rules, "ROWS", 2)
    names = [f"a/{number:02}" for number in range(20)]
    await push(index, *names)
    rule = await allow(index, "a/*")
    for _ in range(5):
        added, _ = await asyncio.gather(
            other.directory.add_rule("role:everyone", "a/*", "*", PULL, ""), index.directory.remove_rule(rule.id)
        )
        assert await seen(index, added) == names
        rule = await allow(index, "a/*")
        assert await seen(index, rule) == names
        await other.directory.remove_rule(added.id)
        assert await seen(other, rule) == names


async def test_a_pattern_that_goes_before_its_rule_is_written(
    index: Index, other: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes and removes a rule of the same pattern while ours is being filled, and dies before the
    pattern's rows are gone: ours is filled again, and what was left goes with the next that goes.
    """
    await push(index, "a/1", "a/2")
    fill = Directory._fill
    interrupted: list[Rule] = []

    async def fill_and_be_interrupted(directory: Directory, pattern_id: int, pattern: str) -> None:
        await fill(directory, pattern_id, pattern)
        if not interrupted:
            monkeypatch.undo()
            interrupted.append(await other.directory.add_rule("role:everyone", pattern, "*", PULL, ""))
            with monkeypatch.context() as dying:
                dying.setattr(Directory, "_drop_retired", die)
                await other.directory.remove_rule(interrupted[0].id)

    async def die(_: Directory) -> None:
        pass

    monkeypatch.setattr(Directory, "_fill", fill_and_be_interrupted)
    rule = await allow(index, "a/*")
    assert rule.pattern_id > interrupted[0].pattern_id
    assert await index.directory.rules() == [rule]
    assert await seen(index, rule) == await seen(index, interrupted[0]) == ["a/1", "a/2"]
    await index.directory.remove_rule((await allow(index, "b")).id)
    assert await seen(index, interrupted[0]) == []
    assert await seen(index, rule) == ["a/1", "a/2"]


async def test_the_directory_moves(place: IndexPlace, tmp_path: Path) -> None:
    """Accounts and rules go along to another database, with numbers and version; what is adopted there is matched."""
    target = tmp_path / "target.sqlite3"
    with open_index(place) as index:
        await index.directory.add_role("developers", "who write")
        await push(index, "a/x")
        gone, rule = await allow(index, "b/*"), await allow(index, "a/*")
        await index.directory.remove_rule(gone.id)
        version = await index.directory.version()
    copied = move_kept(place, target)
    assert (copied["roles"], copied["rules"], copied["patterns"]) == (1, 1, 1)
    with open_index(target) as index:
        assert await index.directory.rules() == [rule]
        assert await index.directory.version() == version
        assert await seen(index, rule) == []
        await push(index, "a/x", "c/x")
        assert await seen(index, rule) == ["a/x"]
        new = await allow(index, "c/*")
        assert new.id > rule.id
        assert await seen(index, new) == ["c/x"]


async def test_seeing_nothing(index: Index) -> None:
    """Nobody has told us that we may: there is nothing."""
    await push(index, "a")
    assert await index.lists.repositories("", MANY) == ["a"]
    assert await index.lists.repositories("", MANY, NOTHING) == []
    assert await index.lists.search("", MANY, NOTHING) == []
    assert await index.lists.repositories("", MANY, Sight(frozenset({1, 99}))) == []
