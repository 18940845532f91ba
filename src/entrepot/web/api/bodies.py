# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests: small JSON objects, of which each key is known. What is wrong is said without the value, which
may be a password.
"""

import json
from collections.abc import Mapping, Sequence

from entrepot.oci.errors import BodyTooLarge, MediaTypeUnsupported, RequestInvalid
from entrepot.web.exchange import Exchange

MAX_BODY = 16 * 1024
"""Bytes. The largest that means something names a robot with a dozen rules."""


class Body:
    """An object of JSON. What is asked for raises ``RequestInvalid`` where it is missing or of another type."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document

    def has(self, key: str) -> bool:
        """Whether it is there, even as null."""
        return key in self._document

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        value = self._document.get(key, default)
        if not isinstance(value, str):
            raise RequestInvalid(f'"{key}" must be there, and a string')
        return value

    def flag(self, key: str) -> bool:
        """true or false."""
        value = self._document.get(key)
        if not isinstance(value, bool):
            raise RequestInvalid(f'"{key}" must be true or false')
        return value

    def days(self, key: str, default: int) -> int | None:
        """A whole number, or null for no end."""
        value = self._document.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows no other numbers: 90.0 is 90
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise RequestInvalid(f'"{key}" must be a whole number of days, or null')
        return value

    def texts(self, key: str) -> Sequence[str]:
        """Strings; none where it is absent."""
        values = self._document.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise RequestInvalid(f'"{key}" must be a list of strings')
        return values

    def objects(self, key: str, *keys: str) -> "Sequence[Body]":
        """Objects with nothing else than ``keys``; none where it is absent."""
        values = self._document.get(key, [])
        if not isinstance(values, list):
            raise RequestInvalid(f'"{key}" must be a list of objects')
        return [_check(value, keys) for value in values]


async def read_body(exchange: Exchange, *keys: str, limit: int = MAX_BODY) -> Body:
    """An object with nothing else than ``keys``, of ``limit`` bytes at most. Raises ``MediaTypeUnsupported``,
    ``BodyTooLarge``, ``RequestInvalid``.
    """
    content_type = exchange.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise MediaTypeUnsupported(f"send application/json, not {content_type[:80]!r}")
    body = await exchange.read_all(limit, _admit)
    if body is None:
        raise BodyTooLarge(f"such a body has at most {limit} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestInvalid("the body is not JSON; send an object, such as {}") from None
    return _check(document, keys)


def _check(document: object, keys: Sequence[str]) -> Body:
    if not isinstance(document, dict) or not document.keys() <= {*keys}:
        raise RequestInvalid(f"send a JSON object with nothing else than {', '.join(keys)}")
    return Body(document)


async def _admit() -> None:
    """Bodies this small wait for nobody."""
