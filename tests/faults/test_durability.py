# SPDX-License-Identifier: Apache-2.0
"""What is on the disk before a 201 is sent, seen in the system calls of the server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from faults.trace import Call, Trace, TracedServer
from support import images, transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

V2 = "docker/registry/v2"
REPOSITORY = "team/nested/app"
HERE = f"{V2}/repositories/{REPOSITORY}"


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[TracedServer]:
    """A server with one worker under strace."""
    with TracedServer(tmp_path, workers=1) as server:
        yield server


class Durable:
    """Asserts over one trace; paths are given relative to the data directory."""

    def __init__(self, server: TracedServer) -> None:
        server.stop()
        self.root = str(server.root)
        self.trace = Trace(server.calls())

    def named(self, key: str, answer: Call) -> Call:
        """Before ``answer``: bytes written, then synced, then renamed to ``key``; then its directory synced, and the
        parent of each directory that was made on the way to it. Returns the rename.
        """
        path = f"{self.root}/{key}"
        rename = self.trace.renamed_to(path)
        source = rename.paths[0]
        writes = self.trace.written(source)
        assert writes, f"nothing was written to {source}"
        synced = self.trace.synced(source, after=max(writes, key=lambda call: call.ended), before=rename)
        assert synced.ended < rename.begun
        self.trace.synced(os.path.dirname(path), after=rename, before=answer)
        for directory in self.trace.made(self.root, path):
            self.trace.synced(os.path.dirname(directory), after=self.trace.mkdir(directory), before=answer)
        return rename

    def index_committed(self, after: Call, before: Call) -> Call:
        """The log of the index is synced between the two."""
        return self.trace.synced(f"{self.root}/entrepot/index.sqlite3-wal", after=after, before=before)


def _data(digest: str) -> str:
    algorithm, _, encoded = digest.partition(":")
    return f"{V2}/blobs/{algorithm}/{encoded[:2]}/{encoded}/data"


def _link(kind: str, digest: str) -> str:
    return f"{HERE}/{kind}/{digest.replace(':', '/')}/link"


def test_a_blob_is_on_the_disk_before_its_201(traced: TracedServer) -> None:
    """Data: all written, synced, renamed, directory synced. Link: the same. Every directory newly made for them, the
    repository's and its parents' included, has its entry synced. Then facts are committed, then the 201 is sent.
    """
    content = images.blob(600_000)
    transfer.push_blob(traced.client(), REPOSITORY, content, chunk=300_000)
    durable = Durable(traced)
    answer = durable.trace.answer("201", 0)
    data = durable.named(_data(content.digest), answer)
    link = durable.named(_link("_layers", content.digest), answer)
    assert data.ended < link.begun
    durable.index_committed(after=link, before=answer)
    made = durable.trace.made(durable.root, f"{durable.root}/{HERE}/_layers/")
    assert {os.path.relpath(path, durable.root) for path in made} >= {f"{V2}/repositories/team", HERE}


def test_a_blob_that_is_there_already_is_on_the_disk_before_its_201(traced: TracedServer) -> None:
    """Pushed again to another repository, the bytes that are there are synced rather than written: another request may
    have put them there a moment ago.
    """
    content = images.blob(5000)
    client = traced.client()
    transfer.push_blob(client, "elsewhere", content)
    transfer.push_blob(client, REPOSITORY, content)
    durable = Durable(traced)
    first, second = durable.trace.answer("201", 0), durable.trace.answer("201", 1)
    path = f"{durable.root}/{_data(content.digest)}"
    assert durable.trace.renamed_to(path).ended < first.begun
    durable.trace.synced(path, after=first, before=second)
    durable.trace.synced(os.path.dirname(path), after=first, before=second)
    durable.named(_link("_layers", content.digest), second)


def test_a_manifest_is_on_the_disk_before_its_201(traced: TracedServer) -> None:
    """First the intent is committed, then bytes, revision, history of the tag and the tag itself get their names in
    this order, each as durably as a blob, then facts are committed, then the 201 is sent.
    """
    made = images.image(layers=1)
    client = traced.client()
    for blob in made.blobs:
        transfer.push_blob(client, REPOSITORY, blob)
    transfer.push_manifest(client, REPOSITORY, made, "1.0")
    durable = Durable(traced)
    before, answer = durable.trace.answer("201", len(made.blobs) - 1), durable.trace.answer("201", len(made.blobs))
    tag = f"{HERE}/_manifests/tags/1.0"
    history = f"{tag}/index/{made.digest.replace(':', '/')}/link"
    keys = [_data(made.digest), _link("_manifests/revisions", made.digest), history, f"{tag}/current/link"]
    renames = [durable.named(key, answer) for key in keys]
    assert [rename.ended for rename in renames] == sorted(rename.ended for rename in renames)
    durable.index_committed(after=before, before=renames[0])
    durable.index_committed(after=renames[-1], before=answer)


def test_a_deleted_tag_is_off_the_disk_before_its_202(traced: TracedServer) -> None:
    """First the intent is committed, then the tag loses its name and the directory of tags is synced, then the facts
    are committed, then the 202 is sent.
    """
    client = traced.client()
    transfer.push(client, REPOSITORY, images.image(layers=1), "1.0")
    assert client.delete(f"/v2/{REPOSITORY}/manifests/1.0").status_code == 202
    durable = Durable(traced)
    pushed, answer = durable.trace.answer("201", -1), durable.trace.answer("202", -1)
    tags = f"{durable.root}/{HERE}/_manifests/tags"
    rename = durable.trace.renamed_from(f"{tags}/1.0")
    durable.index_committed(after=pushed, before=rename)
    synced = durable.trace.synced(tags, after=rename, before=answer)
    durable.index_committed(after=synced, before=answer)
