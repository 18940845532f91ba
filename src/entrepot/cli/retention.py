# SPDX-License-Identifier: Apache-2.0
"""``entrepot retention``: what the policies would let go, and letting it go now. Both work beside a running server."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import click

from entrepot.app.opening import open_parts
from entrepot.cli.amounts import describe_size
from entrepot.cli.comparing import bring_together_unless_compared
from entrepot.cli.loading import load_settings, require_writable, run
from entrepot.config.settings import Settings
from entrepot.index.forecast import Freed
from entrepot.index.index import Index
from entrepot.jobs.retaining import retain
from entrepot.jobs.tenure import Busy
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import take_turns
from entrepot.registry.names import Names
from entrepot.registry.retaining import Preview, Retention, Tally
from entrepot.registry.retention import Rule
from entrepot.storage.ports import Storage

RULES: dict[Rule, str] = {
    "notpulled": "neither pulled nor pushed for drop.notpulled",
    "newest": "not among keep.newest",
    "younger": "older than keep.younger",
    "newest and younger": "neither among keep.newest nor younger than keep.younger",
}
"""What lets a tag go, in words."""

ORPHANED = "goes with its last tag, index or subject"
UNTAGGED = "without tag, index or subject for drop.untagged"


@click.group("retention")
def retention_group() -> None:
    """Apply the retention policies of the configuration: entrepot retention preview [CONFIG].

    `entrepot serve` does this by itself (retention.interval). Without policies nothing ever goes.
    """


@retention_group.command("preview")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; the last is the total.")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def preview(config: Path | None, *, as_json: bool) -> None:
    """List what would go now, why, and the bytes that would come free. Nothing goes."""
    run(_preview(load_settings(config), _JsonPrinter() if as_json else _Printer()))


@retention_group.command("run")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def run_now(config: Path | None) -> None:
    """Apply the policies now. What goes can be restored for trash.age: entrepot restore NAME."""
    settings = load_settings(config)
    require_writable(settings)
    run(_run(settings))


class _Printer:
    """Lines for people."""

    def show(self, one: Preview) -> None:
        click.echo(
            f"{one.repository}: {_count(len(one.tags), len(one.manifests))}, {describe_size(one.freed.size)} come free"
        )
        for verdict in one.tags:
            click.echo(f"  {verdict.tag}  {verdict.digest}  {RULES[verdict.rule]}")
        for digest, reason in _manifests(one):
            click.echo(f"  {digest}  {ORPHANED if reason == 'orphaned' else UNTAGGED}")

    def end(self, tags: int, manifests: int, freed: Freed) -> None:
        click.echo(
            f"{_count(tags, manifests)} would go; {describe_size(freed.size)} in {freed.blobs:,} blobs come free once "
            "trash.age is over"
        )


class _JsonPrinter(_Printer):
    """Lines for programs."""

    def show(self, one: Preview) -> None:
        for verdict in one.tags:
            found = {"tag": verdict.tag, "digest": verdict.digest, "rule": verdict.rule}
            _write({"kind": "tag", "repository": one.repository, **found})
        for digest, reason in _manifests(one):
            _write({"kind": "manifest", "repository": one.repository, "digest": digest, "rule": reason})
        counts = {"tags": len(one.tags), "manifests": len(one.manifests)}
        _write({"kind": "repository", "repository": one.repository, **counts, **_freed(one.freed)})

    def end(self, tags: int, manifests: int, freed: Freed) -> None:
        _write({"kind": "summary", "tags": tags, "manifests": manifests, **_freed(freed)})


async def _preview(settings: Settings, printer: _Printer) -> None:
    going: dict[RepositoryName, frozenset[Digest]] = {}
    tags = 0
    with open_parts(settings) as (storage, index):
        await bring_together_unless_compared(storage, index)
        round_ = Retention(storage, index, Names(storage, index), settings.registry, take_turns)
        async for one in round_.preview():
            printer.show(one)
            tags += len(one.tags)
            going[one.repository] = one.manifests
        freed = await index.forecasts.weigh(going)
    printer.end(tags, sum(map(len, going.values())), freed)
    _warn_without_policies(settings)


async def _run(settings: Settings) -> None:
    with open_parts(settings) as (storage, index):
        await bring_together_unless_compared(storage, index)
        _tell(await _wait_and_retain(storage, index, settings))
    _warn_without_policies(settings)


async def _wait_and_retain(storage: Storage, index: Index, settings: Settings) -> Tally:
    while True:
        try:
            return await retain(storage, index, settings.registry, take_turns)
        except Busy as busy:
            click.echo(f"{busy}; waiting for it ...", err=True)
            await asyncio.sleep(1)


def _tell(tally: Tally) -> None:
    click.echo(f"{tally.tags:,} tags and {tally.manifests:,} untagged manifests went to the trash")
    if tally.busy:
        click.echo(f"{tally.busy:,} tags are just being changed; the next round looks at them again")


def _warn_without_policies(settings: Settings) -> None:
    if not settings.registry.retention.policies:
        click.echo("the configuration has no retention.policies, so nothing ever goes", err=True)


def _manifests(one: Preview) -> Iterator[tuple[Digest, str]]:
    for reason, digests in (("orphaned", one.orphaned), ("untagged", one.untagged)):
        for digest in sorted(digests):
            yield digest, reason


def _count(tags: int, manifests: int) -> str:
    return f"{tags:,} tags and {manifests:,} manifests"


def _freed(freed: Freed) -> dict[str, object]:
    return {"bytes": freed.size, "blobs": freed.blobs}


def _write(found: dict[str, object]) -> None:
    click.echo(json.dumps(found))
