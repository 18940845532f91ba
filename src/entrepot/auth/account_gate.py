# SPDX-License-Identifier: Apache-2.0
"""The gate of ``auth.accounts``: tokens of our own, passwords, robots, whom a proxy has signed in, and nobody.

A token says what was granted when it was given out. What it may do is decided anew with each use: by it, by the account
as it is now, and by the rules as they are now, for the address that it comes from.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal
from uuid import UUID

from entrepot.auth.audit import Audit
from entrepot.auth.bearers import GRACE, Bearers
from entrepot.auth.challenges import Fault, build_realm, challenge_basic, challenge_bearer, refuse
from entrepot.auth.credentials import Basic, Bearer, Unusable, parse_credentials
from entrepot.auth.gate import Admission, Approach
from entrepot.auth.guard import Guard
from entrepot.auth.issuing import AccessToken, InvalidToken
from entrepot.auth.logins import LoginRefused, Logins
from entrepot.auth.memo import Memo
from entrepot.auth.policy import Book, Policy
from entrepot.auth.proxied import Proxied
from entrepot.auth.seals import Seals
from entrepot.auth.settings import TOKEN_PATH, AccountsSettings
from entrepot.auth.token_service import TokenService
from entrepot.auth.uses import Uses
from entrepot.auth.visitors import STRANGER, Visitor
from entrepot.index.directory import ANONYMOUS
from entrepot.oci.access import CATALOG, Access
from entrepot.oci.errors import Denied, RegistryError, Unauthorized

_Scheme = Literal["bearer", "basic"]


class AccountGate:
    """Of one worker. Not to be used by several threads. ``tokens`` gives out what is taken here."""

    def __init__(
        self,
        settings: AccountsSettings,
        book: Book,
        logins: Logins,
        bearers: Bearers,
        proxied: Proxied,
        seals: Seals,
        uses: Uses,
        tokens: TokenService,
        audit: Audit,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._book = book
        self._logins = logins
        self._bearers = bearers
        self._proxied = proxied
        self._seals = seals
        self._uses = uses
        self.tokens = tokens
        self._audit = audit
        self._now = now
        self._memo = Memo()

    @property
    def guard(self) -> Guard:
        """What checks passwords here."""
        return self._logins.guard

    @property
    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """See :class:`entrepot.auth.gate.Gate`."""
        return (self._uses.write_on,)

    def recall(self, approach: Approach, need: Access) -> Admission | None:
        """See :class:`entrepot.auth.gate.Gate`."""
        book = self._book
        if not book.fresh or approach.upload is not None:
            return None
        who = self._recall_name(approach)
        if who is None:
            return None
        key = (who, approach.address, need.kind, need.name, need.actions)
        admission = self._memo.find(key, book.version, self._now())
        if admission is None:
            visitor = self._recall_visitor(approach)
            if visitor is STRANGER and _has_to_say_who(approach, (need,)):
                return None
            admission = None if visitor is None else self._let_in(visitor, approach, (need,), book.policy)
            if visitor is None or admission is None:
                return None
            size = 0 if visitor.token is None else len(approach.authorization or "")
            self._memo.add(key, book.version, visitor.until, admission, size)
        if admission.actor:
            self._uses.note(admission.actor)
        return admission

    async def admit(self, approach: Approach, needs: Sequence[Access]) -> Admission:
        """See :class:`entrepot.auth.gate.Gate`."""
        visitor = await self._find_visitor(approach, needs)
        if visitor is STRANGER and _has_to_say_who(approach, needs):
            raise self._ask(approach, needs)
        policy = await self._book.refresh()  # only now: hashing may have taken seconds
        admission = self._let_in(visitor, approach, needs, policy)
        if admission is None and await self._book.renew():
            visitor = await self._find_visitor(approach, needs)
            admission = self._let_in(visitor, approach, needs, self._book.policy)
        if admission is None:
            raise self._refuse(visitor, approach, needs)
        if visitor.account is not None:
            self._uses.note(visitor.account.name)
        return admission

    def seal(self, upload: UUID, admission: Admission) -> str:
        """See :class:`entrepot.auth.gate.Gate`."""
        return self._seals.make(upload, admission.owner)

    def _let_in(
        self, visitor: Visitor, approach: Approach, needs: Sequence[Access], policy: Policy
    ) -> Admission | None:
        allows = partial(visitor.find_rule, policy, approach.address)
        rules = []
        for need in needs:
            rule = allows(need)
            if rule is None:
                return None
            rules.append(rule)
        name = visitor.person.name
        sight = policy.find_sight(visitor.person, approach.address)
        return Admission(name, sight, allows, "; ".join(dict.fromkeys(rules)), owner=name)

    def _recall_name(self, approach: Approach) -> str | bytes | None:
        """Under which decisions are remembered; None: not known without waiting. Of a token it is a hash, since tokens
        are long and anybody can have many; passwords are looked at anew each time.
        """
        header = approach.authorization
        if approach.signed_in:
            return f"proxy {approach.signed_in}"
        if header is None:
            return "nobody"
        if header[:7].lower() == "bearer ":
            return self._bearers.name(header)
        sent = parse_credentials(header)
        known = self._logins.recall(sent) if isinstance(sent, Basic) else None
        return None if known is None else f"account {known.name}"

    def _recall_visitor(self, approach: Approach) -> Visitor | None:
        """From memory; None: not known without waiting, or refused."""
        if approach.signed_in:
            return self._proxied.recall(approach.signed_in)
        match parse_credentials(approach.authorization):
            case None:
                return STRANGER
            case Basic() as sent:
                known = self._logins.recall(sent)
                return None if known is None else Visitor.of(known)
            case Bearer(raw):
                token = self._bearers.recall(raw)
                return None if token is None else self._recall_bearer(token)
        return None

    def _recall_bearer(self, token: AccessToken) -> Visitor | None:
        account = self._book.recall(token.subject) if token.subject else None
        if token.subject and account is None:
            return None
        try:
            return self._bearers.find_visitor(token, account)
        except InvalidToken:
            return None

    async def _find_visitor(self, approach: Approach, needs: Sequence[Access]) -> Visitor:
        if approach.signed_in:
            return await self._proxied.find(approach.signed_in, approach.source)
        match parse_credentials(approach.authorization):
            case None:
                return STRANGER
            case Unusable(reason):
                raise self._ask(approach, needs, detail=reason)
            case Basic() as sent:
                try:
                    return Visitor.of(await self._logins.check(sent, approach.source))
                except LoginRefused as error:
                    raise self._ask(approach, needs, detail=str(error)) from error
            case Bearer(raw):
                return await self._find_bearer(raw, approach, needs)

    async def _find_bearer(self, raw: str, approach: Approach, needs: Sequence[Access]) -> Visitor:
        try:
            token = self._bearers.read(raw)
            account = await self._book.account(token.subject) if token.subject else None
            return self._bearers.find_visitor(token, account, grace=self._find_grace(token, approach))
        except InvalidToken as error:
            self._audit.refused("", approach.source, "invalid token", " ".join(map(str, needs)))
            raise self._ask(approach, needs, "bearer", "invalid_token", str(error)) from error

    def _find_grace(self, token: AccessToken, approach: Approach) -> float:
        """Large layers over slow lines: who began an upload may finish it with the token of its beginning."""
        going_on = approach.upload
        if going_on is None or not going_on.state or not token.subject:
            return 0.0
        return GRACE if self._seals.fits(going_on.upload, token.subject, going_on.state) else 0.0

    def _refuse(self, visitor: Visitor, approach: Approach, needs: Sequence[Access]) -> RegistryError:
        if visitor is STRANGER:
            return self._ask(approach, needs)
        wanted = " ".join(map(str, needs))
        self._audit.refused(visitor.person.name, approach.source, "no rule allows it", wanted)
        if visitor.token is None:
            return Denied(f"no rule allows {visitor.person.name!r} {wanted} from {approach.address}")
        why = _describe_refusal(visitor.person.name, visitor.token, needs, approach.address)
        return self._ask(approach, needs, "bearer", "insufficient_scope", why)

    def _ask(
        self,
        approach: Approach,
        needs: Sequence[Access],
        scheme: _Scheme | None = None,
        fault: Fault = "",
        detail: object = None,
    ) -> Unauthorized:
        """The challenge, of ``scheme`` or of what the clients of this address know."""
        if scheme is None and approach.basic_only:
            return refuse(challenge_basic(self._settings.service), detail)
        realm = self._settings.realm or build_realm(approach.origin, approach.base + TOKEN_PATH)
        return refuse(challenge_bearer(realm, self._settings.service, needs, fault), detail)


def _has_to_say_who(approach: Approach, needs: Sequence[Access]) -> bool:
    """Clients ask without credentials first, also those who have some. Where that is answered with what everybody sees,
    they never see more: so the catalog asks who it is, for which a token given to nobody will do. Not so the search of
    ``/v1/``, for which docker has no token, nor the JSON API's lists.
    """
    return not needs or (CATALOG in needs and approach.authorization is None and not approach.basic_only)


def _describe_refusal(name: str, token: AccessToken, needs: Sequence[Access], address: str) -> str:
    """What the token was not granted; else what the rules have ceased to allow since."""
    lacking = [need for need in needs if not token.covers(need)]
    if lacking:
        return f"the token was not granted {' '.join(map(str, lacking))}; ask for one that is"
    return f"no rule allows {name or ANONYMOUS!r} {' '.join(map(str, needs))} from {address}"
