# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens that has nothing of entrepot's: written from the specification, as others' programs are.

https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from support.forging import Forge, libtrust_id
from support.signers import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.forging import SigningKey

LIFE = 300


class Issuer:
    """Gives tokens on a loopback port to ``users`` for everything they ask, and to nobody for what is public.

    ``header``: how its tokens name their key, as changes to a header with the libtrust id. ``public``: prefixes of
    repositories that anybody may pull. With ``refreshing`` it gives refresh tokens to who asks for them.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        key: SigningKey | None = None,
        header: Mapping[str, object] | None = None,
        public: Sequence[str] = (),
        refreshing: bool = True,
        name: str = "tests' issuer",
        service: str = "tests' registry",
    ) -> None:
        self.users = dict(users)
        self.header = dict(header or {})
        self.public = tuple(public)
        self.refreshing = refreshing
        self.name, self.service = name, service
        self.authority = Authority("issuer", key=key)
        self.given: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            """Requests become calls of the issuer."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """The older form."""
                query = parse_qs(urlsplit(self.path).query)
                self._answer(*issuer.get(query, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                """The form of OAuth 2."""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(*issuer.post(parse_qs(body.decode())))

            def _answer(self, status: int, document: object) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def realm(self) -> str:
        """Where tokens are had."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def settings(self, bundle: object) -> dict[str, Any]:
        """What a registry is configured with that trusts this issuer."""
        return {"realm": self.realm, "service": self.service, "issuer": self.name, "rootcertbundle": str(bundle)}

    def forge(self, user: str) -> Forge:
        """What signs the tokens of a user."""
        return Forge(self.authority.key, self.name, self.service, self.authority.chain, user)

    def token(self, user: str, *scopes: str, **claims: Any) -> str:
        """A token for these scopes."""
        header = {"kid": libtrust_id(self.authority.key), **self.header}
        if header.get("x5c") == "chain":
            header["x5c"] = self.forge(user).x5c()
        return self.forge(user).token([_read_scope(scope) for scope in scopes], header=header, **claims)

    def get(self, query: Mapping[str, list[str]], authorization: str | None) -> tuple[int, object]:
        """An answer to the older form."""
        user = ""
        if authorization is not None:
            plain = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            user, _, password = plain.partition(":")
            if self.users.get(user) != password:
                return 401, {"details": "no such user, or another password"}
        self.asked.append(("GET", user))
        if query.get("service") != [self.service]:
            return 400, {"details": "unknown service"}
        refreshing = bool(user) and query.get("offline_token") == ["true"]
        scopes = [scope for text in query.get("scope", []) for scope in text.split()]
        answer = self._give(user, scopes, refreshing=refreshing)
        return 200, {**answer, "token": answer["access_token"]}

    def post(self, form: Mapping[str, list[str]]) -> tuple[int, object]:
        """An answer to the form of OAuth 2."""
        said = {name: values[0] for name, values in form.items()}
        if said.get("grant_type") == "refresh_token":
            user = self.given.get(said.get("refresh_token", ""), "")
        elif said.get("grant_type") == "password":
            user = said.get("username", "")
            user = user if self.users.get(user) == said.get("password") else ""
        else:
            return 400, {"error": "unsupported_grant_type"}
        if not user or said.get("service") != self.service or not said.get("client_id"):
            return 401, {"error": "invalid_grant"}
        self.asked.append(("POST", user))
        scopes = said.get("scope", "").split()
        return 200, self._give(user, scopes, refreshing=said.get("access_type") == "offline")

    def _give(self, user: str, scopes: Sequence[str], *, refreshing: bool) -> dict[str, object]:
        granted = list(filter(None, (self._grant(user, scope) for scope in scopes)))
        answer: dict[str, object] = {
            "access_token": self.token(user, *granted),
            "scope": " ".join(granted),
            "expires_in": LIFE,
            "issued_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        if refreshing and self.refreshing:
            answer["refresh_token"] = secrets.token_urlsafe()
            self.given[str(answer["refresh_token"])] = user
        return answer

    def _grant(self, user: str, scope: str) -> str:
        if user:
            return scope
        kind, name, actions = _split(scope)
        public = kind == "repository" and "pull" in actions and name.startswith(self.public or ("\0",))
        return f"{kind}:{name}:pull" if public else ""


def _split(scope: str) -> tuple[str, str, list[str]]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return kind, name, actions.split(",")


def _read_scope(scope: str) -> dict[str, object]:
    kind, name, actions = _split(scope)
    return {"type": kind, "name": name, "actions": actions}


def seconds_ago(seconds: float) -> int:
    """A time for ``exp``."""
    return int(time.time() - seconds)
