# SPDX-License-Identifier: Apache-2.0
"""``entrepot init``: all that a registry with accounts behind trusted TLS needs, in one step."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.certificates import examining, issuing
from entrepot.certificates.examining import AUTHORITY_CERTIFICATE, Unservable
from entrepot.certificates.names import covers, parse_name, split_port
from entrepot.certificates.trusting import join_port
from entrepot.config.load import OWN_PATH, load
from entrepot.config.mistakes import ConfigurationError

PORT = 5000

DIRECTORY = Path("entrepot-certs")

DOCKER = Path("/etc/docker/certs.d")
"""Where docker, podman, skopeo and buildah look for authorities, by the name that an image's name begins with."""

_CONFIGURATION = """\
# A registry with accounts behind TLS; written by: entrepot init {hosts}
# Every key: docs/configuration.md. What this means: entrepot config check {file}
version: 0.1
storage:
  filesystem:
    rootdirectory: {data}
  delete:
    enabled: true
auth:
  accounts: {{}}
http:
  addr: :{port}
  tls:
    certificate: {certificate}
    key: {key}
"""


@click.command()
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@click.option("--if-absent", is_flag=True, help="Write nothing where ./entrepot.yml is there already.")
@click.option(
    "--docker/--no-docker",
    default=None,
    help="Let docker on this machine trust the certificate; default: where docker is installed and we are root.",
)
def init(hosts: tuple[str, ...], *, if_absent: bool, docker: bool | None) -> None:
    """Write ./entrepot.yml: a registry with accounts behind TLS, known to clients as HOST[:PORT].

    Makes a private authority and a certificate for all HOSTs in ./entrepot-certs; the data will lie in ./entrepot-data.
    One port counts for all, 5000 where none is said.

    The first `entrepot serve` makes the user admin and prints its password.
    """
    known, port = _read_hosts(hosts)
    if OWN_PATH.exists():
        if if_absent:
            _compare(known)
            return
        raise click.ClickException(f"{OWN_PATH} is there already; move it away, or use it: entrepot serve")
    certificate, key = (DIRECTORY.absolute() / name for name in ("server.crt", "server.key"))
    try:
        authority = _prepare(certificate, key)
        issuing.issue_certificate(authority, known, certificate, key)
        OWN_PATH.write_text(_configure(hosts, port, certificate, key), encoding="utf-8")
        wanted = os.geteuid() == 0 and shutil.which("docker") is not None if docker is None else docker
        whole = [join_port(host, port) for host in known if "*" not in host]
        trusted = _trust(authority, whole) if wanted else []
    except Unservable as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or DIRECTORY} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {OWN_PATH}, and a certificate in {certificate.parent} for {', '.join(known)}")
    for path in trusted:
        click.echo(f"wrote {path}: docker on this machine trusts it")
    click.echo(f"other machines: entrepot cert show{', or on each:' if whole else ' says what each needs'}")
    if whole:
        click.echo(f"  curl -fsS --insecure https://{whole[0]}/ca.sh | sudo sh")
    click.echo("start it: entrepot serve")


def _compare(hosts: Sequence[str]) -> None:
    """Say for which hosts the certificate is not that the configuration names. Whatever else is wrong with it,
    ``entrepot serve`` says.
    """
    try:
        loaded = load(OWN_PATH, os.environ)
        tls = loaded.settings.http.tls
        if tls is None:
            return
        pair = examining.read_pair(tls.certificate, tls.key, OWN_PATH)
        leaf = examining.read_chain(pair.certificate, tls.certificate)[0]
    except (ConfigurationError, Unservable):
        return
    asked = [str(parse_name(host).value) for host in hosts]
    missing = [host for host in asked if not covers(leaf, host)]
    if missing:
        force = not examining.is_renewable(pair, leaf)
        command = examining.name_init(OWN_PATH, [*examining.suggest_names(leaf), *missing], force=force)
        click.echo(f"{OWN_PATH} is there, and its certificate is not for {', '.join(missing)}: {command}", err=True)


def _prepare(certificate: Path, key: Path) -> issuing.Authority:
    """The authority beside these files, which others did not make. Raises ``OSError``, ``Unservable``."""
    directory = certificate.parent
    if directory.exists() and not directory.is_dir():
        raise Unservable(f"{directory} is no directory, and certificates are to lie in one: move it away")
    known = issuing.find_authority(directory)
    if (certificate.exists() or key.exists()) and not issuing.is_ours(certificate, known):
        raise Unservable(f"{directory} holds a certificate that was not made here; move it away")
    authority = issuing.make_authority(directory)
    issuing.write_file(directory / ".gitignore", b"*\n", 0o644)  # or the keys get into somebody's repository
    return authority


def _read_hosts(hosts: Sequence[str]) -> tuple[list[str], int]:
    """Names, and the one port that they are known by: one that is said counts for all. Raises what click shows."""
    try:
        pairs = [split_port(host) for host in hosts]
        for name, _ in pairs:
            parse_name(name)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    ports = {port for _, port in pairs if port is not None} or {PORT}
    if len(ports) > 1:
        raise click.ClickException(f"one port for all, not {', '.join(map(str, sorted(ports)))}")
    return [name for name, _ in pairs], ports.pop()


def _configure(hosts: Sequence[str], port: int, certificate: Path, key: Path) -> str:
    data = Path("entrepot-data").absolute()
    return _CONFIGURATION.format(
        hosts=" ".join(hosts),
        file=OWN_PATH,
        port=port,
        data=_quote(data),
        certificate=_quote(certificate),
        key=_quote(key),
    )


def _quote(path: Path) -> str:
    """As YAML reads it back, whatever characters a directory's name has."""
    return "'" + str(path).replace("'", "''") + "'"


def _trust(authority: issuing.Authority, known: Sequence[str]) -> list[Path]:
    paths = [DOCKER / host / AUTHORITY_CERTIFICATE for host in known]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        issuing.write_file(path, authority.pem, 0o644)
    return paths
