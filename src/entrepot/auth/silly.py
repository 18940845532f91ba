# SPDX-License-Identifier: Apache-2.0
"""The gate of ``auth.silly``: whatever credentials there are, they are good. For tests (compat.md 4.5)."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from entrepot.auth.challenges import challenge_bearer, refuse
from entrepot.auth.gate import Admission, Approach
from entrepot.auth.settings import SillySettings
from entrepot.oci.access import Access


class SillyGate:
    """Asks for an Authorization header and does not look into it."""

    background: Sequence[Callable[[], Awaitable[None]]] = ()

    def __init__(self, settings: SillySettings) -> None:
        self._settings = settings
        self._admission = Admission("silly", rule="auth.silly")

    def recall(self, approach: Approach, _need: Access) -> Admission | None:
        return self._admission if approach.authorization else None

    async def admit(self, approach: Approach, needs: Sequence[Access]) -> Admission:
        if not approach.authorization:
            # one scope for each action, as docker/distribution writes them here
            single = [
                Access(need.kind, need.name, frozenset({word})) for need in needs for word in sorted(need.actions)
            ]
            raise refuse(challenge_bearer(self._settings.realm, self._settings.service, single))
        return self._admission

    def seal(self, _upload: UUID, _admission: Admission) -> str:
        return ""
