# SPDX-License-Identifier: Apache-2.0
"""No page of another site may have a visitor's browser change something here.

Browsers say where a request comes from (``Sec-Fetch-Site``, ``Origin``), and no script can make them say otherwise;
programs such as curl say neither. A body must be ``application/json``, which no HTML form can send.
"""

from urllib.parse import urlsplit

from entrepot.oci.errors import Foreign
from entrepot.web.exchange import Exchange

OWN_SITES = {"same-origin", "none"}
"""``none``: typed by the user. Not ``same-site``: whoever has another host of the domain is not us."""

_PORTS = {"http": 80, "https": 443}


class Origins:
    """Knows under which names this registry is reached."""

    def __init__(self, base: str | None) -> None:
        """``base``: the registry's own URL where ``http.host`` names one."""
        self._base = base

    def require_own(self, exchange: Exchange) -> None:
        """Raises ``Foreign`` where a browser says that the request comes from elsewhere."""
        site = exchange.headers.get("sec-fetch-site")
        if site is not None and site not in OWN_SITES:
            raise Foreign(f"a page of another site asks for this (Sec-Fetch-Site: {site[:40]!r}); it is not done")
        own = self._own(exchange)
        for origin in exchange.headers.getlist("origin"):
            if _place(origin) not in own:
                raise Foreign(f"a page of another site asks for this (Origin: {origin[:200]!r}); it is not done")

    def _own(self, exchange: Exchange) -> set[tuple[str, int]]:
        """Hosts and ports. Proxies that end TLS do not always tell the scheme, so the Host header counts for both."""
        host = exchange.headers.get("host", "")
        urls = [f"http://{host}", f"https://{host}", exchange.seen.origin, self._base or ""]
        return {place for place in map(_place, urls) if place is not None}


def _place(url: str) -> tuple[str, int] | None:
    """Host and port; None for what has none, such as ``null``."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
