# SPDX-License-Identifier: Apache-2.0
"""The settings of events: ``notifications``, and our ``events``."""

from ipaddress import ip_address
from typing import cast, get_args
from urllib.parse import urlsplit

from entrepot.config.check import View
from entrepot.config.composition import Composition
from entrepot.index.envelopes import Audited
from entrepot.jobs.settings import Endpoint
from entrepot.registry.events import Told
from entrepot.registry.settings import EventSettings
from entrepot.web.settings import HttpSettings, TcpAddress, UnixAddress

_THRESHOLD = 10
_LOOPBACK = (
    "is this machine itself, and in a container the container itself, while http.addr serves others; "
    "name an address that holds for whoever uses it"
)


def find_events(composition: Composition, http: HttpSettings, endpoints: tuple[Endpoint, ...]) -> EventSettings:
    """What events say. Pulls are told of where an endpoint wants them, or a setting asks."""
    view = composition.view
    return EventSettings(
        includereferences=view.get("notifications.events.includereferences", bool),
        pulls=view.get("events.pulls", bool) or any("pull" not in one.ignored_actions for one in endpoints),
        base=http.base,
        prefix=http.prefix.rstrip("/"),
    )


def find_endpoints(composition: Composition) -> tuple[Endpoint, ...]:
    """Those that are not disabled, each with a name of its own."""
    endpoints: list[Endpoint] = []
    for item in _enabled(composition):
        endpoint = _endpoint(composition, item)
        if endpoint.name and endpoint.name in {other.name for other in endpoints}:
            composition.wrong_item(item, "name", "a name that no other endpoint has")
        actions = [*get_args(Told), *(get_args(Audited) if endpoint.audit else ())]
        for action in sorted(endpoint.ignored_actions - set(actions)):
            known = ", ".join(actions)
            composition.warn_item(item, "ignore.actions", f"{action!r} is no action of an event; those are {known}")
        endpoints.append(endpoint)
    return tuple(endpoints)


def warn_of_loopback(composition: Composition, address: TcpAddress | UnixAddress) -> None:
    """Where others are served, a loopback address of a receiver, a token service or this registry is rarely meant."""
    if isinstance(address, UnixAddress) or not address.everywhere:
        return
    for item in _enabled(composition):
        host = find_loopback(item.find("url", str))
        if host:
            composition.warn_item(item, "url", f"{host} {_LOOPBACK}")
    for key in ("auth.token.realm", "http.host"):
        host = find_loopback(composition.view.find(key, str))
        if host:
            composition.warn(key, f"{host} {_LOOPBACK}")


def _enabled(composition: Composition) -> list[View]:
    items = composition.view.items("notifications.endpoints")
    return [item for item in items if not item.get("disabled", bool)]


def _endpoint(composition: Composition, item: View) -> Endpoint:
    threshold = item.get("threshold", int)
    types = {*_texts(item, "ignoredmediatypes"), *_texts(item, "ignore.mediatypes")}
    return Endpoint(
        name=composition.required(item, "name"),
        url=composition.required(item, "url"),
        headers=cast("dict[str, tuple[str, ...]]", item.find("headers", dict) or {}),
        timeout=item.get("timeout", float),
        threshold=threshold if threshold > 0 else _THRESHOLD,  # as distribution takes it
        backoff=item.get("backoff", float),
        ignored_mediatypes=frozenset(types),
        ignored_actions=frozenset(_texts(item, "ignore.actions")),
        secret=item.find("secret", str) or "",
        audit=item.get("audit", bool),
    )


def _texts(item: View, key: str) -> tuple[str, ...]:
    return cast("tuple[str, ...]", item.find(key, tuple) or ())


def find_loopback(url: str | None) -> str:
    """The host of the URL where it is this machine, else nothing."""
    try:
        host = urlsplit(url or "").hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return host
        return host if ip_address(host).is_loopback else ""
    except ValueError:
        return ""
