# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens as they come back: the signature is checked once, who it speaks of with each use."""

import time
from collections.abc import Callable

from entrepot.auth.issuing import NO_ACCOUNT, AccessToken, InvalidToken, Issuer, find_epoch
from entrepot.auth.policy import NOBODY, Person
from entrepot.auth.remembered import LONGEST, Remembered
from entrepot.auth.standing import find_bar
from entrepot.auth.visitors import Visitor
from entrepot.index.directory import Account

MOST = 2000
"""Tokens remembered by one worker at most, those of 8 KiB at most; who came longest ago goes first."""

GRACE = 24 * 3600.0
"""Seconds for which an expired token still goes on with an upload that its owner began."""


class Bearers:
    """Of one worker. Not to be used by several threads."""

    def __init__(self, issuer: Issuer, now: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._now = now
        self._seen = Remembered[AccessToken](now, MOST)

    def name(self, header: str) -> bytes | None:
        """By what decisions about a header with a token are remembered; None: not at all."""
        return self._seen.name(header) if len(header) <= LONGEST else None

    def recall(self, raw: str) -> AccessToken | None:
        """What a token says whose signature was checked before."""
        return self._seen.find(self._seen.name(raw)) if len(raw) <= LONGEST else None

    def read(self, raw: str) -> AccessToken:
        """What a token says; it may be expired. Raises :class:`InvalidToken`."""
        token = self.recall(raw)
        if token is None:
            token = self._issuer.read_access(raw)
            if len(raw) <= LONGEST:
                self._seen.add(self._seen.name(raw), token, token.expires_at + GRACE, len(raw))
        return token

    def find_visitor(self, token: AccessToken, account: Account | None, *, grace: float = 0.0) -> Visitor:
        """Whose it is. ``account``: of its subject, as it is now; ``grace``: seconds that it may be expired. Raises
        :class:`InvalidToken` with the reason.
        """
        now = self._now()
        until = token.expires_at + grace
        if until <= now:
            raise InvalidToken("the token is expired")
        if not token.subject:
            return Visitor(NOBODY, token=token, until=until)
        if account is None:
            if token.epoch != NO_ACCOUNT:
                raise InvalidToken("the account of the token is gone")
            return Visitor(Person.signed_in(token.subject), token=token, until=until)
        bar = find_bar(account, now)
        if bar is not None:
            raise InvalidToken(bar)
        if find_epoch(account) != token.epoch:
            raise InvalidToken("the account was changed since the token was given out")
        if account.expires_at is not None:
            until = min(until, account.expires_at)
        return Visitor(Person.of(account), account, token, until)
