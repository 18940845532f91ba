# SPDX-License-Identifier: Apache-2.0
"""Checks passwords so that it hurts those who guess: few at once, slower with each failure, never twice in a minute for
who is right.
"""

from collections.abc import Callable

Verify = Callable[[str, str], bool]
"""Whether a stored hash (first) is that of a password (second); slow, so that it runs in a thread."""


class Guard:
    """Of one worker. Not to be used by several threads."""

    def __init__(self, verify: Verify, dummy: str) -> None:
        """``dummy``: a stored hash that is checked where the user is not there, so that both cost the same time."""
        raise NotImplementedError

    def recall(self, user: str, password: str, stored: str) -> bool:
        """Whether this password was found to be right in the last seconds, for the same stored hash. Microseconds."""
        raise NotImplementedError

    async def check(self, user: str, password: str, stored: str | None, address: str) -> bool:
        """Whether the password is right; ``stored`` None: there is no such user.

        Two at once are hashed; others wait. Who failed before waits longer: by address up to 10 s, by user up to 1 s,
        so that nobody can lock out another. Raises ``TooManyRequests`` where too many wait already.
        """
        raise NotImplementedError

    def note_failure(self, user: str, address: str) -> None:
        """A failure that was found without hashing, such as a wrong robot token."""
        raise NotImplementedError
