# SPDX-License-Identifier: Apache-2.0
"""`entrepot cert`: files where the configuration expects them, others' files left alone, every refusal a sentence."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from entrepot.certificates.names import list_names
from entrepot.cli.main import main
from support import programs
from support.certificates import issue, self_sign

QUICK = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365")


def cert(*arguments: str | Path, status: int = 0, env: dict[str, str] | None = None) -> Result:
    """Run it; the status must be this one."""
    done = CliRunner().invoke(
        main, ["cert", *map(str, arguments)], env={"REGISTRY_CONFIGURATION_PATH": None, **(env or {})}
    )
    assert done.exit_code == status, done.output
    return done


def names_of(path: Path) -> tuple[str, ...]:
    """Of the first certificate in a file."""
    return list_names(x509.load_pem_x509_certificates(path.read_bytes())[0])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration without ``http.tls`` on port 5077."""
    path = tmp_path / "etc" / "config.yml"
    path.parent.mkdir()
    path.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}}}}}\nhttp: {{addr: ':5077'}}\n")
    return path


@pytest.fixture
def configured(config: Path, tmp_path: Path) -> Path:
    """One that names files in ``tmp_path/certs``."""
    certs = tmp_path / "certs"
    tls = f"tls: {{certificate: {certs}/domain.crt, key: {certs}/domain.key}}"
    config.write_text(config.read_text().replace("':5077'", f"':5077', {tls}"))
    return config


def test_init_without_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into ./entrepot-certs, with the command that serves it; for every name, on the default port."""
    monkeypatch.chdir(tmp_path)
    said = cert("init", "registry", "10.0.0.1").stdout
    directory = tmp_path / "entrepot-certs"
    assert names_of(directory / "server.crt") == ("registry", "10.0.0.1")
    assert stat.S_IMODE((directory / "server.key").stat().st_mode) == 0o600
    assert f"REGISTRY_HTTP_TLS_CERTIFICATE={directory}/server.crt" in said
    assert "/etc/docker/certs.d/registry:5000/ca.crt" in said
    assert "the same for 10.0.0.1:5000" in said
    programs.run(["openssl", "verify", "-CAfile", directory / "ca.crt", directory / "server.crt"])


def test_init_beside_a_configuration(config: Path) -> None:
    """Into certs/ beside it, with the section to add, which then is where it is expected; for its port."""
    said = cert("init", "registry", "--config", config).stdout
    certs = config.parent / "certs"
    section = f"http:\n  tls:\n    certificate: {certs}/server.crt\n    key: {certs}/server.key\n"
    assert section in said
    assert "registry:5077/ca.crt" in said
    assert names_of(certs / "server.crt") == ("registry",)


def test_init_where_it_is_expected(configured: Path, tmp_path: Path) -> None:
    """To the files of http.tls; again: the same authority, another certificate; by the variable as well."""
    cert("init", "registry", "--config", configured)
    authority, first = (tmp_path / "certs/ca.crt").read_bytes(), (tmp_path / "certs/domain.crt").read_bytes()
    said = cert("init", "hub", env={"REGISTRY_CONFIGURATION_PATH": str(configured)}).stdout
    assert "within five seconds" in said
    assert names_of(tmp_path / "certs/domain.crt") == ("hub",)
    assert (tmp_path / "certs/ca.crt").read_bytes() == authority
    assert (tmp_path / "certs/domain.crt").read_bytes() != first


@pytest.mark.parametrize(
    ("http", "host", "known"),
    [
        ("{addr: ':5077'}", "hub", "hub:5077"),
        ("{addr: ':443'}", "hub.example.com", "hub.example.com"),
        ("{addr: ':5077', host: 'https://hub.example.com'}", "hub.example.com", "hub.example.com"),
        ("{addr: ':5077', host: 'https://hub.example.com:8443'}", "hub.example.com", "hub.example.com:8443"),
        ("{addr: ':5077'}", "hub:6000", "hub:6000"),
        ("{addr: ':5077'}", "::1", "[::1]:5077"),
    ],
)
def test_the_very_host_and_port(config: Path, http: str, host: str, known: str) -> None:
    """What clients are told is for the name and port by which they know the registry."""
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: /tmp}}}}\nhttp: {http}\n")
    said = cert("init", host, "--config", config).stdout
    assert f"/etc/docker/certs.d/{known}/ca.crt" in said
    assert f'server = "https://{known}"' in said


def test_others_certificates_are_left_alone(configured: Path, tmp_path: Path) -> None:
    """What was not made here stays as it is; with --force it is kept under another name."""
    files = self_sign(tmp_path / "certs", "-subj", "/CN=old", recipe=QUICK)
    before = files.certificate.read_bytes(), files.key.read_bytes()
    said = cert("init", "hub", "--config", configured, status=1).stderr
    assert "not made here" in said
    assert "--force" in said
    assert (files.certificate.read_bytes(), files.key.read_bytes()) == before
    assert not (tmp_path / "certs/ca.key").exists()
    cert("init", "hub", "--force", "--config", configured)
    assert names_of(files.certificate) == ("hub",)
    kept = [path.with_name(f"{path.name}.old").read_bytes() for path in (files.certificate, files.key)]
    assert tuple(kept) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a b"], "is no host"),
        (["https://hub"], "is no host"),
        (["hub:70000"], "from 1 to 65535"),
        (["hub", "--config", "/nonexistent/config.yml"], "no such file"),
    ],
)
def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str) -> None:
    """Each is refused in a sentence and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert words in cert("init", *arguments, status=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_nowhere_to_write(configured: Path, tmp_path: Path) -> None:
    """A place that cannot be made is named."""
    (tmp_path / "certs").write_text("a file")
    assert "certs: " in cert("init", "hub", "--config", configured, status=1).stderr


def test_renew(configured: Path, tmp_path: Path) -> None:
    """Another certificate for the same names by the same authority; where that is not here, nothing changes."""
    cert("init", "hub", "10.0.0.1", "--config", configured)
    certificate = tmp_path / "certs/domain.crt"
    before = certificate.read_bytes()
    cert("renew", "--config", configured)
    assert names_of(certificate) == ("hub", "10.0.0.1")
    assert certificate.read_bytes() != before
    programs.run(["openssl", "verify", "-CAfile", tmp_path / "certs/ca.crt", certificate])
    other = issue(tmp_path / "other")
    other.put(certificate, tmp_path / "certs/domain.key")
    assert "the key of that authority is not in" in cert("renew", "--config", configured, status=1).stderr
    assert certificate.read_bytes() == other.certificate.read_bytes()


def test_sign(configured: Path, tmp_path: Path) -> None:
    """A request's certificate goes to standard output; without an authority, or of no request, there is none."""
    request = tmp_path / "csr"
    new = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=hub", "-addext", "subjectAltName=DNS:hub.example.com"]
    programs.run(["openssl", "req", "-new", *new, "-keyout", tmp_path / "key", "-out", request])
    assert "no authority in" in cert("sign", request, "--config", configured, status=1).stderr
    cert("init", "hub", "--config", configured)
    signed = tmp_path / "signed.crt"
    signed.write_text(cert("sign", request, "--config", configured).stdout)
    assert names_of(signed) == ("hub.example.com",)
    assert "no signing request" in cert("sign", configured, "--config", configured, status=1).stderr


def test_show(configured: Path, tmp_path: Path) -> None:
    """Names, days and what to trust, with status 0 where nothing is wrong; else what is wrong, with status 1."""
    assert "is not there" in cert("show", "--config", configured, status=1).stderr
    cert("init", "hub", "--config", configured)
    said = cert("show", "--config", configured).stdout
    assert "names        hub\n" in said
    assert "(396 days left)" in said
    assert "SHA-256" in said
    assert f"sudo cp {tmp_path}/certs/ca.crt /etc/docker/certs.d/hub:5077/ca.crt" in said
    configured.write_text(configured.read_text().replace("':5077',", "':5077', host: 'https://other.example.com',"))
    assert "not for other.example.com" in cert("show", "--config", configured, status=1).stderr
    key = tmp_path / "certs/domain.key"
    key.write_bytes(issue(tmp_path / "other").key.read_bytes())
    assert "is not that of the certificate" in cert("show", "--config", configured, status=1).stderr


def command_in(text: str) -> list[str]:
    """What is said to be typed, less ``entrepot cert``."""
    return shlex.split(text[text.index("entrepot cert init") :].splitlines()[0])[2:]


def test_what_is_said_mends(configured: Path, tmp_path: Path) -> None:
    """The command in a finding or a refusal, run as it stands, leaves a certificate with which nothing is wrong."""
    files = self_sign(tmp_path / "certs", "-subj", "/CN=registry.example.com", recipe=QUICK)
    command: list[str] = []
    for ask in (["show"], ["renew"], ["init", "registry.example.com"]):
        command = command_in(cert(*ask, "-c", configured, status=1).stderr)
        assert command == ["init", "--force", "--config", str(configured), "registry.example.com"]
    cert(*command)
    cert("show", "-c", configured)
    assert names_of(files.certificate) == ("registry.example.com",)


def test_an_authority_without_its_key(configured: Path, tmp_path: Path) -> None:
    """The refusals say how to begin anew; then the former authority is kept, and nothing is wrong."""
    cert("init", "hub", "-c", configured)
    former = (tmp_path / "certs/ca.crt").read_bytes()
    (tmp_path / "certs/ca.key").unlink()
    said = ""
    for ask in (["renew"], ["init", "hub"]):
        said = cert(*ask, "-c", configured, status=1).stderr
        assert "without its key" in said
        assert command_in(said) == ["init", "--force", "--config", str(configured), "hub"]
    cert(*command_in(said))
    assert (tmp_path / "certs/ca.crt.old").read_bytes() == former
    cert("show", "-c", configured)
    cert("renew", "-c", configured)


def test_what_was_kept_stays(configured: Path, tmp_path: Path) -> None:
    """A second --force does not write over what the first one kept."""
    kept = []
    for name in ("one", "two"):
        files = self_sign(tmp_path / "certs", "-subj", f"/CN={name}", recipe=QUICK)
        kept.append(files.certificate.read_bytes())
        cert("init", "--force", "hub", "-c", configured)
    assert [(tmp_path / f"certs/domain.crt.old{more}").read_bytes() for more in ("", "1")] == kept


def test_what_to_trust_of_a_strangers_certificate(configured: Path, tmp_path: Path) -> None:
    """Beside an authority that did not issue it, clients are given the certificate itself."""
    cert("init", "hub", "-c", configured)
    assert f"sudo cp {tmp_path}/certs/ca.crt " in cert("show", "-c", configured).stdout
    self_sign(tmp_path / "certs", "-subj", "/CN=hub", "-addext", "subjectAltName=DNS:hub", recipe=QUICK)
    said = cert("show", "-c", configured).stdout
    assert "do not belong together" in said
    assert f"sudo cp {tmp_path}/certs/domain.crt " in said
    assert f"sudo cp {tmp_path}/certs/ca.crt " not in said


def test_names_that_go(configured: Path) -> None:
    """A second init says for whom the certificate is no longer."""
    assert "no longer for" not in cert("init", "hub", "old", "10.0.0.1", "-c", configured).stdout
    assert "no longer for: old, 10.0.0.1\n" in cert("init", "hub", "new", "-c", configured).stdout
    assert "no longer for" not in cert("init", "hub", "new", "-c", configured).stdout


def test_a_star_is_no_host(configured: Path) -> None:
    """Clients are told of a host below it, never of a directory with a star."""
    said = cert("init", "*.example.com", "-c", configured).stdout
    assert "/etc/docker/certs.d/NAME.example.com:5077/ca.crt" in said
    assert "certs.d/*" not in said
    assert "certs.d/*" not in cert("show", "-c", configured).stdout
