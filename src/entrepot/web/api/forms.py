# SPDX-License-Identifier: Apache-2.0
"""Of what schemas are made."""

from collections.abc import Mapping

from entrepot.web.api.parameters import TAG_SCHEMA, Schema

MOMENT: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ACTOR: Schema = {"type": "string", "description": 'Who did it; "" where nobody had to say who they are.'}
TAGS: Schema = {"type": "array", "items": TAG_SCHEMA}


def shape(properties: Mapping[str, Schema], *optional: str) -> Schema:
    """An object with these properties and no others."""
    required = [key for key in properties if key not in optional]
    whole: dict[str, object] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**whole, "required": required} if required else whole


def nullable(schema: Schema, description: str) -> Schema:
    """It, or null."""
    return {"oneOf": [schema, {"type": "null"}], "description": description}


def page(key: str, entry: Schema) -> Schema:
    """A page of a list."""
    following = nullable({"type": "string"}, "Where the next page begins; null on the last one.")
    return shape({key: {"type": "array", "items": entry}, "next": following})
