# SPDX-License-Identifier: Apache-2.0
"""`entrepot init`: a configuration that can be served, twice over, and every refusal a sentence."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from entrepot.certificates import issuing
from entrepot.certificates.names import list_names
from entrepot.cli import init as command
from entrepot.cli.main import main
from entrepot.config.load import load
from entrepot.web.settings import TcpAddress
from support.certificates import issue


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def run(*arguments: str, status: int = 0) -> Result:
    """Run it; the status must be this one."""
    done = CliRunner().invoke(main, arguments, env={"REGISTRY_CONFIGURATION_PATH": None})
    assert done.exit_code == status, done.output
    assert "Errno" not in done.output
    return done


def init(*arguments: str, status: int = 0) -> Result:
    """With docker on this machine left as it is."""
    return run("init", "--no-docker", *arguments, status=status)


def names() -> tuple[str, ...]:
    """Of the certificate."""
    return list_names(x509.load_pem_x509_certificates(Path("entrepot-certs/server.crt").read_bytes())[0])


def test_a_configuration(home: Path) -> None:
    """It can be served as it is; a repository around it does not take the keys."""
    said = init("registry.example.com", "10.0.0.1").stdout
    settings = load(Path("entrepot.yml"), {}).settings
    assert settings.http.tls is not None
    assert settings.http.tls.certificate == home / "entrepot-certs/server.crt"
    assert names() == ("registry.example.com", "10.0.0.1")
    assert "https://registry.example.com:5000/ca.sh" in said
    assert stat.S_IMODE((home / "entrepot-certs/server.key").stat().st_mode) == 0o600
    assert (home / "entrepot-certs/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("hosts", "port"), [(["a"], 5000), (["a:8443", "b"], 8443), (["a", "b:8443"], 8443), (["a:443", "b:443"], 443)]
)
def test_one_port(hosts: list[str], port: int) -> None:
    """A port that one host names counts for those without one; two are refused."""
    init(*hosts)
    address = load(Path("entrepot.yml"), {}).settings.http.address
    assert isinstance(address, TcpAddress)
    assert address.port == port


def test_two_ports(home: Path) -> None:
    """Nothing is written then."""
    assert "one port for all, not 1, 2" in init("a:1", "b:2", "c", status=1).stderr
    assert list(home.iterdir()) == []


def test_if_absent(home: Path) -> None:
    """What is there stays; a host that its certificate is not for is said with the command that adds it."""
    init("--if-absent", "a.example.com", "bücher", "[::1]")
    before = (home / "entrepot.yml").read_bytes()
    done = init("--if-absent", "a.example.com:5000", "bücher", "[::1]")
    assert (done.stdout, done.stderr) == ("", "")
    done = init("--if-absent", "a.example.com", "x")
    wanted = "entrepot cert init --config entrepot.yml a.example.com xn--bcher-kva ::1 x"
    said = f"entrepot.yml is there, and its certificate is not for x: {wanted}\n"
    assert (done.stdout, done.stderr) == ("", said)
    assert (home / "entrepot.yml").read_bytes() == before
    run(*shlex.split(wanted)[1:])
    assert names() == ("a.example.com", "xn--bcher-kva", "::1", "x")
    assert init("--if-absent", "x").stderr == ""
    assert "is there already" in init("x", status=1).stderr


@pytest.mark.parametrize("text", ["nonsense", "version: 0.1\nstorage: inmemory\n"])
def test_if_absent_with_another_configuration(home: Path, text: str) -> None:
    """One that cannot be used, or has no TLS, is for `entrepot serve` to judge."""
    (home / "entrepot.yml").write_text(text)
    assert init("--if-absent", "x").output == ""


def test_again_without_the_configuration(home: Path) -> None:
    """Its authority is used again, so that clients notice nothing; others' certificates are left as they are."""
    init("a")
    authority, former = (Path("entrepot-certs", name).read_bytes() for name in ("ca.crt", "server.crt"))
    (home / "entrepot.yml").unlink()
    init("b")
    assert names() == ("b",)
    assert Path("entrepot-certs/ca.crt").read_bytes() == authority
    assert Path("entrepot-certs/server.crt").read_bytes() != former
    (home / "entrepot.yml").unlink()
    other = issue(home.parent / "other", "other")
    other.put(home / "entrepot-certs/server.crt", home / "entrepot-certs/server.key")
    assert "not made here" in init("c", status=1).stderr
    assert names() == ("other",)
    assert not (home / "entrepot.yml").exists()


def test_where_nothing_can_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the way, and a directory that refuses, are named in words."""
    (home / "entrepot-certs").write_text("")
    assert f"{home}/entrepot-certs is no directory" in init("a", status=1).stderr
    (home / "entrepot-certs").unlink()

    def refuse(_path: Path, _content: bytes, _mode: int) -> None:
        raise PermissionError(13, "Permission denied", str(home / "entrepot-certs/ca.key"))

    monkeypatch.setattr(issuing, "write_file", refuse)
    assert f"{home}/entrepot-certs/ca.key cannot be written: Permission denied" in init("a", status=1).stderr


def test_a_star(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no host to ask, and no directory in which docker would look."""
    places = home / "certs.d"
    monkeypatch.setattr(command, "DOCKER", places)
    said = run("init", "--docker", "*.example.com").stdout
    assert "ca.sh" not in said
    assert not places.exists()
    (home / "entrepot.yml").unlink()
    said = run("init", "--docker", "*.example.com", "hub.example.com").stdout
    assert "https://hub.example.com:5000/ca.sh" in said
    assert [path.name for path in places.iterdir()] == ["hub.example.com:5000"]
