# SPDX-License-Identifier: Apache-2.0
"""The shapes of bodies and answers, as JSON Schema, for the OpenAPI document."""

from collections.abc import Mapping

from entrepot.web.api.forms import ACTOR, COUNT, MOMENT, TAGS, nullable, page, shape
from entrepot.web.api.parameters import DIGEST_SCHEMA, NAME_SCHEMA, TAG_SCHEMA, Schema
from entrepot.web.api.people_schemas import PEOPLE

SCHEMAS: Mapping[str, Schema] = {
    "Errors": shape(
        {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": shape(
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
    "Events": shape(
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
    "Repository": shape({"name": NAME_SCHEMA}),
    "Repositories": page("repositories", shape({"name": NAME_SCHEMA})),
    "Tags": page("tags", shape({"name": TAG_SCHEMA, "digest": DIGEST_SCHEMA, "movedAt": MOMENT})),
    "Moves": page(
        "moves",
        shape(
            {
                "number": {"type": "integer", "minimum": 1},
                "at": MOMENT,
                "actor": ACTOR,
                "action": {"type": "string", "enum": ["push", "delete", "restore"]},
                "from": nullable(DIGEST_SCHEMA, "Null: the tag was not there."),
                "to": nullable(DIGEST_SCHEMA, "Null: the tag was deleted."),
            }
        ),
    ),
    "Trash": page(
        "manifests",
        shape(
            {
                "digest": DIGEST_SCHEMA,
                "tags": {**TAGS, "description": "The tags that went with it."},
                "trashedAt": MOMENT,
                "restorableUntil": MOMENT,
                "actor": ACTOR,
            }
        ),
    ),
    "Reclaim": shape(
        {
            "tags": {**TAGS, "description": "Tags that would go, the first 10,000."},
            "tagCount": COUNT,
            "manifests": {
                "type": "array",
                "items": DIGEST_SCHEMA,
                "description": "Manifests that would go, the first 10,000.",
            },
            "manifestCount": COUNT,
            "bytesFreed": {
                **COUNT,
                "description": "Bytes that come free, with the trash or purge=true; for who does not see all, at most.",
            },
            "blobsFreed": {**COUNT, "description": "In so many blobs."},
            "bytesShared": {**COUNT, "description": "Bytes that stay, because something else needs them."},
            "blobsShared": {**COUNT, "description": "In so many blobs."},
        }
    ),
    "Deleted": shape(
        {
            "repository": NAME_SCHEMA,
            "tag": TAG_SCHEMA,
            "digest": DIGEST_SCHEMA,
            "restorableUntil": nullable(MOMENT, "Null: it cannot be restored."),
        },
        "tag",
        "digest",
    ),
    "Wish": {
        **shape({"tag": TAG_SCHEMA, "digest": DIGEST_SCHEMA}, "tag", "digest"),
        "description": "A tag (to `digest`, or to what it pointed to before its last move); a manifest, with the tags "
        "that went with it; or nothing: all that was last deleted.",
    },
    "Restored": shape(
        {"restored": {"type": "array", "minItems": 1, "items": shape({"digest": DIGEST_SCHEMA, "tags": TAGS})}}
    ),
    **PEOPLE,
    "Document": {"type": "object", "required": ["openapi"], "description": "OpenAPI 3.1."},
}
