# SPDX-License-Identifier: Apache-2.0
"""What stops the start: sections that protect or place data and are not implemented.

Ignoring them would serve, open to all, what someone meant to protect, or write it where nobody will look for it.
"""

from collections.abc import Iterable, Iterator, Mapping

from entrepot.config.drivers import IMPLEMENTED_DRIVERS, NOT_DRIVERS
from entrepot.config.mistakes import Mistake
from entrepot.config.nodes import Listing, Node, Origin, Scalar, Table, at, is_disabled, is_empty, is_null
from entrepot.config.schema import Branch, nearest

_SECTIONS = {
    "proxy": "remove proxy.remoteurl to run an ordinary registry",
    "policy": "remove the section to accept artifacts of every class",
}
_UNIMPLEMENTED = "is not implemented yet, and this registry does not start with less than the configuration asks for"
_TOGETHER = {"accounts", "token", "proxyheader"}
"""Kinds of authentication that are one: ``token`` beside ``accounts`` says how its token service is called."""

_PROTECTED = ("auth", "middleware", "http.tls", *_SECTIONS)


def asks(path: str, node: Node) -> bool:
    """Whether ``node``, standing at ``path``, asks for a protection (for authentication, naming a kind is enough)."""
    if path == "http":
        tls = at(node, "tls")
        return tls is not None and not is_empty(tls)
    if not any(path == section or path.startswith((f"{section}.", f"{section}[")) for section in _PROTECTED):
        return False
    if path == "auth":
        return any(True for _ in _kinds_of_auth(node))
    return not is_empty(node)


def refusals(root: Table, schema: Branch) -> Iterator[Mistake]:
    """One mistake for each thing the configuration asks for that is not there."""
    yield from _storage(root, schema.children["storage"])
    yield from _auth(root, schema.children["auth"])
    for section, advice in _SECTIONS.items():
        node = at(root, section)
        if section == "proxy" and node is not None:
            node = at(root, "proxy.remoteurl")
        if node is not None and not is_empty(node):
            yield Mistake(node.origin, section, f"a section that {_UNIMPLEMENTED}", advice)
    yield from _letsencrypt(root)
    yield from _middleware(root)


def _letsencrypt(root: Table) -> Iterator[Mistake]:
    node = at(root, "http.tls.letsencrypt")
    if node is not None and not is_empty(node):
        yield Mistake(
            node.origin,
            "http.tls.letsencrypt",
            "certificates of Let's Encrypt asked for, which this registry does not fetch by itself",
            "write certificate and key: the files that certbot keeps (/etc/letsencrypt/live/NAME/fullchain.pem and "
            "privkey.pem), which are watched; or let a proxy such as nginx with certbot end TLS; or, in a network of "
            "your own, make them: entrepot cert init NAME",
        )


def _kinds_of_auth(node: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Scalar) and not is_null(node) and node.text.lower() not in {"", "none"}:
        yield node.text, node
    if isinstance(node, Table):
        yield from ((name, entry) for name, entry in node.entries.items() if name.lower() not in {"", "none"})


def find_kinds(root: Table) -> Mapping[str, Origin]:
    """The kinds of authentication that the configuration names, and where."""
    section = root.entries.get("auth")
    return {} if section is None else {name.lower(): node.origin for name, node in _kinds_of_auth(section)}


def _auth(root: Table, known: Branch) -> Iterator[Mistake]:
    section = root.entries.get("auth")
    if section is None:
        return
    kinds = list(_kinds_of_auth(section))
    for name, node in kinds:
        if name not in known.children:
            yield Mistake(
                node.origin, f"auth.{name}", "an unknown kind of authentication", _instead(name, known.children)
            )
    together = [name for name, _ in kinds if name in known.children]
    if len(together) > 1 and not set(together) <= _TOGETHER:
        names = ", ".join(f"{name} ({node.origin})" for name, node in kinds)
        yield Mistake(kinds[-1][1].origin, "auth", f"several kinds of authentication: {names}", "allowed: exactly one")


def _instead(name: str, known: Iterable[str]) -> str:
    words = sorted(known)
    near = nearest(name, words)
    return f"allowed: {', '.join(words)}" + ("" if near is None else f"; did you mean {near}?")


def _storage(root: Table, known: Branch) -> Iterator[Mistake]:
    section = root.entries.get("storage")
    entries = section.entries if isinstance(section, Table) else {}
    named = {name: node for name, node in entries.items() if name not in NOT_DRIVERS}
    # Every name but a few is taken for a driver, so a misspelt one of these few would be, too.
    misspelt = {name: near for name in named if (near := _meant(name, known)) is not None}
    drivers = {name: node for name, node in named.items() if name not in misspelt}
    if not drivers and (section is None or is_null(section) or isinstance(section, Table)):
        origin = root.origin if section is None else section.origin
        yield Mistake(origin, "storage", "no storage driver", "name one: storage: {filesystem: {rootdirectory: /path}}")
    for name, near in misspelt.items():
        yield Mistake(named[name].origin, f"storage.{name}", "an unknown key", f"did you mean storage.{near}?")
    yield from _several(drivers, known)
    for name, node in drivers.items():
        if name not in known.children:
            words = [word for word in known.children if word not in NOT_DRIVERS]
            yield Mistake(node.origin, f"storage.{name}", "an unknown storage driver", _instead(name, words))
        elif name not in IMPLEMENTED_DRIVERS:
            advice = f"allowed: {', '.join(sorted(IMPLEMENTED_DRIVERS))}"
            yield Mistake(node.origin, f"storage.{name}", f"a storage driver that {_UNIMPLEMENTED}", advice)


def _meant(name: str, known: Branch) -> str | None:
    """The key beside the drivers that an unknown name below ``storage`` is most like."""
    near = None if name in known.children else nearest(name, known.children)
    return near if near in NOT_DRIVERS else None


def _several(drivers: Mapping[str, Node], known: Branch) -> Iterator[Mistake]:
    """More than one driver; beside a single known one, that the others are unknown says enough."""
    if len(drivers) < 2 or len(drivers.keys() & known.children.keys()) == 1:
        return
    names = ", ".join(f"{name} ({node.origin})" for name, node in drivers.items())
    yield Mistake(
        list(drivers.values())[-1].origin,
        "storage",
        f"several storage drivers: {names}",
        "allowed: exactly one; the variable REGISTRY_STORAGE=NAME replaces the whole section of the file",
    )


def _middleware(root: Table) -> Iterator[Mistake]:
    section = root.entries.get("middleware")
    for place, entries in section.entries.items() if isinstance(section, Table) else ():
        for index, entry in enumerate(entries.items if isinstance(entries, Listing) else ()):
            if not is_empty(entry) and not is_disabled(entry):
                key = f"middleware.{place}[{index}]"
                advice = "remove it, or write disabled: true"
                yield Mistake(entry.origin, key, f"a middleware that {_UNIMPLEMENTED}", advice)
