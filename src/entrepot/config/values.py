# SPDX-License-Identifier: Apache-2.0
"""Texts to values, as Go's own parsers read them, because the files were written for a Go program.

Each function raises ValueError with what is allowed; the message never repeats the text, which may be a secret.
"""

import os
import re
import socket
import warnings
from decimal import Decimal
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from entrepot.config.redact import PEM
from entrepot.oci.globs import REPOSITORY_PATTERN, is_repository_pattern
from entrepot.web.settings import TcpAddress

_NANOSECONDS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "ns": 1}
_NANOSECONDS |= dict.fromkeys(("us", "µs", "μs"), 10**3)
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"([+-]?)((?:{_PART})+)", re.ASCII)
_BYTES = {"": 1, "B": 1}
_BYTES |= {f"{prefix}B": 1000**power for power, prefix in enumerate("KMGTP", 1)}
_BYTES |= {f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", 1)}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?i?B)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?(0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?", re.ASCII)
_POSTGRESQL = re.compile(
    r"([^\s@/?#:]*(:[^\s@/?#:]*)?@)?"  # user and password
    r"[^\s@/?#]*/[^\s@/?#]+"  # hosts and ports, if not as options; the database
    r"(\?[^\s#]*)?"  # options
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_PREFIX = re.compile(r"/([A-Za-z0-9._~-]+/)*", re.ASCII)
_TAG_PATTERN = re.compile(r"[A-Za-z0-9_.*?-]+", re.ASCII)
_TAKEN = frozenset({
    "Accept", "Authorization", "Connection", "Content-Type", "Cookie", "Forwarded", "Host", "Origin",
    "Proxy-Authorization", "Range", "Referer", "User-Agent", "Via", "X-Real-Ip",
})  # fmt: skip
_INT64 = 2**63 - 1
_LONGEST = 64

INTEGER = "a whole number"
DURATION = "a duration such as 30s, 10m or 1h30m"
SIZE = "a size such as 256MiB, or a number of bytes"
ADDRESS = "host:port, such as :5000, 127.0.0.1:5000 or [::1]:5000"
PEER = "host:port, such as 127.0.0.1:5432, db.example.com:5432 or [::1]:5432"
HTTP_URL = "an http:// or https:// address with a host"
INDEX_URL = "sqlite:////absolute/path (four slashes) or postgresql://user:password@host/database"
NETWORK = "an address or a network, such as 10.0.0.0/8 or fd00::/8"
ROUTE = "a path that begins with /, such as /metrics"
TAG_PATTERN = "a tag, with * for any run of characters and ? for one"
PREFIX = "a path that begins with /, such as /registry/"


class Concealed(ValueError):
    """What was found may be a secret: a message says ``found`` of it and nothing more."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(allowed)
        self.found = found


def integer(text: str) -> int:
    """A YAML 1.1 integer: decimal, 0x, 0b, octal by a leading 0; underscores are ignored."""
    if len(text) > _LONGEST or not _INTEGER.fullmatch(text):
        raise ValueError(INTEGER)
    digits = text.replace("_", "")
    octal = re.fullmatch(r"([+-]?)0([0-7]+)", digits)
    value = int(octal[1] + octal[2], 8) if octal else int(digits, 0 if re.match(r"[+-]?0[bx]", digits) else 10)
    if abs(value) > _INT64:
        raise ValueError("a whole number of at most 64 bits")
    return value


def duration(text: str) -> float:
    """Seconds. A bare number means nanoseconds, as it does to distribution."""
    if _INTEGER.fullmatch(text):
        return integer(text) / 10**9
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(DURATION)
    total = sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in re.findall(_PART, match[2], re.ASCII))
    if total > _INT64:
        raise ValueError("a duration of at most 290 years")
    seconds = float(total) / 10**9
    return -seconds if match[1] == "-" else seconds


def go_duration(seconds: float) -> str:
    """Seconds as Go writes them: ``168h``, ``1m30s``, ``300ms``."""
    nanoseconds = round(seconds * 10**9)
    if nanoseconds == 0:
        return "0s"
    parts = []
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, _NANOSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def size(text: str) -> int:
    """Bytes."""
    match = _SIZE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or (match[2] or "") not in _BYTES:
        raise ValueError(SIZE)
    value = int(Decimal(match[1]) * _BYTES[match[2] or ""])
    if value > _INT64:
        raise ValueError("a size of at most 8 EiB")
    return value


def address(text: str) -> TcpAddress:
    """What Go's net.Listen takes: the host may be missing, the port may not; IPv6 stands in brackets."""
    return _address(text, ADDRESS)


def address_text(text: str) -> str:
    """An address to listen on that somebody else will resolve, unchanged."""
    address(text)
    return text


def peer_text(text: str) -> str:
    """An address to connect to, unchanged. Go takes one without host for this machine; the advice names one."""
    _address(text, PEER)
    return text


def _address(text: str, allowed: str) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"{allowed} (the colon is missing)")
    if host.startswith("[") and host.endswith("]"):
        host = _ipv6(host[1:-1], allowed)
    elif ":" in host:
        raise ValueError(f"{allowed} (IPv6 stands in brackets)")
    elif host and not _HOST.fullmatch(host):
        raise ValueError(f"{allowed} (the host is not a name or an IP address)")
    return TcpAddress(host, _port(port, allowed))


def _ipv6(text: str, allowed: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError(f"{allowed} (in brackets stands an IPv6 address)") from None


def _port(text: str, allowed: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        number = int(text)
        if number > 65535:
            raise ValueError("a port from 0 to 65535")
        return number
    try:  # Go knows :http and :https too, from the same list of services
        return socket.getservbyname(text, "tcp")
    except (OSError, ValueError):
        raise ValueError(f"{allowed} (the port is not a number)") from None


def path(text: str) -> Path:
    """A path on this machine, absolute: what was relative is so to where the process was started."""
    if not text:
        raise ValueError("a path, not an empty string")
    if PEM in text:
        raise Concealed("the text itself, which is not shown", "a path; this is the text of a PEM file; write its path")
    if "\n" in text or "\r" in text:
        raise Concealed("a text of several lines, which is not shown", "the path of a file that holds it")
    try:
        os.fsencode(text)
    except UnicodeError:
        raise ValueError("a path whose characters this system can encode") from None
    if "\0" in text:
        raise ValueError("a path without NUL characters")
    return Path(os.path.abspath(text))


def url(text: str) -> SplitResult:
    """Any well-formed address with a scheme; the port is checked."""
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("an address without spaces and control characters")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(HTTP_URL) from None
    return parts


def http_url(text: str) -> str:
    """An http or https address, unchanged."""
    parts = url(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(HTTP_URL)
    return text


def index_url(text: str) -> str:
    """Where the index lies: a file named by its absolute path, or a database of PostgreSQL."""
    scheme, _, rest = text.partition("://")
    if scheme in {"postgres", "postgresql"}:
        _postgresql(rest)
    elif scheme.startswith("postgresql+"):
        raise ValueError("postgresql:// without the name of a driver")
    elif scheme == "sqlite" and rest.startswith("//") and not rest.endswith("/") and not set("?#") & set(rest):
        path(rest[1:])
    else:
        raise ValueError(INDEX_URL)
    return text


def _postgresql(rest: str) -> None:
    """What follows the scheme, as PostgreSQL's client reads it: several hosts, or none, and options of its own.

    A password with an odd character in it must not be taken for a host, which messages show.
    """
    found = _POSTGRESQL.fullmatch(rest)
    if found is None or re.search("%(?![0-9A-Fa-f]{2})", rest):
        odd = "each of @ / ? # : % and blanks in user and password written as %40 %2F %3F %23 %3A %25 %20"
        raise ValueError(f"postgresql://user:password@host/database, with {odd}")


def network(text: str) -> str:
    """Addresses in CIDR form; one alone is a network of one."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError(NETWORK) from None


def prefix(text: str) -> str:
    """A path prefix of all routes, with the closing slash that distribution does not ask for either."""
    closed = text if text.endswith("/") else f"{text}/"
    if not text or not _PREFIX.fullmatch(closed) or {".", ".."} & set(closed.split("/")):
        raise ValueError(PREFIX)
    return closed


def route(text: str) -> str:
    """The path of one route; an empty one means the default."""
    if text and not _PREFIX.fullmatch(text if text.endswith("/") else text + "/"):
        raise ValueError(ROUTE)
    return text


def header_name(text: str) -> str:
    """A header's name in its canonical form; those that frame a message are not for a configuration to set."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("letters, digits and hyphens in the names of headers")
    canonical = "-".join(part.capitalize() for part in text.split("-"))
    if canonical in {"Content-Length", "Transfer-Encoding"}:
        raise ValueError(f"other headers, for {canonical} frames each answer and cannot be configured")
    return canonical


def proxy_header(text: str) -> str:
    """The header in which a proxy names a person: one of its own, for others come from clients or say other things."""
    name = header_name(text)
    if name in _TAKEN or name.startswith("X-Forwarded-"):
        raise ValueError(f"a header for this alone, such as X-Remote-User, for {name} has a meaning of its own")
    return name


def header_value(text: str) -> str:
    """One value of a header: a line break in it would let it forge others."""
    if any((character < " " and character != "\t") or character == "\x7f" for character in text):
        raise ValueError("values of headers without line breaks and control characters")
    if any(character > "\xff" for character in text):
        raise ValueError("values of headers in Latin-1 characters")
    return text


def regular_expression(text: str) -> str:
    """A pattern that this program can match (Go's RE2 and Python's differ in rare corners)."""
    if "[[:" in text:
        raise ValueError("a regular expression; write [a-z] and the like in place of [[:class:]]")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise ValueError("a regular expression") from None
    return text


def repository_pattern(text: str) -> str:
    """A pattern that some repository's name can match."""
    if not is_repository_pattern(text):
        raise ValueError(REPOSITORY_PATTERN)
    return text


def tag_pattern(text: str) -> str:
    """A pattern that some tag can match."""
    if not _TAG_PATTERN.fullmatch(text):
        raise ValueError(TAG_PATTERN)
    return text
