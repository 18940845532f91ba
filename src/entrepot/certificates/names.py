# SPDX-License-Identifier: Apache-2.0
"""Names that a certificate stands for: DNS names, those without a dot too, and addresses (RFC 5280, 4.2.1.6)."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_NOT_A_NAME = "a DNS name such as registry.example.com or registry, or an IP address"


def parse_name(text: str) -> x509.GeneralName:
    """A host as people write it; an IPv6 address may stand in brackets. Raises ``ValueError`` with what is allowed."""
    address = _address(text)
    if address is not None:
        return x509.IPAddress(address)
    try:
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(f"{text!r} is no host: {_NOT_A_NAME}") from None
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is no host: {_NOT_A_NAME}")
    return x509.DNSName(name.rstrip("."))


def is_name(text: str) -> bool:
    """Whether a certificate can be made for it."""
    try:
        parse_name(text)
    except ValueError:
        return False
    return True


def name_one(name: str) -> str:
    """A host that the name stands for: for ``*.example.com`` one is to be put in, as ``NAME.example.com``."""
    return name.replace("*", "NAME", 1)


def split_port(text: str) -> tuple[str, int | None]:
    """``HOST:PORT`` in two; the port is None where none stands there (an IPv6 address with one is in brackets)."""
    match = re.fullmatch(r"(\[[^\]]+\]|[^:]+):([0-9]{1,5})", text)
    if match is None:
        return text, None
    if not 0 < int(match[2]) < 65536:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return match[1], int(match[2])


def list_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The subject alternative names, as people write them; () where it has none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether clients take the certificate for ``host``; a star stands for exactly one part (RFC 9525, 6.3)."""
    names = list_names(certificate)
    address = _address(host)
    if address is not None:
        return str(address) in names
    wanted = host.lower().rstrip(".")
    _, _, parent = wanted.partition(".")
    known = {name.lower() for name in names}
    return wanted in known or bool(parent and f"*.{parent}" in known)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return None
