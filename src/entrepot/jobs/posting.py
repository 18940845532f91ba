# SPDX-License-Identifier: Apache-2.0
"""One POST to one endpoint, as docker/distribution 2.8 sends it (compat.md 5.2), and signed where a secret is set.

httpx, and not a thread with ``urllib``: a whole attempt is cut off at its deadline, whatever the other side does, and
connections are kept. Redirects are followed as Go's client does; certificates are verified against the system's.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl
import threading
from concurrent.futures import Future
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from entrepot import __version__
from entrepot.jobs.settings import Endpoint
from entrepot.jobs.telling import NoAnswer

MEDIA_TYPE = "application/vnd.docker.distribution.events.v1+json"
SIGNATURE = "X-Entrepot-Signature-256"

REDIRECTS = 10
ANSWER_BYTES = 64 * 1024
"""Of an answer, read so that the connection can be used again; a longer one is not read on."""


class Poster:
    """Sends events to one endpoint, one after another. Close it with ``async with``."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._secret = endpoint.secret.encode()
        proxy = find_proxy(endpoint.url)
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            proxy=proxy,
            trust_env=False,  # it would read ALL_PROXY, and send what is for loopback to a proxy; Go does neither
            timeout=None,  # noqa: S113 - the deadline of each attempt is over all
            follow_redirects=True,
            max_redirects=REDIRECTS,
        )
        self._connects_to = urlsplit(proxy or endpoint.url)
        self._doubtful = True
        self._lookup: Future[Exception | None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()

    async def post(self, body: bytes) -> int:
        """Send a body and return the status of the answer. Raises :class:`NoAnswer`, at the latest at the timeout."""
        doubtful, self._doubtful = self._doubtful, True
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                if doubtful:
                    await self._look_up()
                status = await self._send(body)
        except TimeoutError:
            raise NoAnswer(f"no answer within {self._endpoint.timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:300]) from error
        self._doubtful = False
        return status

    async def _send(self, body: bytes) -> int:
        async with self._client.stream("POST", self._endpoint.url, content=body, headers=self._headers(body)) as answer:
            received = 0
            async for chunk in answer.aiter_raw():
                received += len(chunk)
                if received > ANSWER_BYTES:
                    break
            return answer.status_code

    def _headers(self, body: bytes) -> list[tuple[str, str]]:
        headers = {"Content-Type": MEDIA_TYPE, "User-Agent": f"entrepot/{__version__}"}
        if self._secret:
            headers[SIGNATURE] = sign(self._secret, body)
        configured = self._endpoint.headers
        ours = [(name, value) for name, value in headers.items() if name not in configured]
        return [*ours, *((name, value) for name, values in configured.items() for value in values)]

    async def _look_up(self) -> None:
        """After a failure the name is looked up here first, and never twice at once: a lookup cannot be cancelled, and
        those for a name server that is silent would fill the threads that all endpoints share.
        """
        if self._lookup is None or self._lookup.done():
            self._lookup = look_up(self._connects_to.hostname or "", self._connects_to.port)
        failure = await asyncio.shield(asyncio.wrap_future(self._lookup))
        if failure is not None:
            raise failure


def sign(secret: bytes, body: bytes) -> str:
    """The value of the signature header, in the form that GitHub's webhooks made usual."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def find_proxy(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for ``url``; never one for loopback, as in Go."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in {"localhost", "::1"} or host.startswith("127."):
        return None
    named = getproxies_environment()
    proxy = named.get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2], named):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def look_up(host: str, port: int | None) -> Future[Exception | None]:
    """Ask for the addresses of a name in a thread that nobody waits for when the process ends. What went wrong is the
    result, for nobody may be there any more to catch it.
    """
    done: Future[Exception | None] = Future()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            done.set_result(error)
        else:
            done.set_result(None)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return done
