# SPDX-License-Identifier: Apache-2.0
"""The token service: who somebody is becomes what they may do for some minutes (compat.md 4.2)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from entrepot.auth.audit import Audit
from entrepot.auth.credentials import Basic, Unusable, parse_credentials
from entrepot.auth.gate import Approach
from entrepot.auth.issuing import NO_ACCOUNT, InvalidToken, Issued, Issuer, find_epoch
from entrepot.auth.logins import LoginRefused, Logins
from entrepot.auth.policy import Book
from entrepot.auth.proxied import Proxied
from entrepot.auth.settings import AccountsSettings
from entrepot.auth.standing import find_bar
from entrepot.auth.uses import Uses
from entrepot.auth.visitors import STRANGER, Visitor
from entrepot.oci.access import CATALOG, REGISTRY, REPOSITORY, Access
from entrepot.oci.errors import NameInvalid, RequestInvalid
from entrepot.oci.names import RepositoryName

MOST_SCOPES = 200
"""In one request; docker asks for two."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``service``: for which registry, "" where the client does not say; ``offline``: a refresh token, too."""

    service: str
    scopes: Sequence[Access]
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token, as sent."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What is given out. ``refresh_token`` "": none."""

    access: Issued
    granted: Sequence[Access]
    refresh_token: str = field(default="", repr=False)


class TokenService:
    """Of one worker. Not to be used by several threads."""

    def __init__(
        self,
        settings: AccountsSettings,
        issuer: Issuer,
        book: Book,
        logins: Logins,
        proxied: Proxied,
        uses: Uses,
        audit: Audit,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._book = book
        self._logins = logins
        self._proxied = proxied
        self._uses = uses
        self._audit = audit
        self._now = now

    @property
    def service(self) -> str:
        """The name of the registries that our tokens are for."""
        return self._settings.service

    @property
    def realm(self) -> str | None:
        """Where the configuration says that we answer."""
        return self._settings.realm

    async def grant(self, wanted: Wanted, approach: Approach) -> Grant:
        """To who comes with Basic credentials, is signed in by a proxy, or is nobody.

        Raises :class:`LoginRefused`, ``Denied``, ``RequestInvalid``, ``TooManyRequests``, ``Unavailable``.
        """
        self._require_service(wanted)
        if approach.signed_in:
            visitor = await self._proxied.find(approach.signed_in, approach.source)
            self._audit.login(visitor.person.name, approach.source, "proxy")
            return await self._give(wanted, visitor, approach.address)
        match parse_credentials(approach.authorization):
            case None:
                return await self._give(wanted, STRANGER, approach.address)
            case (Basic() | Unusable()) as sent:
                return await self.grant_to_password(wanted, sent, approach)
            case _:
                raise LoginRefused("a token is had for a name and a password, with Basic authorization")

    async def grant_to_password(self, wanted: Wanted, sent: Basic | Unusable, approach: Approach) -> Grant:
        """The same to a name and a password."""
        self._require_service(wanted)
        if isinstance(sent, Unusable):
            raise LoginRefused(sent.reason)
        account = await self._logins.check(sent, approach.source)
        return await self._give(wanted, Visitor.of(account), approach.address)

    async def grant_to_refresh(self, wanted: Wanted, sent: Refresh, approach: Approach) -> Grant:
        """The same to a refresh token that we gave out."""
        self._require_service(wanted)
        try:
            token = self._issuer.read_refresh(sent.token)
        except InvalidToken as error:
            self._audit.refused("", approach.source, "invalid refresh token", "")
            raise LoginRefused("the refresh token is not good or expired; log in again") from error
        account = await self._book.account(token.subject)
        bar = None if account is None else find_bar(account, self._now())
        if account is None or find_epoch(account) != token.epoch or bar is not None:
            self._audit.refused(token.subject, approach.source, bar or "refresh token of another epoch", "")
            raise LoginRefused(bar or "the account was changed since the refresh token was given out; log in again")
        self._audit.login(account.name, approach.source, "refresh token")
        return await self._give(wanted, Visitor.of(account), approach.address)

    def _require_service(self, wanted: Wanted) -> None:
        """A token that names another service would be refused there, with no word why."""
        if wanted.service not in {"", self._settings.service}:
            raise RequestInvalid(
                f"this token service gives tokens for the service {self._settings.service!r}, not for "
                f"{wanted.service[:100]!r}; a registry that trusts it says so with auth.token.service"
            )
        if len(wanted.scopes) > MOST_SCOPES:
            raise RequestInvalid(f"a request has at most {MOST_SCOPES} scopes")

    async def _give(self, wanted: Wanted, visitor: Visitor, address: str) -> Grant:
        await self._book.renew()
        policy = self._book.policy
        granted = [
            Access(scope.kind, scope.name, actions)
            for scope in _unite(wanted.scopes)
            if (known := _find_known(scope)) is not None
            and (actions := policy.find_permitted(visitor.person, known, address))
        ]
        name, account = visitor.person.name, visitor.account
        if account is None:
            return Grant(self._issuer.issue_access(name, NO_ACCOUNT if name else "", granted), granted)
        self._uses.note(name)
        access = self._issuer.issue_access(name, find_epoch(account), granted, account.expires_at)
        return Grant(access, granted, self._issuer.issue_refresh(account) if wanted.offline else "")


def _unite(scopes: Sequence[Access]) -> Sequence[Access]:
    """Each resource once, in the order in which they were first asked for."""
    actions: dict[tuple[str, str], frozenset[str]] = {}
    for scope in scopes:
        name = (scope.kind, scope.name)
        actions[name] = actions.get(name, frozenset()) | scope.actions
    return [Access(kind, name, united) for (kind, name), united in actions.items()]


def _find_known(scope: Access) -> Access | None:
    """What is asked for, as rules speak of it; None where nobody is ever granted it in a token.

    A class, as in ``repository(plugin)``, makes no difference. Accounts are not administered with tokens: they go to
    clients that keep them in files.
    """
    kind = scope.kind.partition("(")[0]
    if kind == REGISTRY:
        return scope if scope.name == CATALOG.name else None
    if kind != REPOSITORY:
        return None
    try:
        return Access(REPOSITORY, RepositoryName.parse(scope.name), scope.actions)
    except NameInvalid:
        return None
