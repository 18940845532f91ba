# SPDX-License-Identifier: Apache-2.0
"""Ground of the configuration's tests: a text and an environment in, what was loaded out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import pytest

from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Tree: TypeAlias = "dict[str, Tree | str]"


class Start(Protocol):
    """Load a text (or, with None, the embedded default) under an environment."""

    def __call__(self, text: str | None, environ: Mapping[str, str] | None = None) -> Loaded: ...


class Stop(Protocol):
    """Load what cannot be started on; give the mistakes."""

    def __call__(self, text: str | None, environ: Mapping[str, str] | None = None) -> tuple[Mistake, ...]: ...


class Setting(Protocol):
    """A whole configuration in which one key has this value, given in YAML's flow form."""

    def __call__(self, path: str, value: str) -> str: ...


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Loads."""

    def started(text: str | None, environ: Mapping[str, str] | None = None) -> Loaded:
        if text is None:
            return load(None, environ or {})
        file = tmp_path / "config.yml"
        file.write_text(text, "utf-8")
        return load(file, environ or {})

    return started


@pytest.fixture
def stop(start: Start) -> Stop:
    """Loads in vain."""

    def stopped(text: str | None, environ: Mapping[str, str] | None = None) -> tuple[Mistake, ...]:
        with pytest.raises(ConfigurationError) as caught:
            start(text, environ)
        return caught.value.mistakes

    return stopped


def _flow(node: Tree | str) -> str:
    if isinstance(node, str):
        return node
    return "{" + ", ".join(f"{name}: {_flow(below)}" for name, below in node.items()) + "}"


@pytest.fixture
def setting() -> Setting:
    """Writes configurations."""

    def written(path: str, value: str) -> str:
        root: Tree = {"version": "0.1", "storage": {"filesystem": {"rootdirectory": "/srv"}}, "http": {"addr": "':1'"}}
        here = root
        *parents, last = path.split(".")
        for name in parents:
            below = here.setdefault(name, {})
            assert isinstance(below, dict)
            here = below
        here[last] = value
        return _flow(root) + "\n"

    return written
