# SPDX-License-Identifier: Apache-2.0
"""The moments at which a server is killed, by name: a function of the program, and before, after or halfway in it.

Every name begins with the operation that is under way at that moment. Conditions look at the arguments of the call,
so that a function that several operations share is hit in the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Operation = Literal["patch", "commit", "manifest", "untag"]
OPERATIONS: tuple[Operation, ...] = ("patch", "commit", "manifest", "untag")


def _always(*_arguments: Any) -> bool:
    return True


def _mentions(part: str) -> Callable[..., bool]:
    """Whether one of the arguments is a path with this part."""
    return lambda *arguments: any(part in str(argument) for argument in arguments)


def _renamed(source: str, target: str) -> Callable[..., bool]:
    """Whether a file goes from one such path to another."""
    return lambda old, new, *_: source in str(old) and target in str(new)


def _long(_descriptor: int, data: Any) -> bool:
    """Longer than a link: the payload of a manifest."""
    return len(data) > 200


def _begins_push(_changes: Any, change: Any, *_: Any) -> bool:
    return not change.removes and any(name.kind == "manifest" for name in change.names)


def _begins_removal(_changes: Any, change: Any, *_: Any) -> bool:
    return bool(change.removes)


def _finishes_push(_changes: Any, _change: Any, _repository: Any, truths: Any, *_: Any) -> bool:
    return any(getattr(truth, "facts", None) is not None for truth in truths)


def _finishes_removal(_changes: Any, _change: Any, _repository: Any, truths: Any, *_: Any) -> bool:
    return not _finishes_push(_changes, _change, _repository, truths)


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a call of ``target`` (``module:name`` or ``module:Class.name``) that meets ``condition``.

    Halfway: the call is made with the first half of its bytes.
    """

    when: Literal["before", "after", "halfway"]
    target: str
    condition: Callable[..., bool] = _always


_UPLOADS = "entrepot.storage.filesystem_writer"
_WRITER = f"{_UPLOADS}:FilesystemUploadWriter"
_LINKS = "entrepot.storage.filesystem_links:FilesystemLinks"
_FILES = "entrepot.storage.files"
_CHANGES = "entrepot.index.changes:Changes"
_FACTS = "entrepot.index.blobs:Blobs"
_RENAME = "os:rename"
_TAG = "/_manifests/tags/"

POINTS: dict[str, Point] = {
    "patch: nothing written": Point("before", f"{_WRITER}._append"),
    "patch: half written": Point("halfway", f"{_UPLOADS}:write_all_vectors"),
    "patch: written": Point("after", f"{_WRITER}._append"),
    "patch: digest not recorded": Point("before", f"{_WRITER}._remember"),
    "patch: digest half recorded": Point("halfway", f"{_UPLOADS}:write_side_file", _mentions("/digests")),
    "patch: digest recorded": Point("after", f"{_WRITER}._remember"),
    "patch: not answered": Point("after", f"{_WRITER}.close"),
    "commit: not published": Point("before", f"{_WRITER}._publish"),
    "commit: not renamed": Point("before", _RENAME, _renamed("/_uploads/", "/blobs/")),
    "commit: renamed, not linked": Point("after", _RENAME, _renamed("/_uploads/", "/blobs/")),
    "commit: linked, not on the disk": Point("after", _RENAME, _mentions("/_layers/")),
    "commit: on the disk, upload not removed": Point("before", "shutil:rmtree", _mentions("/_uploads/")),
    "commit: published, no facts": Point("after", f"{_WRITER}._publish"),
    "commit: facts not committed": Point("after", f"{_FACTS}._link"),
    "commit: not answered": Point("after", f"{_FACTS}.link"),
    "manifest: no intent": Point("before", f"{_CHANGES}.begin", _begins_push),
    "manifest: intent not committed": Point("after", f"{_CHANGES}._begin", _begins_push),
    "manifest: intent": Point("after", f"{_CHANGES}.begin", _begins_push),
    "manifest: bytes half written": Point("halfway", f"{_FILES}:write_all", _long),
    "manifest: bytes there": Point("after", _RENAME, _renamed("/entrepot/tmp/", "/blobs/")),
    "manifest: revision linked": Point("after", _RENAME, _mentions("/_manifests/revisions/")),
    "manifest: history of the tag written": Point("before", _RENAME, _renamed("/tmp/", "/current/link")),
    "manifest: tag written, not on the disk": Point("after", _RENAME, _renamed("/tmp/", "/current/link")),
    "manifest: all on the disk, no facts": Point("after", f"{_LINKS}.write_manifest"),
    "manifest: facts not committed": Point("after", f"{_CHANGES}._finish", _finishes_push),
    "manifest: not answered": Point("after", f"{_CHANGES}.finish", _finishes_push),
    "untag: no intent": Point("before", f"{_CHANGES}.begin", _begins_removal),
    "untag: intent": Point("after", f"{_CHANGES}.begin", _begins_removal),
    "untag: link there": Point("before", f"{_FILES}:Files.remove_trees", _mentions(_TAG)),
    "untag: renamed, not on the disk": Point("after", _RENAME, _renamed(_TAG, "/entrepot/tmp/")),
    "untag: bytes not removed": Point("before", "shutil:rmtree", _mentions("/entrepot/tmp/")),
    "untag: link gone": Point("after", f"{_FILES}:Files.remove_trees", _mentions(_TAG)),
    "untag: facts not committed": Point("after", f"{_CHANGES}._finish", _finishes_removal),
    "untag: not answered": Point("after", f"{_CHANGES}.finish", _finishes_removal),
}


def points_of(operation: Operation) -> list[str]:
    """The names of the points inside one operation."""
    return [name for name in POINTS if name.startswith(f"{operation}: ")]
