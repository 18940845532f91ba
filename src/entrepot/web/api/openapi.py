# SPDX-License-Identifier: Apache-2.0
"""``GET /api/v1/openapi.json``: the JSON API, described from the table that it is dispatched by."""

import json
from collections.abc import Mapping, Sequence

from entrepot import __version__
from entrepot.web.api.operations import Operation, Place
from entrepot.web.api.parameters import DIGEST_SCHEMA, NAME_SCHEMA, TAG_SCHEMA
from entrepot.web.api.people_schemas import ACCOUNT_SCHEMA, ROLE_SCHEMA, RULE_SCHEMA
from entrepot.web.api.router import ROOT
from entrepot.web.api.schemas import SCHEMAS
from entrepot.web.exchange import Answer, Exchange

Part = dict[str, object]

ALWAYS = (400, 500, 503)
"""Refusals of every operation."""

GUARDED = (401, 403, 429)
"""Refusals of those that not everybody may use."""

CHANGING = (403, 405)
"""Refusals of those that change something."""

REFUSALS = {
    400: "A parameter, name or body that is not as described.",
    401: "Credentials are missing or wrong; WWW-Authenticate says which are wanted.",
    403: "Not allowed to this account, or a page of another site asked a browser for it.",
    404: "No such repository, tag or manifest; no such account, role or rule.",
    405: "Switched off: the registry is read-only, or `storage.delete.enabled` is false.",
    409: "Blobs of what is to be restored are gone; the details name them. Or an account, role or rule that is there "
    "already, or that must stay: the last administrator.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    429: "Too many wrong passwords; Retry-After says how long to wait.",
    500: "A fault of the registry; its log has the rest.",
    503: "Not now; the details say why.",
    507: "The disk is nearly full.",
}

IN_PATH: Mapping[str, tuple[Mapping[str, object], str]] = {
    "name": (NAME_SCHEMA, "A repository; its slashes may be written as they are, or as %2F."),
    "tag": (TAG_SCHEMA, "A tag."),
    "digest": (DIGEST_SCHEMA, "A digest."),
    "user": (ACCOUNT_SCHEMA, "A user."),
    "robot": (ACCOUNT_SCHEMA, "A robot."),
    "role": (ROLE_SCHEMA, "A role."),
    "rule": (RULE_SCHEMA, "The number of a rule."),
}


class DocumentPage:
    """The document of some operations, and of itself."""

    def __init__(self, operations: Sequence[Operation], prefix: str) -> None:
        """``prefix``: ``http.prefix``, which begins and ends with a slash."""
        self._operations = operations
        document = describe([*operations, *self.operations], prefix)
        self._body = json.dumps(document, ensure_ascii=False).encode() + b"\n"

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        get_document = Operation(
            method="GET",
            path="/openapi.json",
            handler=self.get,
            needs=None,
            key="getDocument",
            summary="This document",
            answer="Document",
        )
        return (get_document,)

    async def get(self, _exchange: Exchange, _place: Place) -> Answer:
        """The same bytes as long as the process lives."""
        return Answer(200, {"Content-Type": "application/json"}, self._body)


def describe(operations: Sequence[Operation], prefix: str) -> Part:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Part] = {}
    for operation in operations:
        entry = paths.setdefault(operation.path, _parameters_of(operation.path))
        entry[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "entrepot",
            "version": __version__,
            "description": "The registry's own API, beside the OCI distribution API under /v2/. HEAD is answered where "
            "GET is. Cursors (`next`) are opaque: pass them on as they are.",
        },
        "servers": [{"url": f"{prefix.rstrip('/')}{ROOT}"}],
        "paths": paths,
        "components": {
            "schemas": {name: SCHEMAS[name] for name in SCHEMAS if name in _named(operations)},
            "responses": {_refusal(status): _error(status, text) for status, text in REFUSALS.items()},
        },
    }


def _operation(operation: Operation) -> Part:
    guarded = GUARDED if operation.needs is not None else ()
    refusals = {*ALWAYS, *guarded, *(CHANGING if operation.changes else ()), *operation.refusals}
    responses: Part = {
        str(operation.status): {"description": operation.summary, "content": _json(operation.answer)},
        **{str(status): {"$ref": f"#/components/responses/{_refusal(status)}"} for status in sorted(refusals)},
    }
    described: Part = {"operationId": operation.key, "summary": operation.summary, "responses": responses}
    if operation.query:
        described["parameters"] = [
            {"name": one.name, "in": "query", "description": one.description, "schema": one.schema}
            for one in operation.query
        ]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    return described


def _named(operations: Sequence[Operation]) -> set[str]:
    """Schemas that operations refer to."""
    return {"Errors", *(one.answer for one in operations), *(one.body for one in operations if one.body is not None)}


def _parameters_of(path: str) -> Part:
    described = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": schema}
        for name, (schema, text) in IN_PATH.items()
        if f"{{{name}}}" in path
    ]
    return {"parameters": described} if described else {}


def _json(schema: str) -> Part:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _refusal(status: int) -> str:
    return f"Refused{status}"


def _error(status: int, text: str) -> Part:
    described: Part = {"description": text, "content": _json("Errors")}
    if status in {429, 503, 507}:
        seconds = {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
        described["headers"] = {"Retry-After": seconds}
    return described
