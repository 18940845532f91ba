# SPDX-License-Identifier: Apache-2.0
"""Accounts, their gate and their token service, built together: they share what one worker remembers."""

from datetime import UTC, datetime

from entrepot.auth.account_gate import AccountGate
from entrepot.auth.audit import Audit
from entrepot.auth.bearers import Bearers
from entrepot.auth.guard import Guard
from entrepot.auth.issuing import Issuer
from entrepot.auth.keys import SigningPair, load_pair, make_pair
from entrepot.auth.logins import Logins
from entrepot.auth.passwords import DUMMY, verify_password
from entrepot.auth.policy import Book
from entrepot.auth.proxied import Proxied
from entrepot.auth.seals import Seals
from entrepot.auth.settings import AccountsSettings
from entrepot.auth.token_service import TokenService
from entrepot.auth.uses import Uses
from entrepot.index.index import Index
from entrepot.index.signing import KeptPair
from entrepot.oci.errors import Unavailable
from entrepot.telemetry.logs import Logger


async def prepare_accounts(settings: AccountsSettings, index: Index, log: Logger) -> None:
    """Once before the first worker: the pair that tokens are signed with. Raises ``Unavailable`` with what to do."""
    pair = await ensure_pair(settings, index)
    if not pair.holds_at(datetime.now(UTC)):
        log.warning(
            "the certificate of the token service is expired or not yet valid: other registries that trust it refuse "
            "our tokens; make a new one for the same key: openssl req -x509 -key KEY -days 3650 -out CERT"
        )


async def ensure_pair(settings: AccountsSettings, index: Index) -> SigningPair:
    """The pair as configured, else the one that is kept, which is made now where there is none. Raises
    ``Unavailable``.
    """
    if settings.key is not None and settings.cert is not None:
        return load_pair(settings.key, settings.cert)
    kept = await index.signing.pair() or await index.signing.agree(KeptPair(*make_pair()))
    return _parse(kept)


def open_accounts(settings: AccountsSettings, index: Index, audit: Audit, log: Logger) -> AccountGate:
    """The gate of one worker. Raises ``Unavailable`` with what to do."""
    pair = _find_pair(settings, index)
    directory, book = index.directory, Book(index.directory)
    issuer = Issuer(pair, settings.issuer, settings.service, settings.expiration)
    uses, proxied = Uses(directory, log), Proxied(book, audit)
    logins = Logins(directory, book, Guard(verify_password, DUMMY), audit)
    tokens = TokenService(settings, issuer, book, logins, proxied, uses, audit)
    seals = Seals(pair.derive("uploads"))
    return AccountGate(settings, book, logins, Bearers(issuer), proxied, seals, uses, tokens, audit)


def _find_pair(settings: AccountsSettings, index: Index) -> SigningPair:
    if settings.key is not None and settings.cert is not None:
        return load_pair(settings.key, settings.cert)
    kept = index.signing.pair_blocking()
    if kept is None:
        raise Unavailable("the key of the token service is gone from the index; restart the registry, which makes one")
    return _parse(kept)


def _parse(kept: KeptPair) -> SigningPair:
    try:
        return SigningPair.parse(kept.key.encode(), kept.certificate.encode())
    except ValueError as error:
        raise Unavailable(f"the key of the token service in the index cannot be used: {error}") from error
