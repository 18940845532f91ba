# SPDX-License-Identifier: Apache-2.0
"""The shapes of bodies and answers, as JSON Schema, for the OpenAPI document."""

from collections.abc import Mapping

from entrepot.web.api.parameters import DIGEST_SCHEMA, NAME_SCHEMA, TAG_SCHEMA, Schema

MOMENT: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ACTOR: Schema = {"type": "string", "description": 'Who did it; "" where nobody had to say who they are.'}
TAGS: Schema = {"type": "array", "items": TAG_SCHEMA}


def _object(properties: Mapping[str, Schema], *optional: str) -> Schema:
    required = [key for key in properties if key not in optional]
    shape: dict[str, object] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shape, "required": required} if required else shape


def _nullable(schema: Schema, description: str) -> Schema:
    return {"oneOf": [schema, {"type": "null"}], "description": description}


def _page(key: str, entry: Schema) -> Schema:
    following = _nullable({"type": "string"}, "Where the next page begins; null on the last one.")
    return _object({key: {"type": "array", "items": entry}, "next": following})


SCHEMAS: Mapping[str, Schema] = {
    "Errors": _object(
        {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": _object(
                    {
                        "code": {"type": "string", "pattern": "^[A-Z_]+$"},
                        "message": {"type": "string"},
                        "detail": {"description": "What is wrong and what to do: a sentence, or names and values."},
                    },
                    "detail",
                ),
            }
        }
    ),
    "Events": _object(
        {
            "events": {
                "type": "array",
                "items": {"type": "object", "description": "As docker/distribution sends it."},
            },
            "next": {"type": "string", "description": "The cursor of the next page, also where there is none yet."},
            "missed": {**COUNT, "description": "Events in between that were dropped before they were read."},
        },
        "missed",
    ),
    "Repository": _object({"name": NAME_SCHEMA}),
    "Repositories": _page("repositories", _object({"name": NAME_SCHEMA})),
    "Tags": _page("tags", _object({"name": TAG_SCHEMA, "digest": DIGEST_SCHEMA, "movedAt": MOMENT})),
    "Moves": _page(
        "moves",
        _object(
            {
                "number": {"type": "integer", "minimum": 1},
                "at": MOMENT,
                "actor": ACTOR,
                "action": {"type": "string", "enum": ["push", "delete", "restore"]},
                "from": _nullable(DIGEST_SCHEMA, "Null: the tag was not there."),
                "to": _nullable(DIGEST_SCHEMA, "Null: the tag was deleted."),
            }
        ),
    ),
    "Trash": _page(
        "manifests",
        _object(
            {
                "digest": DIGEST_SCHEMA,
                "tags": {**TAGS, "description": "The tags that went with it."},
                "trashedAt": MOMENT,
                "restorableUntil": MOMENT,
                "actor": ACTOR,
            }
        ),
    ),
    "Reclaim": _object(
        {
            "tags": {**TAGS, "description": "Tags that would go, the first 10,000."},
            "tagCount": COUNT,
            "manifests": {
                "type": "array",
                "items": DIGEST_SCHEMA,
                "description": "Manifests that would go, the first 10,000.",
            },
            "manifestCount": COUNT,
            "bytesFreed": {**COUNT, "description": "Bytes that come free: when the trash expires, or with purge=true."},
            "blobsFreed": {**COUNT, "description": "In so many blobs."},
            "bytesShared": {**COUNT, "description": "Bytes that stay, because something else needs them."},
            "blobsShared": {**COUNT, "description": "In so many blobs."},
        }
    ),
    "Deleted": _object(
        {
            "repository": NAME_SCHEMA,
            "tag": TAG_SCHEMA,
            "digest": DIGEST_SCHEMA,
            "restorableUntil": _nullable(MOMENT, "Null: it cannot be restored."),
        },
        "tag",
        "digest",
    ),
    "Wish": {
        **_object({"tag": TAG_SCHEMA, "digest": DIGEST_SCHEMA}, "tag", "digest"),
        "description": "A tag (to `digest`, or to what it pointed to before its last move); a manifest, with the tags "
        "that went with it; or nothing: all that was last deleted.",
    },
    "Restored": _object(
        {"restored": {"type": "array", "minItems": 1, "items": _object({"digest": DIGEST_SCHEMA, "tags": TAGS})}}
    ),
    "Document": {"type": "object", "required": ["openapi"], "description": "OpenAPI 3.1."},
}
