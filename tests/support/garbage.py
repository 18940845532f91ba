# SPDX-License-Identifier: Apache-2.0
"""Things that no registry made, put at random into a data directory; nothing that is there is changed."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from entrepot.oci.digests import Digest
from entrepot.storage import layout

if TYPE_CHECKING:
    import random
    from pathlib import Path

WORDS = (
    b"_layers",
    b"_manifests",
    b"_uploads",
    b"revisions",
    b"tags",
    b"current",
    b"index",
    b"link",
    b"data",
    b"startedat",
    b"sha256",
    b"sha512",
    b"blobs",
    b"latest",
    b"Upper",
    b"a" * 200,
    b"-dash",
    b"two\nlines",
    b"\x1b[2J",
    b"\xff\xfe",
    b" ",
    b"~",
    "ünï".encode(),
)
"""Names that mean something in some place, and names that are never valid."""


def litter(root: Path, chance: random.Random, count: int) -> int:
    """Put ``count`` things somewhere into the layout below ``root``; returns how many found a place."""
    places = [place for place, _, _ in os.walk(os.fsencode(root / "docker"))]
    planted = 0
    for _ in range(count):
        place = chance.choice(places)
        path = place + b"/" + _name(chance)
        if os.path.lexists(path) or len(path) > 2000:
            continue
        _plant(path, os.fsencode(root), chance)
        planted += 1
        if os.path.isdir(path) and not os.path.islink(path):
            places.append(path)
    return planted


def _name(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return chance.randbytes(32).hex().encode()
    if chance.random() < 0.1:
        return chance.randbytes(1).hex().encode()
    return chance.choice(WORDS)


def _plant(path: bytes, root: bytes, chance: random.Random) -> None:
    kind = chance.choice(["file", "link", "directory", "directory", "directory", "pipe", "socket", "symlink"])
    if kind == "directory":
        os.mkdir(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        _bind(path)
    elif kind == "symlink":
        targets = [b"/dev/zero", b"/etc/hostname", b"nowhere", os.path.basename(path), b".", b"..", b"/", root]
        os.symlink(chance.choice(targets), path)
    else:
        contents = [b"", b"\n", chance.randbytes(100), Digest.of(chance.randbytes(4)).encode()]
        with open(path, "wb") as file:
            file.write(chance.choice(contents) if kind == "link" else chance.randbytes(chance.randrange(2000)))


def _bind(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(os.path.dirname(path), os.O_RDONLY)  # names of sockets are short
        try:
            listener.bind(f"/proc/self/fd/{here}/".encode() + os.path.basename(path)[:60])
        finally:
            os.close(here)


def contents(root: Path) -> dict[bytes, bytes]:
    """Every regular file of the layout, with its bytes."""
    found = {}
    for place, _, names in os.walk(os.fsencode(root / layout.V2)):
        for name in names:
            path = place + b"/" + name
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found
