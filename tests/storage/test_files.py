# SPDX-License-Identifier: Apache-2.0
"""Which directories are synced for a name: all on its way, whoever made them, and each once."""

import errno
import os
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.storage import layout
from entrepot.storage.claim import claim_directory
from entrepot.storage.files import Files
from entrepot.storage.steps import identify
from support.rooms import NAME

DIGEST = Digest.of(b"bytes")
LINK = layout.layer_link(NAME, DIGEST)
TAG = layout.tag_current(NAME, Tag("1.0"))


class Process:
    """The files of a directory as one process has them open; writes down what it syncs."""

    def __init__(self, root: Path) -> None:
        if not root.exists():
            with claim_directory(root):
                pass
        self.root = root
        self.synced: list[str] = []
        self.failing: OSError | None = None
        self.failing_directory = ""
        self.files = Files(root, self._sync_file, self._sync_directory, lambda *_: None, identify(root))

    def _sync_file(self, descriptor: int) -> None:
        if self.failing is not None:
            raise self.failing
        self.synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), self.root))

    def _sync_directory(self, path: str) -> None:
        key = os.path.relpath(path, self.root)
        if key == self.failing_directory:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.synced.append(key)

    def take(self) -> list[str]:
        """What was synced since the last time, but files on the way to their name."""
        taken = [key for key in self.synced if not key.startswith(layout.TEMPORARY)]
        self.synced.clear()
        return taken


def above(key: str) -> list[str]:
    """Every directory on the way to ``key``, deepest first, with the root."""
    return [str(path) for path in Path(key).parents]


@pytest.fixture
def process(root: Path) -> Process:
    """A process that has just started."""
    return Process(root)


def test_a_name_costs_its_whole_way_once(process: Process) -> None:
    """The first name below a directory syncs each directory up to the root once; another name beside it only its own
    directory and those that were made for it, and the same name again its directory and the one above it, since the
    directory of one digest may have been removed and made anew.
    """
    process.files.write(LINK, b"1")
    assert process.take() == above(LINK)
    other = layout.layer_link(NAME, Digest.of(b"other"))
    process.files.write(other, b"1")
    assert process.take() == above(other)[:2]
    process.files.write(other, b"2")
    assert process.take() == above(other)[:2]


def test_directories_of_a_process_that_was_killed(root: Path, process: Process) -> None:
    """A process that died between making directories and syncing them: the next name below syncs them all."""
    (root / LINK).parent.mkdir(parents=True)
    process.files.write(LINK, b"1")
    assert process.take() == above(LINK)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_directories_of_an_attempt_that_failed(process: Process, error: int) -> None:
    """An attempt that made directories and failed as its file was synced: the next one syncs them all."""
    process.failing = OSError(error, os.strerror(error))
    with pytest.raises(OSError, match=os.strerror(error)):
        process.files.write(LINK, b"1")
    assert (process.root / LINK).parent.is_dir()
    assert process.take() == []
    process.failing = None
    process.files.write(LINK, b"1")
    assert process.take() == above(LINK)


def test_directories_of_an_attempt_that_failed_at_a_directory(process: Process) -> None:
    """An attempt that failed between the syncs of its directories is not believed: the next one syncs them all."""
    process.failing_directory = layout.REPOSITORIES
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        process.files.write(LINK, b"1")
    process.take()
    process.failing_directory = ""
    process.files.write(LINK, b"1")
    assert process.take() == above(LINK)


def test_a_link_that_is_there_is_settled_with_its_whole_way(root: Path, process: Process) -> None:
    """A link of another process is synced, and so is every directory on its way; the second time it, its own and
    the one above that."""
    other = Process(root)
    other.files.write(LINK, b"1")
    assert process.files.settle(LINK)
    assert process.take() == [LINK, *above(LINK)]
    assert process.files.settle(LINK)
    assert process.take() == [LINK, *above(LINK)[:2]]


def test_what_cannot_be_settled_says_so(process: Process) -> None:
    """A link that has gone, or whose bytes the disk refuses, is not settled: it must be written again."""
    assert not process.files.settle(LINK)
    process.files.write(LINK, b"1")
    process.failing = OSError(errno.EIO, os.strerror(errno.EIO))
    assert not process.files.settle(LINK)


def test_a_tag_that_another_process_removed(root: Path, process: Process) -> None:
    """A tag's directories that another process removed and somebody made anew are synced again, up to the directory of
    tags, which stays.
    """
    process.files.write(TAG, b"1")
    assert process.take() == above(TAG)
    Process(root).files.remove_trees([layout.tag_directory(NAME, Tag("1.0"))])
    assert not (root / TAG).parent.exists()
    (root / TAG).parent.mkdir(parents=True)
    process.files.write(TAG, b"2")
    assert process.take() == above(TAG)[:3]
    assert process.files.read(TAG) == b"2"


def test_directories_that_were_removed_are_synced_anew(tmp_path: Path) -> None:
    """A process that has synced a directory syncs its entry again once another removed it, although a third, which may
    never come to its syncs, has made it anew.
    """
    synced: list[str] = []
    (tmp_path / "entrepot" / "tmp").mkdir(parents=True)
    pushing, removing = [
        Files(tmp_path, lambda _: None, synced.append, lambda *_: None, identify(tmp_path)) for _ in range(2)
    ]
    digests = [Digest.of(content) for content in (b"one", b"two", b"three")]
    links = [layout.layer_link(NAME, digest) for digest in digests]
    above = [str(tmp_path / layout.repository(NAME)), str(tmp_path / layout.layers(NAME))]
    pushing.write(links[0], b"")
    assert set(above) <= set(synced)
    removing.remove(links[:1])
    removing.remove_empty(layout.skeleton(NAME))
    assert not Path(above[1]).exists()
    (tmp_path / layout.layers(NAME) / "sha256").mkdir(parents=True)
    for link, expected in ((links[1], set(above)), (links[2], set())):
        synced.clear()
        pushing.write(link, b"")
        assert set(above) & set(synced) == expected
