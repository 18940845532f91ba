# SPDX-License-Identifier: Apache-2.0
"""The shapes of accounts, roles and rules, as JSON Schema. The formats are names for those who make examples."""

from collections.abc import Mapping

from entrepot.auth.robots import MOST_DAYS
from entrepot.auth.users import LONGEST, SHORTEST
from entrepot.oci.access import ACTIONS
from entrepot.web.api.forms import MOMENT, nullable, page, shape
from entrepot.web.api.parameters import Schema

ACCOUNT_SCHEMA: Schema = {"type": "string", "format": "account", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$"}
ROLE_SCHEMA: Schema = {"type": "string", "format": "role", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"}
RULE_SCHEMA: Schema = {"type": "string", "format": "rule", "pattern": "^[0-9]{1,18}$"}
SUBJECT_SCHEMA: Schema = {
    "type": "string",
    "format": "subject",
    "description": "`role:NAME`, `user:NAME` or `robot:NAME`; `anonymous` and `everyone` stand for the roles.",
    "pattern": "^(anonymous|everyone|(role|user|robot):[A-Za-z0-9_][A-Za-z0-9._@-]{0,63})$",
}
_PASSWORD: Schema = {
    "type": "string",
    "format": "secret",
    "minLength": SHORTEST,
    "maxLength": LONGEST,
    "description": "Counted in bytes of UTF-8; no control characters; not the user's name.",
}
_OLD: Schema = {"type": "string", "format": "secret"}
_COMMENT: Schema = {"type": "string", "format": "comment", "maxLength": 1000}
_PATTERN: Schema = {
    "type": "string",
    "format": "pattern",
    "minLength": 1,
    "maxLength": 255,
    "description": "Over repository names: `*` is any run within one part, `**` over parts, `?` one character.",
}
_NETWORK: Schema = {
    "type": "string",
    "format": "network",
    "minLength": 1,
    "maxLength": 64,
    "default": "*",
    "description": "Where clients come from: an address, a network (10.0.0.0/8), a pattern (192.168.*), or *.",
}
_ACTIONS: Schema = {"type": "array", "items": {"type": "string", "enum": [*ACTIONS]}, "minItems": 1}
_DAYS: Schema = {
    "oneOf": [{"type": "integer", "minimum": 1, "maximum": MOST_DAYS}, {"type": "null"}],
    "default": 365,
    "description": "For which the token holds; null: until it is renewed, or the robot locked or removed.",
}
_GRANT: Mapping[str, Schema] = {"pattern": _PATTERN, "actions": _ACTIONS, "network": _NETWORK, "comment": _COMMENT}
_ROLES: Schema = {"type": "array", "items": ROLE_SCHEMA}

_ACCOUNT = shape(
    {
        "name": ACCOUNT_SCHEMA,
        "kind": {"type": "string", "enum": ["user", "robot"]},
        "locked": {"type": "boolean"},
        "hasSecret": {"type": "boolean", "description": "Whether there is a password or token to sign in with."},
        "roles": _ROLES,
        "comment": {"type": "string"},
        "createdAt": MOMENT,
        "expiresAt": nullable(MOMENT, "Null: never."),
        "usedAt": nullable(MOMENT, "When it last signed in, to the minute or so; null: not yet."),
    }
)
_RULE = shape(
    {
        "id": {"type": "integer", "minimum": 1},
        "subject": SUBJECT_SCHEMA,
        "pattern": {"type": "string"},
        "actions": _ACTIONS,
        "network": {"type": "string"},
        "comment": {"type": "string"},
    }
)
_ROLE = shape({"name": ROLE_SCHEMA, "comment": {"type": "string"}, "builtIn": {"type": "boolean"}})

PEOPLE: Mapping[str, Schema] = {
    "Account": _ACCOUNT,
    "Users": page("users", _ACCOUNT),
    "Robots": page("robots", _ACCOUNT),
    "NewUser": shape(
        {
            "name": ACCOUNT_SCHEMA,
            "password": {**_PASSWORD, "description": "Without one only a proxy can sign the user in."},
            "roles": _ROLES,
            "comment": _COMMENT,
        },
        "password",
        "roles",
        "comment",
    ),
    "NewPassword": shape({"password": _PASSWORD}),
    "PasswordChange": shape({"old": _OLD, "new": _PASSWORD}),
    "AccountChange": shape({"locked": {"type": "boolean"}, "comment": _COMMENT}, "locked", "comment"),
    "RoleName": shape({"role": ROLE_SCHEMA}),
    "NewRobot": shape(
        {
            "name": ACCOUNT_SCHEMA,
            "days": _DAYS,
            "rules": {"type": "array", "items": shape(_GRANT, "network", "comment")},
            "roles": _ROLES,
            "comment": _COMMENT,
        },
        *("days", "rules", "roles", "comment"),
    ),
    "Renewal": shape({"days": _DAYS}, "days"),
    "RobotWithToken": shape(
        {"robot": _ACCOUNT, "token": {"type": "string", "pattern": "^ept_", "description": "Answered once."}}
    ),
    "Role": _ROLE,
    "Roles": shape({"roles": {"type": "array", "items": _ROLE}}),
    "NewRole": shape({"name": ROLE_SCHEMA, "comment": _COMMENT}, "comment"),
    "Rule": _RULE,
    "Rules": shape({"rules": {"type": "array", "items": _RULE}}),
    "NewRule": shape({"subject": SUBJECT_SCHEMA, **_GRANT}, "network", "comment"),
    "Standing": shape(
        {
            "name": {"type": "string"},
            "account": nullable(_ACCOUNT, "Null: a proxy has signed in somebody who has no account here."),
            "roles": _ROLES,
            "rules": {"type": "array", "items": _RULE},
        }
    ),
    "Explanation": shape(
        {
            "allowed": {"type": "boolean"},
            "rule": {"type": "string", "description": 'What allows it, in words; "" where nothing does.'},
            "reasons": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Why it is not allowed, and which rules nearly match.",
            },
        }
    ),
}
