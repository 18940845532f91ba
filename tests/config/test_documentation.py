# SPDX-License-Identifier: Apache-2.0
"""docs/configuration.md and the schema say the same."""

import re
from pathlib import Path

from entrepot.config.keys import KEYS
from entrepot.config.schema import GO_NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(?P<path>[^`]+)` \| [^|]+ \| (?:`(?P<default>[^`]*)` )?\| (?P<status>[^|]+) \|", re.MULTILINE)


def test_every_key_is_documented() -> None:
    """The table has one row for each key of the schema, with its default and what becomes of it, and no other row."""
    rows = [(row["path"], row["default"], row["status"]) for row in ROW.finditer(PAGE.read_text("utf-8"))]
    keys = [(key.path, key.default, key.status.value) for key in KEYS if not key.path.startswith("storage.s3aws.")]
    assert sorted(rows, key=str) == sorted(keys, key=str)


def test_other_name_of_s3() -> None:
    """What the page says once holds for both names."""
    s3, s3aws = (
        [(key.path.removeprefix(prefix), key.kind, key.status) for key in KEYS if key.path.startswith(prefix)]
        for prefix in ("storage.s3.", "storage.s3aws.")
    )
    assert s3 == s3aws


def test_names_of_variables_are_documented() -> None:
    """Every name that is not the key in upper case is on the page."""
    page = PAGE.read_text("utf-8")
    assert [name for name in GO_NAMES.values() if name not in page] == []


def test_keys_are_declared_once() -> None:
    """One row of the schema for each key."""
    paths = [key.path for key in KEYS]
    assert len(paths) == len(set(paths))
