# SPDX-License-Identifier: Apache-2.0
"""``entrepot cert``: a private authority, certificates of it, and what clients need to trust them."""

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
from cryptography import x509

from entrepot.certificates import examining, issuing
from entrepot.certificates.examining import AUTHORITY_CERTIFICATE, AUTHORITY_KEY, Unservable, name_init, suggest_names
from entrepot.certificates.issuing import Authority
from entrepot.certificates.names import list_names, name_one, parse_name, split_port
from entrepot.certificates.trusting import find_fingerprint, join_port, write_instructions
from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.web.settings import HttpSettings, TcpAddress

_CONFIG = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path),
    help="The configuration whose http.tls names the files; without it REGISTRY_CONFIGURATION_PATH, else none.",
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where certificate and key lie; the authority lies beside them. ``configured``: ``http.tls`` names them;
    ``config``: the file that was read.
    """

    certificate: Path
    key: Path
    configured: bool
    config: Path | None

    @property
    def directory(self) -> Path:
        """Of the authority."""
        return self.certificate.parent

    @property
    def authority(self) -> Path:
        """What clients trust, if it is one of ours."""
        return self.directory / AUTHORITY_CERTIFICATE

    def init(self, *names: str, force: bool = True) -> str:
        """The whole command that makes a certificate here."""
        return name_init(self.config, names, force=force)


@click.group("cert")
def cert_group() -> None:
    """Make and look after the certificate of this registry, with a private authority."""


@cert_group.command("init")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@_CONFIG
@click.option("--force", is_flag=True, help="Replace a certificate that was not made here; it is kept as FILE.old.")
def init(hosts: tuple[str, ...], config: Path | None, *, force: bool) -> None:
    """Make a certificate for HOST..., and the authority that issues it where there is none yet.

    HOST is a name by which clients know this registry (one without a dot will do) or an IP address, with :PORT behind
    it where that is another than the configuration's. The files go where http.tls of the configuration names them, else
    into certs/ beside it, without a configuration into ./entrepot-certs. Says what each client needs to trust them.
    """
    loaded = _load(config)
    places = find_places(loaded)
    with _told():
        pairs = [split_port(host) for host in hosts]
        names = [name for name, _ in pairs]
        for name in names:
            parse_name(name)
        former = _list_former_names(places)
        _make_room(places, hosts, force=force)
        authority = issuing.make_authority(places.directory)
        issued = issuing.issue_certificate(authority, names, places.certificate, places.key)
    _say_made(places, authority, issued)
    dropped = [name for name in former if name not in list_names(issued)]
    if dropped:
        click.echo(f"no longer for: {', '.join(dropped)}")
    _say_how_to_serve(places, loaded)
    known = [join_port(name_one(name), port or find_port(loaded.settings.http)) for name, port in pairs]
    click.echo(f"\n{write_instructions(known[0], authority.path)}", nl=False)
    for other in known[1:]:
        click.echo(f"  and the same for {other}, with that in place of {known[0]}")


@cert_group.command("renew")
@_CONFIG
def renew(config: Path | None) -> None:
    """Make a new certificate for the names of the present one, by the same authority; clients notice nothing."""
    places = find_places(_load(config))
    with _told():
        former = _read(places)[0]
        names = list_names(former)
        try:
            authority = issuing.find_authority(places.directory)
        except Unservable as fault:
            raise click.ClickException(f"{fault}; or begin anew: {places.init(*suggest_names(former))}") from fault
        if authority is None or not issuing.is_ours(places.certificate, authority):
            raise click.ClickException(
                f"{places.certificate} was issued by {former.issuer.rfc4514_string()}, and the key of that authority "
                f"is not in {places.directory}: renew it there, or begin anew: {places.init(*suggest_names(former))}"
            )
        issued = issuing.issue_certificate(authority, names, places.certificate, places.key)
    _say_made(places, authority, issued)
    click.echo("A registry that runs serves it within five seconds; clients need nothing new.")


@cert_group.command("sign")
@click.argument("csr", type=click.File("rb"))
@_CONFIG
def sign(csr: click.File, config: Path | None) -> None:
    """Print a certificate for the signing request CSR (a PEM file, - for standard input).

    Its names are those of the request. Whoever made the request keeps its key.
    """
    places = find_places(_load(config))
    with _told():
        authority = issuing.find_authority(places.directory)
        if authority is None:
            raise click.ClickException(f"no authority in {places.directory}: make one with {places.init(force=False)}")
        content: bytes = csr.read()  # type: ignore[attr-defined]  # click gives the open file
        click.echo(issuing.sign_request(authority, content).decode("ascii"), nl=False)


@cert_group.command("show")
@_CONFIG
def show(config: Path | None) -> None:
    """Say whose certificate is served, for how many days yet, what is wrong with it (then the status is 1), and what
    clients need to trust it.
    """
    loaded = _load(config)
    places = find_places(loaded)
    now = datetime.now(UTC)
    host = loaded.settings.http.host
    known = urlsplit(host).hostname if host else None
    with _told():
        chain = _read(places)
        _say_whose(places, chain[0], now)
        pair = examining.read_pair(places.certificate, places.key, places.config)
        anchor = examining.find_anchor(pair, chain)
        if anchor is not None:
            pem = anchor.public_bytes(issuing.PEM)
            click.echo(f"to trust     {examining.describe(anchor)}\n  SHA-256    {find_fingerprint(pem)}")
        ours = _is_authority(places, anchor)
        if places.authority.exists() and not ours:
            click.echo(f"             {places.authority} did not issue it: they do not belong together")
        examining.check_servable(pair)
        wrong = examining.list_weaknesses(pair, chain, now, known)
    for sentence in wrong:
        click.echo(f"wrong: {sentence}", err=True)
    names = list_names(chain[0])
    if anchor is not None and names:
        place = join_port(known or name_one(names[0]), find_port(loaded.settings.http))
        click.echo(f"\n{write_instructions(place, places.authority if ours else places.certificate)}", nl=False)
    sys.exit(int(bool(wrong)))


def find_places(loaded: Loaded) -> Places:
    """Where the configuration expects certificate and key, or where they go when it says nothing."""
    tls = loaded.settings.http.tls
    if tls is not None:
        return Places(tls.certificate, tls.key, configured=True, config=loaded.config_path)
    directory = Path("entrepot-certs") if loaded.config_path is None else loaded.config_path.parent / "certs"
    certificate, key = (directory.absolute() / name for name in ("server.crt", "server.key"))
    return Places(certificate, key, configured=False, config=loaded.config_path)


def find_port(http: HttpSettings) -> int:
    """The port that clients name: that of ``http.host``, else the one that is listened on."""
    if http.host:
        parts = urlsplit(http.host)
        return parts.port or (443 if parts.scheme == "https" else 80)
    return http.address.port if isinstance(http.address, TcpAddress) else 443


def _load(config: Path | None) -> Loaded:
    try:
        return load(config, os.environ)
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (Unservable, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'a file'}: {error.strerror or error}") from error


def _read(places: Places) -> list[x509.Certificate]:
    if not places.certificate.exists():
        raise Unservable(f"{places.certificate} is not there; make it: {places.init(force=False)}")
    return examining.read_chain(examining.read_pem(places.certificate), places.certificate)


def _is_authority(places: Places, anchor: x509.Certificate | None) -> bool:
    """Whether the authority beside the certificate is what clients have to trust."""
    try:
        return examining.read_chain(examining.read_pem(places.authority), places.authority)[0] == anchor
    except Unservable:
        return False


def _list_former_names(places: Places) -> tuple[str, ...]:
    try:
        return list_names(examining.read_chain(examining.read_pem(places.certificate), places.certificate)[0])
    except Unservable:
        return ()


def _make_room(places: Places, hosts: Sequence[str], *, force: bool) -> None:
    """What others made is never lost: it stays, or with ``force`` it is kept under another name."""
    standing = [path for path in (places.certificate, places.key) if path.exists()]
    try:
        authority = issuing.find_authority(places.directory)
    except Unservable as fault:
        if not force:
            anew = f"that clients must be given (what is there is kept as FILE.old): {places.init(*hosts)}"
            raise click.ClickException(f"{fault}; or make a new authority, {anew}") from fault
        authority = None
        standing += [path for path in (places.authority, places.directory / AUTHORITY_KEY) if path.exists()]
    if not standing or issuing.is_ours(places.certificate, authority):
        return
    if not force:
        raise click.ClickException(
            f"{' and '.join(map(str, standing))} {'is' if len(standing) == 1 else 'are'} there and not made here: left "
            f"as they are. To replace them (they are kept as FILE.old): {places.init(*hosts)}"
        )
    for path in standing:
        path.rename(_find_free(path))


def _find_free(path: Path) -> Path:
    """FILE.old, or another name where that is taken."""
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in itertools.count())
    return next(name for name in names if not name.exists())


def _say_whose(places: Places, leaf: x509.Certificate, now: datetime) -> None:
    left = examining.days_left(leaf, now)
    click.echo(f"certificate  {places.certificate}")
    click.echo(f"names        {', '.join(list_names(leaf)) or '(none)'}")
    click.echo(f"issued by    {leaf.issuer.rfc4514_string()}")
    click.echo(f"valid until  {leaf.not_valid_after_utc:%Y-%m-%d} ({left} day{'' if left == 1 else 's'} left)")


def _say_made(places: Places, authority: Authority, issued: x509.Certificate) -> None:
    left = examining.days_left(issued, datetime.now(UTC))
    click.echo(f"certificate  {places.certificate}   for {', '.join(list_names(issued))}; {left} days")
    click.echo(f"key          {places.key}   readable by its owner alone: the user who runs the registry")
    click.echo(f"authority    {authority.path}   clients trust this; {authority.directory / AUTHORITY_KEY}")
    click.echo("             signs further certificates: keep it safe, it need not stay on this machine")


def _say_how_to_serve(places: Places, loaded: Loaded) -> None:
    if places.configured:
        click.echo("\nA registry that runs on this configuration serves it within five seconds.")
    elif loaded.config_path is not None:
        click.echo(f"\nAdd to {loaded.config_path}, then start the registry again:")
        click.echo(f"http:\n  tls:\n    certificate: {places.certificate}\n    key: {places.key}")
    else:
        click.echo("\nServe with it:")
        click.echo(
            f"  REGISTRY_HTTP_ADDR=:5000 REGISTRY_HTTP_TLS_CERTIFICATE={places.certificate} "
            f"REGISTRY_HTTP_TLS_KEY={places.key} entrepot serve"
        )
