# SPDX-License-Identifier: Apache-2.0
"""Which operation answers which path and method of ``/api/v1/``."""

from collections.abc import Mapping, Sequence

from entrepot.oci.errors import ReadOnly, RouteUnknown, Unsupported
from entrepot.web.api.operations import Method, Operation, find_place
from entrepot.web.api.parameters import require_known
from entrepot.web.doors import Doors
from entrepot.web.exchange import Exchange, answer_options
from entrepot.web.origins import Origins
from entrepot.web.outgoing import Outgoing, too_many

ROOT = "/api/v1"

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer, errors too."""


class JsonApi:
    """All operations of the JSON API."""

    def __init__(self, operations: Sequence[Operation], doors: Doors, origins: Origins, *, readonly: bool) -> None:
        self._doors = doors
        self._paths = _by_path(operations)
        self._origins = origins
        self._readonly = readonly
        self._outgoing = Outgoing()

    async def handle(self, exchange: Exchange, path: str) -> None:
        """``path`` is below the prefix and begins with ``/api/``. Answers, or raises what becomes an answer."""
        exchange.extra.update(HEADERS)
        if not path.startswith(f"{ROOT}/"):
            raise RouteUnknown(f"{path[:300]!r} is nothing that this registry serves; its JSON API is under {ROOT}/")
        place = find_place(path.removeprefix(ROOT))
        methods = self._paths.get(place.template)
        if methods is None:
            raise RouteUnknown(f"{path[:300]!r} is nothing that {ROOT} serves; see {ROOT}/openapi.json")
        allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
        if exchange.method == "OPTIONS":
            return await exchange.answer(answer_options(allowed))
        operation = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if operation is None:
            raise Unsupported(f"{exchange.method} is not for this path", headers={"Allow": ", ".join(allowed)})
        if operation.needs is not None:
            await self._doors.admit(exchange, operation.needs(place), basic_only=True)
        if operation.changes:
            self._require_change(exchange)
        require_known(exchange.query, operation.query)
        answer = await operation.handler(exchange, place)
        if operation.changes:
            return await exchange.answer(answer)  # what is done is not answered by 503
        if not self._outgoing.fits(len(answer.body)):
            raise too_many()  # it lies in memory already, so it may not wait
        async with self._outgoing.hold(len(answer.body)):
            return await exchange.answer(answer)

    def _require_change(self, exchange: Exchange) -> None:
        if self._readonly:
            raise ReadOnly
        self._origins.require_own(exchange)


def _by_path(operations: Sequence[Operation]) -> Mapping[str, Mapping[str, Operation]]:
    paths: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        methods = paths.setdefault(operation.path, {})
        method: Method = operation.method
        if method in methods:
            raise ValueError(f"{method} {operation.path} stands in the table twice")
        methods[method] = operation
    return paths
