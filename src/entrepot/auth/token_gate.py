# SPDX-License-Identifier: Apache-2.0
"""The gate of ``auth.token``: believes what an issuer elsewhere has signed (compat.md 4.1-4.3).

A token holds until it expires: nobody tells this registry what the issuer thinks of it meanwhile.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from entrepot.auth.audit import Audit
from entrepot.auth.challenges import Fault, build_realm, challenge_bearer, refuse
from entrepot.auth.credentials import Bearer, Unusable, parse_credentials
from entrepot.auth.gate import Admission, Approach
from entrepot.auth.remembered import LONGEST, Remembered
from entrepot.auth.seals import Seals
from entrepot.auth.settings import TokenSettings
from entrepot.auth.tokens import LEEWAY, Token, TokenInvalid, TokenReader
from entrepot.auth.trust import NOBODY, Trust, read_trust
from entrepot.auth.watched import FileBroken, Watched
from entrepot.index.sight import Sight
from entrepot.oci.access import ADMINISTRATION, Access
from entrepot.oci.errors import Denied, Unauthorized, Unavailable
from entrepot.telemetry.logs import Logger

RULE = "auth.token"

OVERTIME = 24 * 3600.0
"""Seconds after its expiry for which a token lets its owner finish an upload that was begun with one."""


@dataclass(frozen=True, slots=True)
class _Seen:
    token: Token
    admission: Admission
    trust: Trust


class TokenGate:
    """Lets in who brings a token that allows what is asked for."""

    background: Sequence[Callable[[], Awaitable[None]]] = ()

    def __init__(
        self,
        settings: TokenSettings,
        seals: Seals,
        audit: Audit,
        log: Logger,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``now``: Unix seconds; ``clock``: by which the files are looked at."""
        self._settings = settings
        self._seals = seals
        self._audit = audit
        self._now = now
        self._reader = TokenReader(settings.issuer, settings.service, settings.signingalgorithms)
        self._trust = Watched(_find_files(settings), partial(_read_again, settings), NOBODY, log, clock)
        self._seen = Remembered[_Seen](now)

    def recall(self, approach: Approach, need: Access) -> Admission | None:
        seen = self._recall(approach)
        return seen.admission if seen is not None and _allows(seen.token, need) else None

    def _recall(self, approach: Approach) -> _Seen | None:
        header = approach.authorization
        if not header or len(header) > LONGEST or not self._trust.is_fresh():
            return None
        seen = self._seen.find(self._seen.name(header))
        return seen if seen is not None and seen.trust is self._trust.content else None

    async def admit(self, approach: Approach, needs: Sequence[Access]) -> Admission:
        known = self._recall(approach)
        if known is not None and all(_allows(known.token, need) for need in needs):
            return known.admission
        credentials = parse_credentials(approach.authorization)
        if not isinstance(credentials, Bearer):
            why = credentials.reason if isinstance(credentials, Unusable) else None
            raise self._refusal(approach, needs, why)
        trust = await self._trust.refresh()
        try:
            token = self._reader.read(credentials.token, trust, self._now())
            self._require_time(token, approach)
        except TokenInvalid as error:
            self._audit.refused("", approach.source, str(error), _describe(needs))
            raise self._refusal(approach, needs, str(error), "invalid_token") from None
        if lacking := [need for need in needs if not _allows(token, need)]:
            self._audit.refused(token.subject, approach.source, "the token does not allow it", _describe(needs))
            if ADMINISTRATION in needs:
                raise Denied("tokens of another issuer do not administer this registry")
            why = f"the token was not granted {_describe(lacking)}; ask for one that is"
            raise self._refusal(approach, needs, why, "insufficient_scope")
        sight = Sight(None, actors=bool(token.subject))
        admission = Admission(token.subject, sight, allows=partial(_find_rule, token), rule=RULE, owner=token.subject)
        header = approach.authorization
        if header and len(header) <= LONGEST:
            until = token.expires + LEEWAY
            self._seen.add(self._seen.name(header), _Seen(token, admission, trust), until, len(header))
        return admission

    def seal(self, upload: UUID, admission: Admission) -> str:
        return self._seals.make(upload, admission.owner)

    def _require_time(self, token: Token, approach: Approach) -> None:
        """Raises ``TokenInvalid`` for an expired one, but for its owner's upload."""
        late = self._now() - token.expires
        going_on = approach.upload
        if late < LEEWAY:
            return
        if late >= OVERTIME or going_on is None:
            raise TokenInvalid("the token has expired")
        if not self._seals.fits(going_on.upload, token.subject, going_on.state):
            raise TokenInvalid("the token has expired, and the upload is not its owner's")

    def _refusal(self, approach: Approach, needs: Sequence[Access], why: str | None, fault: Fault = "") -> Unauthorized:
        realm = self._settings.realm
        if self._settings.autoredirect:
            # https as docker/distribution has it: a proxy that ends TLS does not always say so, and passwords follow
            host = approach.origin.partition("://")[2]
            realm = build_realm(f"https://{host}", self._settings.autoredirectpath)
        return refuse(challenge_bearer(realm, self._settings.service, needs, fault), why)


def _allows(token: Token, need: Access) -> bool:
    return need != ADMINISTRATION and token.allows(need)


def _find_rule(token: Token, need: Access) -> str | None:
    return RULE if _allows(token, need) else None


def _describe(needs: Sequence[Access]) -> str:
    return " ".join(map(str, needs))


def _find_files(settings: TokenSettings) -> Sequence[Path]:
    return [path for path in (settings.rootcertbundle, settings.jwks) if path is not None]


def _read_again(settings: TokenSettings, _before: Trust | None) -> Trust:
    return read_trust(settings.rootcertbundle, settings.jwks)


def prepare_token(settings: TokenSettings) -> None:
    """Once before the first worker: whether the files can be used. Raises ``Unavailable``."""
    try:
        read_trust(settings.rootcertbundle, settings.jwks)
    except OSError as error:
        raise Unavailable(f"auth.token: {error.filename} cannot be read: {error.strerror}") from error
    except FileBroken as error:
        raise Unavailable(f"auth.token: {error}") from error
