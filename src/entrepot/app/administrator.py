# SPDX-License-Identifier: Apache-2.0
"""The first administrator, told to the person who starts the registry."""

import sys

from entrepot.auth.first import create_first_administrator
from entrepot.index.directory import Directory
from entrepot.telemetry.logs import Logger


async def welcome_administrator(directory: Directory, log: Logger) -> None:
    """Make an administrator where there is none, and say the password, once: on stderr and not in the log's form, in
    which it would be kept and sent elsewhere. Raises ``Unavailable``.
    """
    made = await create_first_administrator(directory)
    if made is None:
        return
    name, password = made
    log.info("there was no administrator; one was made", user=name)
    print(  # noqa: T201 - for the person who starts it
        f"There was no administrator, so one was made. This is shown once:\n"
        f"  user      {name}\n"
        f"  password  {password}\n"
        f"Another password: entrepot user password {name}. More users: entrepot user add NAME --role write-all",
        file=sys.stderr,
        flush=True,
    )
