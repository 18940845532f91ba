# SPDX-License-Identifier: Apache-2.0
"""docs/tls.md: every command on it runs, in order, and does what the page says."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from support import programs
from support.daemons import Daemon
from support.ports import free_port
from support.registries import clean_environment

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tls.md").read_text("utf-8")
COMMANDS = re.findall(r"^    ((?:entrepot|REGISTRY|curl|openssl) ?.*?)(?: +#.*)?$", PAGE, re.MULTILINE)
HOST = "registry.example.com"


class Page:
    """The page's machine: its commands in one directory, port 5000 and the configuration's path exchanged for ours."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.config = home / "etc" / "config.yml"
        self.config.parent.mkdir()
        self.config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {home}/data}}}}\n")
        (home / "bin").mkdir()
        (home / "bin" / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
        (home / "bin" / "sudo").chmod(0o755)
        (home / ".curlrc").write_text(f"silent\nshow-error\nresolve = {HOST}:{self.port}:127.0.0.1\n")
        path = [str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        own = {"PATH": ":".join(path), "HOME": str(home), "CERTS_D": str(home / "certs.d")}
        self.env = {**clean_environment(), **own}

    def command(self, text: str) -> list[str]:
        """What is typed."""
        ours = text.replace(":5000", f":{self.port}").replace("/etc/docker/registry/config.yml", str(self.config))
        return ["/bin/sh", "-c", ours]

    def run(self, text: str) -> str:
        """Run it to its end."""
        return programs.run(self.command(text), env=self.env, cwd=self.home)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """With curl and openssl there."""
    programs.need("curl", "openssl")
    return Page(tmp_path)


def test_the_commands_run(page: Page) -> None:
    """In their order: made, served, trusted, shown, renewed, signed; each client's file holds the authority."""
    init, serve, ask, init_config, show, renew, sign, read, install, recipe = COMMANDS
    page.run(init)
    daemon = Daemon("entrepot serve", page.home / "log")
    daemon.start(page.command(f"exec env {serve}"), env=page.env, cwd=page.home)
    try:
        daemon.await_ready(lambda: "Push a first image" in daemon.log() and _answers(page, ask))
        assert page.run(ask) == "{}\n"
        assert page.run(read).startswith("#!/bin/sh\n# Lets docker")
        shown = page.run(show)
        said = page.run(install)
        fingerprint = shown.partition("SHA-256")[2].split()[0]
        assert fingerprint in said
        ca = (page.home / "entrepot-certs" / "ca.crt").read_bytes()
        assert (page.home / "certs.d" / f"{HOST}:{page.port}" / "ca.crt").read_bytes() == ca
        page.run(renew)
        new = "openssl req -new -newkey rsa:2048 -nodes -subj /CN=other -keyout other.key -out request.csr"
        page.run(new)
        assert page.run(sign).startswith("-----BEGIN CERTIFICATE-----")
    finally:
        daemon.stop()
    assert f"certificate: {page.config.parent}/certs/server.crt" in page.run(init_config)
    page.run(recipe)
    tls = f"http: {{tls: {{certificate: {page.home}/domain.crt, key: {page.home}/domain.key}}}}\n"
    page.config.write_text(page.config.read_text() + tls)
    said = programs.run(page.command(f"entrepot cert show --config {page.config}"), env=page.env, fails=True)
    assert "has no subject alternative name" in said


def _answers(page: Page, ask: str) -> bool:
    try:
        page.run(ask)
    except programs.Failed:
        return False
    return True
