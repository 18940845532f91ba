# SPDX-License-Identifier: Apache-2.0
"""The gate: every request to the registry passes here once, before anything is looked up.

One class for each kind of ``auth``; they are told apart where they are made (``entrepot.app.gates``) and nowhere else.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from entrepot.index.sight import EVERYTHING, Sight
from entrepot.oci.access import Access


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """The upload that a request goes on with, and the ``_state`` of its address: what :meth:`Gate.seal` gave."""

    upload: UUID
    state: str


@dataclass(slots=True)
class Approach:
    """How a request comes. Nobody changes it; it is not frozen, as one is made for each request, and that would take
    four times as long.

    ``authorization``: the header as sent, None where there is none; a header that came twice is "" (refused).
    ``address``: of the client, as far as it can be believed; rules ask for it. ``likely``: who it may be where that is
    "". ``origin``: scheme and host under which the client sees
    this registry. ``signed_in``: whom a trusted proxy has signed in, "" for nobody. ``base``: the address prefix under
    which the client reaches us, such as ``/registry``, without a slash at the end. ``basic_only``: it asks ``/v1/``
    or ``/api/``, whose clients know Basic credentials alone.
    """

    authorization: str | None
    address: str
    origin: str
    signed_in: str = ""
    base: str = ""
    basic_only: bool = False
    upload: OpenUpload | None = None
    likely: str = ""

    @property
    def source(self) -> str:
        """Whom the audit names, and whose failures count together."""
        return self.address or self.likely


def allow_all(_: Access) -> str | None:
    """What an admission allows where nobody is asked who they are."""
    return ""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may go on.

    ``actor``: the account, "" where nobody had to say who they are. ``allows``: the rule that allows more, in words
    ("" where no rule is needed), or None where nothing allows it. ``rule``: what allowed the request itself.
    ``owner``: who owns uploads that this request begins; "" where they need no owner.
    """

    actor: str = ""
    sight: Sight = EVERYTHING
    allows: Callable[[Access], str | None] = allow_all
    rule: str = ""
    owner: str = ""


class Gate(Protocol):
    """Lets requests in or refuses them. Not to be used by several threads."""

    @property
    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What runs beside the worker's answers until it ends, such as writing when accounts were last used."""
        ...

    def recall(self, approach: Approach, need: Access) -> Admission | None:
        """The same as :meth:`admit` from memory, in microseconds and without waiting; None: ask :meth:`admit`."""
        ...

    async def admit(self, approach: Approach, needs: Sequence[Access]) -> Admission:
        """Let in who may do all of ``needs``. Without needs: who has credentials that hold.

        Raises ``Unauthorized`` with the challenge, ``Denied`` where better credentials of the same kind would not help,
        ``TooManyRequests``, or ``Unavailable``; never says whether what is asked for is there.
        """
        ...

    def seal(self, upload: UUID, admission: Admission) -> str:
        """What to put into ``_state`` of the upload's address, so that its owner may go on with an expired token; ""
        for nothing.
        """
        ...


class OpenGate:
    """Without ``auth``: everybody may do everything."""

    background: Sequence[Callable[[], Awaitable[None]]] = ()

    def __init__(self) -> None:
        self._admission = Admission()

    def recall(self, _approach: Approach, _need: Access) -> Admission | None:
        return self._admission

    async def admit(self, _approach: Approach, _needs: Sequence[Access]) -> Admission:
        return self._admission

    def seal(self, _upload: UUID, _admission: Admission) -> str:
        return ""
