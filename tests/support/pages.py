# SPDX-License-Identifier: Apache-2.0
"""What documentation shows: files that a reader is told to write, by the chapter that shows them."""

from __future__ import annotations

import re

from support.programs import PROJECT

_FILE = re.compile(r"^`(/[^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_chapter(page: str, title: str) -> str:
    """The text of one chapter (``## title``) of a page in ``docs/``."""
    text = (PROJECT / "docs" / page).read_text()
    _, found, rest = text.partition(f"\n## {title}\n")
    assert found, f"{page} has no chapter {title!r}"
    return rest.partition("\n## ")[0]


def find_files(page: str, title: str) -> dict[str, str]:
    """Content of the files that a chapter shows, by their paths."""
    return dict(_FILE.findall(read_chapter(page, title)))


def find_blocks(page: str, title: str, language: str) -> list[str]:
    """All blocks of a chapter in one language."""
    return [block for name, block in _BLOCK.findall(read_chapter(page, title)) if name == language]
