# SPDX-License-Identifier: Apache-2.0
"""``entrepot config check``: stricter than the start, and it shows what counts."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from entrepot.cli.config import config_group

FILES = Path(__file__).with_name("files")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine takes part."""
    import os

    for name in [name for name in os.environ if name.startswith("REGISTRY_")]:
        monkeypatch.delenv(name)


def check(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(config_group, ["check", *arguments], env=environ)


def test_a_good_file() -> None:
    """Exit 0, the effective configuration with its sources on stdout."""
    file = FILES / "registry2-image.yml"
    done = check(str(file), REGISTRY_HTTP_ADDR=":5001")
    assert done.exit_code == 0
    lines = {line.partition(":")[0]: " ".join(line.split()) for line in done.stdout.splitlines()}
    assert lines["http.addr"] == "http.addr: :5001 # REGISTRY_HTTP_ADDR"
    assert lines["log.fields"] == f"log.fields: {{service: registry}} # {file}:3"
    assert lines["http.prefix"] == "http.prefix: / # default"


def test_warnings_are_shown() -> None:
    """What starts but does nothing is said on stderr."""
    done = check(str(FILES / "notifications-redis.yml"))
    assert done.exit_code == 0
    assert "do nothing yet" in done.stderr
    assert "hunter2" not in done.output


def test_unknown_keys_are_errors() -> None:
    """Keys and variables that a start only warns of."""
    done = check(str(FILES / "anchors.yml"), REGISTRY_PORT="x")
    assert done.exit_code == 1
    assert "x-check" in done.stderr
    assert "error: REGISTRY_PORT: found an unknown variable; `entrepot serve` would ignore it; " in done.stderr
    assert "it is ignored" not in done.stderr
    assert done.stdout == ""


def test_mistakes_and_unknown_keys_together(tmp_path: Path) -> None:
    """All at once, one line each."""
    file = tmp_path / "c.yml"
    file.write_text("version: 0.1\nstorage: inmemory\nhttp: {addr: x, adr: y}\n")
    done = check(str(file))
    assert done.exit_code == 1
    assert [line.split(": ")[2] for line in done.stderr.splitlines()] == ["http.addr", "http.adr"]


def test_without_a_file() -> None:
    """The embedded default is right."""
    done = check()
    assert done.exit_code == 0
    assert "127.0.0.1:5000" in done.stdout


def test_a_missing_file() -> None:
    """Says so."""
    done = check("/nowhere/config.yml")
    assert done.exit_code == 1
    assert "/nowhere/config.yml: found no such file" in done.stderr
