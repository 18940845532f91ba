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


def _digests(path: str, *_: Any) -> bool:
    return path.endswith("/digests")


def _from_upload(*arguments: Any) -> bool:
    return any("/_uploads/" in str(argument) for argument in arguments)


def _tag_tree(*arguments: Any) -> bool:
    return any("/_manifests/tags/" in str(argument) for argument in arguments)


def _in_grave(path: str, *_: Any) -> bool:
    return "/entrepot/tmp/" in path


def _longer_than_link(_descriptor: int, data: Any) -> bool:
    return len(data) > 200


def _to_layer(_source: Any, target: Any, *_: Any) -> bool:
    return "/_layers/" in str(target)


def _to_revision(_source: Any, target: Any, *_: Any) -> bool:
    return "/_manifests/revisions/" in str(target)


def _to_current(_source: Any, target: Any, *_: Any) -> bool:
    return str(target).endswith("/current/link")


def _layer_among(_files: Any, contents: Any, *_: Any) -> bool:
    return any("/_layers/" in key for key, _ in contents)


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


_WRITER = "entrepot.storage.filesystem_writer:FilesystemUploadWriter"
_LINKS = "entrepot.storage.filesystem_links:FilesystemLinks"
_FILES = "entrepot.storage.files:Files"
_CHANGES = "entrepot.index.changes:Changes"
_FACTS = "entrepot.index.blobs:Blobs"

POINTS: dict[str, Point] = {
    "patch: nothing written": Point("before", f"{_WRITER}._append"),
    "patch: half written": Point("halfway", "entrepot.storage.filesystem_writer:write_all_vectors"),
    "patch: written": Point("after", f"{_WRITER}._append"),
    "patch: digest not recorded": Point("before", f"{_WRITER}._remember"),
    "patch: digest half recorded": Point("halfway", "entrepot.storage.filesystem_writer:write_side_file", _digests),
    "patch: digest recorded": Point("after", f"{_WRITER}._remember"),
    "patch: not answered": Point("after", f"{_WRITER}.close"),
    "commit: not published": Point("before", f"{_WRITER}._publish"),
    "commit: synced, not renamed": Point("before", "os:rename", _from_upload),
    "commit: renamed, not on the disk": Point("after", "os:rename", _from_upload),
    "commit: bytes named, not the link": Point("before", "os:rename", _to_layer),
    "commit: linked, not on the disk": Point("after", "os:rename", _to_layer),
    "commit: on the disk, upload not removed": Point("after", f"{_FILES}.write_in_order", _layer_among),
    "commit: published, no facts": Point("after", f"{_WRITER}._publish"),
    "commit: facts not committed": Point("after", f"{_FACTS}._link"),
    "commit: not answered": Point("after", f"{_FACTS}.link"),
    "manifest: no intent": Point("before", f"{_CHANGES}.begin", _begins_push),
    "manifest: intent not committed": Point("after", f"{_CHANGES}._begin", _begins_push),
    "manifest: intent": Point("after", f"{_CHANGES}.begin", _begins_push),
    "manifest: bytes half written": Point("halfway", "entrepot.storage.files:write_all", _longer_than_link),
    "manifest: bytes named": Point("before", "os:rename", _to_revision),
    "manifest: revision linked": Point("after", "os:rename", _to_revision),
    "manifest: history of the tag written": Point("before", "os:rename", _to_current),
    "manifest: tag written, not on the disk": Point("after", "os:rename", _to_current),
    "manifest: all on the disk": Point("after", f"{_LINKS}.write_manifest"),
    "manifest: facts not committed": Point("after", f"{_CHANGES}._finish", _finishes_push),
    "manifest: not answered": Point("after", f"{_CHANGES}.finish", _finishes_push),
    "untag: no intent": Point("before", f"{_CHANGES}.begin", _begins_removal),
    "untag: intent": Point("after", f"{_CHANGES}.begin", _begins_removal),
    "untag: link there": Point("before", f"{_FILES}.remove_tree", _tag_tree),
    "untag: renamed, not on the disk": Point("after", "os:rename", _tag_tree),
    "untag: bytes not removed": Point("before", "shutil:rmtree", _in_grave),
    "untag: link gone": Point("after", f"{_FILES}.remove_tree", _tag_tree),
    "untag: facts not committed": Point("after", f"{_CHANGES}._finish", _finishes_removal),
    "untag: not answered": Point("after", f"{_CHANGES}.finish", _finishes_removal),
}


def points_of(operation: Operation) -> list[str]:
    """The names of the points inside one operation."""
    return [name for name in POINTS if name.startswith(f"{operation}: ")]
