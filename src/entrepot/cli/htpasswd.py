# SPDX-License-Identifier: Apache-2.0
"""``entrepot htpasswd``: a user's line in a file for ``auth.htpasswd``. A running registry reads it within a second."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import click

from entrepot.auth.credentials import LONGEST_NAME
from entrepot.auth.htpasswd import CHEAPEST, COST, DEAREST, LONGEST_PASSWORD, make_line


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("user")
@click.option(
    "--cost", type=click.IntRange(CHEAPEST, DEAREST), default=COST, show_default=True, help="One more doubles the time."
)
def htpasswd(file: Path, user: str, cost: int) -> None:
    """Add USER to FILE with a bcrypt hash, or give USER another password.

    The password is asked for, or is the first line of standard input. FILE keeps its mode and owner; it is made (0600)
    where it is not there.
    """
    _require_name(user)
    password = _read_password()
    line = make_line(user, password, cost)
    # An absolute path, so that a link keeps being one: what it points to is replaced.
    target = file.resolve()
    try:
        replaced = _replace(target, user, line.encode())
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    click.echo(f"{file}: {'another password for' if replaced else 'added'} {user}")


def _require_name(user: str) -> None:
    if not user or len(user) > LONGEST_NAME or ":" in user or not user.isprintable() or user != user.strip():
        raise click.ClickException(
            f"a user's name has 1 to {LONGEST_NAME} characters, no colon and no control character"
        )
    if user.startswith("#"):
        raise click.ClickException("a name that begins with # would be a comment")


def _read_password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not password or "\0" in password:
        raise click.ClickException("the password is empty, or holds a NUL; nothing was changed")
    if len(password.encode("utf-8", "surrogateescape")) > LONGEST_PASSWORD:
        click.echo(f"bcrypt looks at the first {LONGEST_PASSWORD} bytes of a password only", err=True)
    return password


def _replace(path: Path, user: str, line: bytes) -> bool:
    """Write the file anew and put it in the old one's place at once. Returns whether the user stood in it."""
    old = path.stat() if path.exists() else None
    lines = path.read_bytes().splitlines() if old else []
    start = user.encode() + b":"
    places = [number for number, each in enumerate(lines) if each.strip().startswith(start)]
    lines = [each for number, each in enumerate(lines) if number not in places[1:]]
    if places:
        lines[places[0]] = line
    else:
        lines.append(line)
    if old is None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"\n".join(lines) + b"\n")
            if old is not None:
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
                os.fchmod(file.fileno(), old.st_mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    return bool(places)
