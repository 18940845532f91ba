# SPDX-License-Identifier: Apache-2.0
"""The gate of ``auth.htpasswd``: whoever stands in the file may do everything (compat.md 4.4)."""

import os
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from entrepot.auth.audit import Audit
from entrepot.auth.challenges import challenge_basic, refuse
from entrepot.auth.credentials import Basic, Unusable, parse_credentials
from entrepot.auth.gate import Admission, Approach
from entrepot.auth.guard import SECONDS, Guard
from entrepot.auth.htpasswd import NOBODY, Users, make_line, read_users, verify
from entrepot.auth.remembered import Remembered
from entrepot.auth.settings import HtpasswdSettings
from entrepot.auth.watched import Watched
from entrepot.oci.access import Access
from entrepot.oci.errors import Unavailable
from entrepot.telemetry.logs import Logger

RULE = "auth.htpasswd"


@dataclass(frozen=True, slots=True)
class _Seen:
    user: str
    stored: str
    admission: Admission


class HtpasswdGate:
    """Lets in who knows a password of the file, which is watched."""

    background: Sequence[Callable[[], Awaitable[None]]] = ()

    def __init__(
        self, settings: HtpasswdSettings, audit: Audit, log: Logger, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._challenge = challenge_basic(settings.realm)
        self._audit = audit
        self._log = log
        self._now = now
        self._users = Watched([settings.path], partial(self._read, settings.path), NOBODY, log, now)
        self._guard = Guard(verify, NOBODY.dummy, now)
        self._seen = Remembered[_Seen](now)

    def recall(self, approach: Approach, _need: Access) -> Admission | None:
        return self._recall(approach)

    def _recall(self, approach: Approach) -> Admission | None:
        if not approach.authorization or not self._users.is_fresh():
            return None
        seen = self._seen.find(self._seen.name(approach.authorization))
        if seen is None or self._users.content.hashes.get(seen.user) != seen.stored:
            return None
        return seen.admission

    async def admit(self, approach: Approach, needs: Sequence[Access]) -> Admission:
        remembered = self._recall(approach)
        if remembered is not None:
            return remembered
        credentials = parse_credentials(approach.authorization)
        if not isinstance(credentials, Basic):
            raise refuse(self._challenge, credentials.reason if isinstance(credentials, Unusable) else None)
        users = await self._users.refresh()
        self._guard.dummy = users.dummy
        user, password, stored = credentials.user, credentials.password, users.hashes.get(credentials.user)
        known = stored is not None and self._guard.recall(user, password, stored)
        right = known or await self._guard.check(user, password, stored, approach.address)
        if not right or stored is None:
            self._audit.refused(user, approach.address, _find_why(user, users), " ".join(map(str, needs)))
            raise refuse(self._challenge, "no such user, or another password")
        if not known:
            self._audit.login(user, approach.address, "password")
        return self._remember(approach.authorization or "", user, stored)

    def _remember(self, header: str, user: str, stored: str) -> Admission:
        name = self._seen.name(header)
        seen = self._seen.find(name)
        if seen is not None and seen.stored == stored:  # not anew: what is in use must be hashed again some time, too
            return seen.admission
        admission = Admission(user, allows=_allow, rule=RULE)
        self._seen.add(name, _Seen(user, stored, admission), self._now() + SECONDS)
        return admission

    def seal(self, _upload: UUID, _admission: Admission) -> str:
        return ""

    def _read(self, path: Path, before: Users | None) -> Users:
        users = read_users(path, before)
        if before is not None:
            tell_problems(users, path, self._log)
        return users


def _find_why(user: str, users: Users) -> str:
    """For the audit alone: who asks is told the same in all cases."""
    if user in users.others:
        return f"the line of this user holds {users.others[user]}"
    return "wrong password" if user in users.hashes else "no such user"


def _allow(_: Access) -> str:
    return RULE


def tell_problems(users: Users, path: Path, log: Logger) -> None:
    """Each line that cannot be used, with what to do; and where nobody at all can sign in, that."""
    for problem in users.problems:
        log.warning("the htpasswd file has a line that cannot be used", path=str(path), problem=problem)
    if not users.hashes:
        nobody = f"no user of {path} can sign in; entrepot htpasswd {shlex.quote(str(path))} USER adds one"
        log.warning(nobody)


def prepare_htpasswd(settings: HtpasswdSettings, log: Logger) -> None:
    """Once before the first worker: make the file where it is missing, and name what is wrong with it.

    Raises ``Unavailable``.
    """
    path = settings.path
    try:
        if not path.exists():
            _make_file(path, log)
        tell_problems(read_users(path), path, log)
    except OSError as error:
        raise Unavailable(
            f"auth.htpasswd.path: {path} cannot be used: {error.strerror}; let this process read it, or name another"
        ) from error


def _make_file(path: Path, log: Logger) -> None:
    """As docker/distribution does: one user, whose password is told once."""
    user, password = "docker", secrets.token_urlsafe(24)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make_line(user, password))
        file.flush()
        os.fsync(file.fileno())
    log.warning("htpasswd is missing, provisioning with default user", path=str(path), user=user, password=password)
