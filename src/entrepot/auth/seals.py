# SPDX-License-Identifier: Apache-2.0
"""Whose an upload is, told by its address, so that the owner may finish it with a token that has expired since."""

import hmac
from base64 import urlsafe_b64encode
from uuid import UUID

from entrepot.auth.remembered import digest

_BYTES = 24


class Seals:
    """Made and checked with a secret that all processes of a registry share."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, upload: UUID, owner: str) -> str:
        """What stands in the address of the owner's upload; "" where nobody owns it."""
        if not owner:
            return ""
        return urlsafe_b64encode(digest(self._secret, "upload", str(upload), owner)[:_BYTES]).decode()

    def fits(self, upload: UUID, owner: str, state: str) -> bool:
        """Whether ``state`` was made for this upload of this owner."""
        made = self.make(upload, owner)
        return bool(made) and hmac.compare_digest(made.encode(), state.encode("utf-8", "surrogatepass"))
