# SPDX-License-Identifier: Apache-2.0
"""The token service's addresses, as Docker's token protocol has them (compat.md 4.2).

Refusals say the same in three forms at once: in the registry's, in OAuth2's (RFC 6749, 5.2), and as ``details``, which
is the one that docker shows to people.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from entrepot.auth.challenges import challenge_basic
from entrepot.auth.credentials import check_basic
from entrepot.auth.logins import LoginRefused
from entrepot.auth.settings import TOKEN_PATH
from entrepot.auth.token_service import Grant, Refresh, TokenService, Wanted
from entrepot.oci import media
from entrepot.oci.access import Access
from entrepot.oci.errors import BodyTooLarge, RegistryError, RequestInvalid, TooManyRequests, Unauthorized, Unsupported
from entrepot.web.doors import Doors
from entrepot.web.errors import describe_error
from entrepot.web.exchange import SMALL, Answer, Exchange, answer_options, json_answer

PATHS = ("/api/auth", TOKEN_PATH)
"""Below the prefix; with a slash behind them, too."""

METHODS = ("GET", "POST")

FORM = "application/x-www-form-urlencoded"

MOST_FIELDS = 300

_Fields = Sequence[tuple[str, str]]


class UnknownGrant(RequestInvalid):
    """A ``grant_type`` that is none of ours."""


class TokenPages:
    """GET, and POST as OAuth2 has it."""

    def __init__(self, service: TokenService, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        realm = urlsplit(service.realm or "").path.rstrip("/")
        self._realm = "" if realm.startswith(("/v1/", "/v2/")) or realm in {"/v1", "/v2"} else realm

    def serves(self, whole: str, path: str) -> bool:
        """Whether we answer there. ``whole``: the path as it came; ``path``: below the prefix.

        Where the configuration names a realm, its path counts as clients write it or as a proxy leaves it.
        """
        at = path.rstrip("/")
        return at in PATHS or (self._realm != "" and self._realm in {at, whole.rstrip("/")})

    async def handle(self, exchange: Exchange) -> None:
        """Answer, or raise what ``entrepot.web.errors`` turns into an answer."""
        if exchange.method == "OPTIONS":
            return await exchange.answer(answer_options(METHODS))
        if exchange.method not in METHODS:
            raise Unsupported(f"{exchange.method} is not for this address", headers={"Allow": ", ".join(METHODS)})
        try:
            answer = await (self._get(exchange) if exchange.method == "GET" else self._post(exchange))
        except LoginRefused as error:
            challenge = {"WWW-Authenticate": challenge_basic(self._service.service)}
            return await _tell(exchange, Unauthorized(str(error), headers=challenge))
        except RegistryError as error:
            if error.status >= 500:
                raise
            return await _tell(exchange, error)
        return await exchange.answer(answer)

    async def _get(self, exchange: Exchange) -> Answer:
        query = exchange.query.multi_items()
        grant = await self._service.grant(
            Wanted(_find(query, "service"), _parse_scopes(query), _find(query, "offline_token").lower() == "true"),
            self._doors.describe(exchange),
        )
        return _answer(grant, {})

    async def _post(self, exchange: Exchange) -> Answer:
        form = await _read_form(exchange)
        approach = self._doors.describe(exchange)
        offline = _find(form, "access_type") == "offline"
        wanted = Wanted(_find(form, "service"), _parse_scopes(form), offline)
        match _find(form, "grant_type"):
            case "password":
                sent = check_basic(_find(form, "username"), _find(form, "password"))
                grant = await self._service.grant_to_password(wanted, sent, approach)
            case "refresh_token":
                grant = await self._service.grant_to_refresh(wanted, Refresh(_find(form, "refresh_token")), approach)
            case other:
                raise UnknownGrant(f"grant_type is password or refresh_token, not {other[:40]!r}")
        return _answer(grant, {"scope": " ".join(map(str, grant.granted))})


async def _read_form(exchange: Exchange) -> _Fields:
    if media.strip_parameters(exchange.headers.get("content-type", FORM)) != FORM:
        raise RequestInvalid(f"the body is a form: Content-Type {FORM}")

    body = await exchange.read_all(SMALL, _need_not_wait)
    if body is None:
        raise BodyTooLarge(f"the form has at most {SMALL} bytes")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RequestInvalid(f"the body is no form in UTF-8 with at most {MOST_FIELDS} fields") from None


async def _need_not_wait() -> None:
    """Forms are small enough for memory."""


def _find(fields: _Fields, wanted: str) -> str:
    return next((value for name, value in fields if name == wanted), "")


def _parse_scopes(fields: _Fields) -> Sequence[Access]:
    """Some clients repeat the parameter, some put blanks between several."""
    texts = [text for name, value in fields if name == "scope" for text in value.split()]
    return [Access.parse(text) for text in texts]


def _answer(grant: Grant, more: Mapping[str, str]) -> Answer:
    issued = grant.access
    document: dict[str, object] = {
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in,
        "issued_at": issued.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **more,
    }
    if grant.refresh_token:
        document["refresh_token"] = grant.refresh_token
    return json_answer(document, headers={"Cache-Control": "no-store"})


async def _tell(exchange: Exchange, error: RegistryError) -> None:
    document = {
        **describe_error(error),
        "error": _oauth(error),
        "error_description": str(error.detail),
        "details": str(error.detail),
    }
    await exchange.drain()
    headers = {"Cache-Control": "no-store", **error.headers}
    await exchange.answer(json_answer(document, status=error.status, headers=headers))


def _oauth(error: RegistryError) -> str:
    match error:
        case Unauthorized():
            return "invalid_grant"
        case UnknownGrant():
            return "unsupported_grant_type"
        case TooManyRequests():
            return "temporarily_unavailable"
        case _:
            return "invalid_request"
