# SPDX-License-Identifier: Apache-2.0
"""``entrepot init``: all that a registry with accounts behind trusted TLS needs, in one step."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.certificates import issuing
from entrepot.certificates.examining import AUTHORITY_CERTIFICATE, Unservable
from entrepot.certificates.names import parse_name, split_port
from entrepot.certificates.trusting import join_port
from entrepot.config.load import OWN_PATH

PORT = 5000

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
@click.option("--if-absent", is_flag=True, help="Do nothing where ./entrepot.yml is there already.")
@click.option(
    "--docker/--no-docker",
    default=None,
    help="Let docker on this machine trust the certificate; default: where docker is installed and we are root.",
)
def init(hosts: tuple[str, ...], *, if_absent: bool, docker: bool | None) -> None:
    """Write ./entrepot.yml: a registry with accounts behind TLS, known to clients as HOST[:PORT] (port 5000 if none).

    Makes a private authority and a certificate for all HOSTs in ./entrepot-certs; the data will lie in ./entrepot-data.
    The first `entrepot serve` makes the user admin and prints its password.
    """
    if OWN_PATH.exists():
        if if_absent:
            return
        raise click.ClickException(f"{OWN_PATH} is there already; move it away, or use it: entrepot serve")
    known, port = _read_hosts(hosts)
    certificate, key = (Path("entrepot-certs", name).absolute() for name in ("server.crt", "server.key"))
    try:
        if certificate.exists() or key.exists():
            raise click.ClickException(f"{certificate.parent} holds a certificate already; move it away")
        authority = issuing.make_authority(certificate.parent)
        issuing.issue_certificate(authority, known, certificate, key)
        OWN_PATH.write_text(_configure(hosts, port, certificate, key), encoding="utf-8")
        wanted = os.geteuid() == 0 and shutil.which("docker") is not None if docker is None else docker
        trusted = _trust(authority, [join_port(host, port) for host in known]) if wanted else []
    except (OSError, Unservable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {OWN_PATH}, and a certificate in {certificate.parent} for {', '.join(known)}")
    for path in trusted:
        click.echo(f"wrote {path}: docker on this machine trusts it")
    click.echo("other machines: entrepot cert init --help, or on each: ")
    click.echo(f"  curl -fsS --insecure https://{join_port(known[0], port)}/ca.sh | sudo sh")
    click.echo("start it: entrepot serve")


def _read_hosts(hosts: Sequence[str]) -> tuple[list[str], int]:
    """Names, and the one port that they are known by. Raises what click shows."""
    try:
        pairs = [split_port(host) for host in hosts]
        for name, _ in pairs:
            parse_name(name)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    ports = {port or PORT for _, port in pairs}
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
