# SPDX-License-Identifier: Apache-2.0
"""``entrepot restore``: bring back what was deleted or overwritten. Works beside a running server."""

from pathlib import Path

import click

from entrepot.app.opening import open_parts
from entrepot.cli.loading import load_settings, require_writable, run
from entrepot.config.settings import Settings
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.registry import join
from entrepot.registry.trash import Restored


@click.command()
@click.argument("image")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--to", "digest", help="With NAME:TAG: point the tag to this digest instead of where it pointed before.")
def restore(image: str, config: Path | None, digest: str | None) -> None:
    """Bring IMAGE back while it is in the trash (trash.age).

    NAME:TAG: a deleted or overwritten tag, to what it pointed to before its last move.
    NAME@DIGEST: a deleted manifest with its tags. NAME: all that was last deleted from this repository.
    """
    settings = load_settings(config)
    require_writable(settings)
    run(_restore(settings, image, digest))


async def _restore(settings: Settings, image: str, to: str | None) -> None:
    name, _, digest = image.partition("@")
    tag = ""
    if not digest and ":" in name.rpartition("/")[2]:
        name, _, tag = name.rpartition(":")
    repository, caller = RepositoryName.parse(name), Caller(actor="entrepot restore")
    with open_parts(settings) as (storage, index):
        trash = join(storage, index, settings.registry).trash
        if tag:
            wanted = None if to is None else Digest.parse(to)
            restored = [await trash.restore_tag(repository, Tag.parse(tag), wanted, caller)]
        elif digest:
            restored = [await trash.restore_manifest(repository, Digest.parse(digest), caller)]
        else:
            restored = await trash.restore_repository(repository, caller)
    for one in restored:
        click.echo(_describe(repository, one))


def _describe(repository: RepositoryName, restored: Restored) -> str:
    tags = ", ".join(restored.tags)
    return f"restored {repository}@{restored.digest}" + (f" with {tags}" if tags else "")
