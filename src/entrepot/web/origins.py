# SPDX-License-Identifier: Apache-2.0
"""No page of another site may have a visitor's browser change something here.

Browsers say where a request comes from (``Sec-Fetch-Site``, ``Origin``), and no script can make them say otherwise;
programs such as curl and docker say neither. Credentials that the browser keeps would come along with what such a
page sends.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from entrepot.oci.errors import Foreign
from entrepot.web.exchange import Exchange

OWN_SITES = {"same-origin", "none"}
"""``none``: typed by the user. Not ``same-site``: whoever has another host of the domain is not us."""

_PORTS = {"http": 80, "https": 443}

_ALLOWING = "access-control-allow-origin"


class Origins:
    """Knows under which names this registry is reached."""

    def __init__(self, base: str | None, allowed: frozenset[str] = frozenset()) -> None:
        """``base``: the registry's own URL where ``http.host`` names one. ``allowed``: origins of a web UI elsewhere,
        see :func:`find_allowed`.
        """
        self._base = base
        self._allowed = allowed

    def require_own(self, exchange: Exchange) -> None:
        """Raises ``Foreign`` where a browser says that the request comes from elsewhere."""
        origins = exchange.headers.getlist("origin")
        if origins and all(self._is_allowed(origin, exchange) for origin in origins):
            return
        site = exchange.headers.get("sec-fetch-site")
        if site is not None and site not in OWN_SITES:
            raise Foreign(f"a page of another site asks for this (Sec-Fetch-Site: {site[:40]!r}); it is not done")
        own = self._own(exchange)
        for origin in origins:
            if _place(origin) not in own:
                raise Foreign(f"a page of another site asks for this (Origin: {origin[:200]!r}); it is not done")

    def _is_allowed(self, origin: str, exchange: Exchange) -> bool:
        """``*`` allows nobody's credentials. Browsers see to it themselves where they ask first (a preflight), which
        they do for every method but POST.
        """
        if origin in self._allowed:
            return True
        return "*" in self._allowed and (exchange.method != "POST" or not exchange.admitted.actor)

    def _own(self, exchange: Exchange) -> set[tuple[str, int]]:
        """Hosts and ports. Proxies that end TLS do not always tell the scheme, so the Host header counts for both."""
        host = exchange.headers.get("host", "")
        urls = [f"http://{host}", f"https://{host}", exchange.seen.origin, self._base or ""]
        return {place for place in map(_place, urls) if place is not None}


def find_allowed(headers: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The origins whose pages ``http.headers`` lets use ``/v2/``."""
    said = (values for name, values in headers.items() if name.lower() == _ALLOWING)
    return frozenset(value.strip() for values in said for value in values)


def _place(url: str) -> tuple[str, int] | None:
    """Host and port; None for what has none, such as ``null``."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
