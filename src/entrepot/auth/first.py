# SPDX-License-Identifier: Apache-2.0
"""What is there before anybody made anything: an administrator, since somebody must begin, and two roles for all."""

import asyncio
import contextlib
import itertools
import time

from entrepot.auth.generated import make_password
from entrepot.auth.passwords import hash_password
from entrepot.index.directory import ADMINISTRATORS, BUILT_IN, Account, Directory
from entrepot.oci.access import PULL, PUSH
from entrepot.oci.errors import AccessConflict

READY_ROLES = (
    ("read-all", "may pull everything", PULL),
    ("write-all", "may pull and push everything", PUSH),
)
"""Made once; they can be removed like any other."""


async def create_first_administrator(directory: Directory) -> tuple[str, str] | None:
    """Name and password of an administrator that was made, with the ready roles; None where there is one already.

    Of several processes at once one makes it: the name is taken for the others, and then somebody is there.
    """
    if await directory.count_administrators() > 0:
        return None
    await make_ready_roles(directory)
    password = make_password()
    secret = await asyncio.to_thread(hash_password, password)
    for name in itertools.chain(["admin"], (f"admin{number}" for number in itertools.count(2))):
        account = Account(
            name, "user", secret, comment="made at the first start", created_at=time.time(), roles=(ADMINISTRATORS,)
        )
        with contextlib.suppress(AccessConflict):
            await directory.add_account(account)
            return name, password
        if await directory.count_administrators() > 0:
            return None
    raise AssertionError("names do not end")


async def prepare_untouched(directory: Directory) -> None:
    """Make the ready roles where nobody made anything yet."""
    users = await directory.accounts("user", "", 1)
    roles = [role for role in await directory.roles() if role.name not in BUILT_IN]
    if not (users or roles or await directory.rules()):
        await make_ready_roles(directory)


async def make_ready_roles(directory: Directory) -> None:
    """Make :data:`READY_ROLES`; nothing where they are there."""
    for name, comment, actions in READY_ROLES:
        with contextlib.suppress(AccessConflict):
            await directory.add_role(name, comment)
        with contextlib.suppress(AccessConflict):
            await directory.add_rule(f"role:{name}", "**", "*", actions, "")
