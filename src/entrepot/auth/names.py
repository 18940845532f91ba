# SPDX-License-Identifier: Apache-2.0
"""What accounts, roles and the parts of rules may look like; each raises ``RequestInvalid`` with what is allowed."""

import re
from ipaddress import ip_network

from entrepot.oci.access import ACTIONS
from entrepot.oci.errors import RequestInvalid
from entrepot.oci.globs import REPOSITORY_PATTERN, is_repository_pattern

ANYWHERE = "*"
"""The network of a rule that holds from everywhere."""

LONGEST_PATTERN = 255

LONGEST_COMMENT = 1000

_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}", re.ASCII)
_ROLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_ADDRESS_GLOB = re.compile(r"(?=.*[*?])[0-9a-f.:*?]{2,64}", re.ASCII)


def parse_account_name(text: str) -> str:
    """A user's or robot's name. No colon: Basic credentials end the name there (RFC 7617)."""
    if not _ACCOUNT.fullmatch(text):
        raise RequestInvalid(
            f"{text[:100]!r} is no name of an account; it is 1 to 64 letters, digits, '.', '_', '-' and '@', "
            "the first one a letter, a digit or '_'"
        )
    return text


def parse_role_name(text: str) -> str:
    """A role's name."""
    if not _ROLE.fullmatch(text):
        raise RequestInvalid(
            f"{text[:100]!r} is no name of a role; it is 1 to 64 letters, digits, '.', '_' and '-', "
            "the first one a letter, a digit or '_'"
        )
    return text


def parse_subject(text: str) -> str:
    """Of whom a rule speaks: ``role:NAME``, ``user:NAME`` or ``robot:NAME``."""
    kind, _, name = text.partition(":")
    if kind not in {"role", "user", "robot"}:
        raise RequestInvalid(f"{text[:100]!r} is no subject of a rule; one is role:NAME, user:NAME or robot:NAME")
    return f"{kind}:{parse_role_name(name) if kind == 'role' else parse_account_name(name)}"


def parse_pattern(text: str) -> str:
    """A pattern over repository names, see ``oci.globs``; three stars and more are two."""
    pattern = re.sub(r"\*{3,}", "**", text)
    if len(text) > LONGEST_PATTERN or not is_repository_pattern(pattern):
        bare = ", without the registry's host and without a tag" if ":" in text or "@" in text else ""
        allowed = f"{REPOSITORY_PATTERN}{bare}, such as team/** or team/app"
        raise RequestInvalid(f"{text[:100]!r} is no pattern; it is {allowed}")
    return pattern


def parse_network(text: str) -> str:
    """Where a rule holds, in the form in which it is kept; IPv4 that is written as IPv6 is IPv4 again."""
    if text == ANYWHERE or _ADDRESS_GLOB.fullmatch(text.lower()):
        return text.lower()
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise RequestInvalid(
            f"{text[:100]!r} is no network; it is an address, a network such as 10.0.0.0/8 or fd00::/8, "
            "a pattern such as 192.168.*, or * for everywhere"
        ) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        network = ip_network((mapped, network.prefixlen - 96))
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def parse_actions(text: str) -> frozenset[str]:
    """Some of pull, push and delete with commas between; ``*`` is all of them."""
    words = frozenset(word.strip() for word in text.split(","))
    if words == {"*"}:
        return frozenset(ACTIONS)
    if not words <= set(ACTIONS):
        raise RequestInvalid(f"{text[:100]!r} names actions that are none; they are pull, push, delete, and * for all")
    return words


def parse_comment(text: str) -> str:
    """Whatever people want to remember, in one line."""
    if len(text) > LONGEST_COMMENT or not text.isprintable():
        raise RequestInvalid(f"a comment is one line of at most {LONGEST_COMMENT} characters")
    return text
