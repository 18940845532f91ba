# SPDX-License-Identifier: Apache-2.0
"""``entrepot token``, and docs/tokens.md."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import yaml
from cryptography import x509

from entrepot.config.load import load
from support.accounts import accounts, make_administrator
from support.server import run_entrepot

if TYPE_CHECKING:
    from conftest import StartServer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tokens.md").read_text("utf-8")
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith(("    curl ", "    entrepot "))]


def configure(path: Path, config: dict[str, Any]) -> Path:
    written = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(path.parent / "data")}}, **config}
    path.write_text(yaml.safe_dump(written))
    (path.parent / "data").mkdir(exist_ok=True)
    return path


def test_the_certificate(start_server: StartServer) -> None:
    """What is printed is the certificate whose key signs the tokens of the running server."""
    registry = start_server(accounts())
    printed = run_entrepot("token", "certificate", registry.config_path)
    assert (printed.returncode, printed.stderr) == (0, "")
    certificate = x509.load_pem_x509_certificate(printed.stdout.encode())
    token = registry.client().get("/auth/token").json()["token"]
    found = jwt.decode(token, certificate.public_key(), ["ES256"], audience="test registry", issuer="test issuer")  # type: ignore[arg-type]
    assert found["access"] == []


def test_before_the_first_start(tmp_path: Path) -> None:
    """The pair is made then, and stays: another registry can be told before this one runs."""
    config = configure(tmp_path / "config.yml", accounts())
    first, second = (run_entrepot("token", "certificate", config) for _ in range(2))
    assert first.stdout.startswith("-----BEGIN CERTIFICATE-----")
    assert first.stdout == second.stdout


def test_a_given_pair(tmp_path: Path) -> None:
    """Its certificate is printed as it is; what cannot be used is named."""
    usual = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=auth"]
    for name in ("first", "second"):
        files = ["-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.crt")]
        subprocess.run([*usual, *files], check=True, capture_output=True)
    named = {"key": str(tmp_path / "first.key"), "cert": str(tmp_path / "first.crt")}
    config = configure(tmp_path / "config.yml", accounts(**named))
    assert run_entrepot("token", "certificate", config).stdout == (tmp_path / "first.crt").read_text()
    config = configure(tmp_path / "config.yml", accounts(**{**named, "cert": str(tmp_path / "second.crt")}))
    for command in (("token", "certificate"), ("serve",)):
        refused = run_entrepot(*command, config)
        assert refused.returncode == 1
        assert "the first certificate is not that of the key" in refused.stderr


@pytest.mark.parametrize("auth", [{}, {"auth": {"silly": {"realm": "a", "service": "b"}}}])
def test_without_accounts(tmp_path: Path, auth: dict[str, Any]) -> None:
    """There is nothing to print, and the way to have it is said."""
    refused = run_entrepot("token", "certificate", configure(tmp_path / "config.yml", auth))
    assert refused.returncode == 1
    assert "auth.accounts brings one" in refused.stderr


def test_the_commands_of_the_page(start_server: StartServer) -> None:
    """Each does what the page says, on a registry with accounts."""
    registry = start_server(accounts(service="entrepot", issuer="entrepot"))
    people = make_administrator(registry)
    people.user("ann", password="password")
    people.rule("user:ann", "shop/**", "pull")
    assert [command.split()[0] for command in COMMANDS] == ["curl", "entrepot"]
    curl = COMMANDS[0].replace("http://localhost:5000", registry.url).replace("-u ann", "-s -u ann:password")
    said = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True).stdout
    assert '"expires_in":300' in said
    printed = run_entrepot("token", "certificate", registry.config_path).stdout
    assert COMMANDS[1].startswith("entrepot token certificate >")
    assert printed.startswith("-----BEGIN CERTIFICATE-----")


def test_the_configurations_of_the_page(tmp_path: Path) -> None:
    """The first one is read as the service that it names, the second as that of another registry."""
    blocks = PAGE.split("```yaml\n")[1:]
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        config = configure(tmp_path / f"config{number}.yml", yaml.safe_load(block.partition("```")[0]))
        settings: Any = load(config, {}).settings.auth
        names = ("hub.example.com", "hub issuer") if number == 0 else ("entrepot", "entrepot")
        assert (settings.service, settings.issuer) == names
        assert settings.realm.startswith("https://")
