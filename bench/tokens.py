# SPDX-License-Identifier: Apache-2.0
"""Credentials that clients of a row bring: tokens of an issuer that lives as long as the row, and Basic."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization

from bench.certificates import Pair, make_pair
from bench.errors import BenchError
from bench.servers import Server

SERVICE = "benchmark"
ISSUER = "issuer of the benchmark"
_LIFE_SECONDS = 3600


@dataclass(frozen=True)
class Issuer:
    """Signs tokens with a key that registries trust by its certificate."""

    pair: Pair

    @classmethod
    def make(cls, directory: Path) -> "Issuer":
        """One with a new key, whose certificate lies in a directory."""
        return cls(make_pair(directory, "issuer"))

    def token(self, repository: str) -> str:
        """A token that lets pull from one repository for an hour, as docker fetches one for each."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "puller",
            "aud": SERVICE,
            "exp": now + _LIFE_SECONDS,
            "nbf": now - 60,
            "iat": now,
            "jti": repository,
            "access": [{"type": "repository", "name": repository, "actions": ["pull"]}],
        }
        return jwt.encode(claims, self.pair.key, "ES256", {"kid": _key_id(self.pair)})


def _key_id(pair: Pair) -> str:
    """How registry:2 names a key: 240 bits of its SHA-256 in base32, a colon after each four letters."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    text = base64.b32encode(hashlib.sha256(pair.key.public_key().public_bytes(*form)).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


def write_basic(user: str, password: str) -> str:
    """The Authorization header of a user."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def fetch_tokens(server: Server, repositories: Iterable[str]) -> dict[str, str]:
    """Tokens to pull from each repository, from the token service of a server with accounts.

    They are those of the administrator whom it made, and whose password it printed, when it was started.
    """
    printed = re.search(r"^ +user +(\S+)\n +password +(\S+)$", server.log.read_text(encoding="utf-8"), re.MULTILINE)
    if printed is None:
        raise BenchError("it printed no administrator's password")
    basic = write_basic(printed[1], printed[2])
    tokens = {}
    with server.connect() as connection:
        for repository in repositories:
            query = urlencode({"service": SERVICE, "scope": f"repository:{repository}:pull"})
            answer = connection.request("GET", f"/auth/token?{query}", Authorization=basic)
            tokens[repository] = str(json.loads(answer.expect(200, "fetching a token").body)["token"])
    return tokens
