# SPDX-License-Identifier: Apache-2.0
"""What ``entrepot serve`` says when it begins: where it listens, where the data lies, how to push a first image."""

import ipaddress
import shutil
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from entrepot import __version__
from entrepot.auth.settings import AccountsSettings, AuthSettings, HtpasswdSettings, SillySettings, TokenSettings
from entrepot.certificates.trusting import join_port
from entrepot.config.load import Loaded
from entrepot.config.settings import Settings
from entrepot.storage.settings import FilesystemSettings
from entrepot.web.settings import HttpSettings, TcpAddress, UnixAddress


def greet(loaded: Loaded, port: int, workers: int, names: Sequence[str] = ()) -> str:
    """``port``: the one that was bound, where port 0 asked for any; ``names``: of the certificate that is served."""
    settings = loaded.settings
    driver = settings.storage.driver
    data = str(driver.rootdirectory) if isinstance(driver, FilesystemSettings) else "memory: lost on exit"
    lines = [
        f"entrepot {__version__}",
        f"  listens on  {_listens(settings, port)}, {workers} worker{'' if workers == 1 else 's'}",
        f"  data        {data}",
        f"  config      {loaded.config_path or 'built in'}",
        f"  access      {_describe_access(settings.auth)}",
    ]
    if loaded.ignored_config is not None:
        lines.append(
            f"  {loaded.ignored_config} is there but not used. To use it: {_command()} serve {loaded.ignored_config}"
        )
    return "\n".join([*lines, *_warn_of_plain_http(settings, port), *_first_steps(settings, port, names)])


def _listens(settings: Settings, port: int) -> str:
    address = settings.http.address
    if isinstance(address, UnixAddress):
        return str(address.path)
    everywhere = " (all addresses)" if address.everywhere else ""
    return f"{settings.http.scheme}://{_host(address, port)}{settings.http.prefix}{everywhere}"


def _describe_access(auth: AuthSettings) -> str:
    match auth:
        case AccountsSettings():
            return "accounts"
        case HtpasswdSettings():
            return f"htpasswd {auth.path}"
        case TokenSettings():
            return f"tokens of {auth.issuer}"
        case SillySettings():
            return "whoever names any user (auth.silly, for tests)"
        case None:
            return "open to whoever reaches it"


def name_host(http: HttpSettings, port: int, names: Sequence[str]) -> str:
    """What clients write before an image's name: ``http.host``, else the first host in ``names``, which are those of
    the certificate, else the address.
    """
    if http.host:
        return urlsplit(http.host).netloc.rpartition("@")[2]
    if isinstance(http.address, UnixAddress):
        return "HOST"
    hosts = [name for name in names if "*" not in name]
    return join_port(hosts[0], port) if hosts else _host(http.address, port)


def _host(address: TcpAddress, port: int) -> str:
    host = "localhost" if address.everywhere else address.host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _warn_of_plain_http(settings: Settings, port: int) -> list[str]:
    """Docker falls back to plain HTTP by itself only on loopback; a TLS hello here leaves no trace in the log."""
    address = settings.http.address
    if isinstance(address, UnixAddress) or _is_loopback(address.host) or settings.http.tls is not None:
        return []
    return [
        '  plain HTTP: clients on other machines ask for TLS first and then refuse ("server gave HTTP response to',
        f'  HTTPS client"). Serve TLS ({_command()} cert init NAME says how), put a proxy that ends TLS in front, or',
        f'  name this registry on each client: docker reads {{"insecure-registries": ["NAME:{port}"]}} from',
        "  /etc/docker/daemon.json",
    ]


def _first_steps(settings: Settings, port: int, names: Sequence[str]) -> list[str]:
    http = settings.http
    if settings.registry.readonly:
        return ["Read-only: pushes and deletes are refused (storage.maintenance.readonly)"]
    if isinstance(http.address, UnixAddress):
        return ["Ask it:", f"  curl --unix-socket {http.address.path} http://localhost{http.prefix}v2/"]
    if http.prefix != "/":
        return [f"Clients such as docker ask for /v2/ of a host: let a proxy lead it to {http.prefix}v2/ (http.prefix)"]
    host = name_host(http, port, names)
    login = [f"docker login {host}"] if isinstance(settings.auth, AccountsSettings | HtpasswdSettings) else []
    commands = (*login, "docker pull alpine", f"docker tag alpine {host}/alpine", f"docker push {host}/alpine")
    return ["Push a first image:", *(f"  {command}" for command in commands)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _command() -> str:
    """How this program was called, so that it can be called again from the same place."""
    return "entrepot" if shutil.which("entrepot") else sys.argv[0]
