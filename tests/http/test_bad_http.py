# SPDX-License-Identifier: Apache-2.0
"""What breaks HTTP itself, methods that do not fit, and writing where nothing may be written."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.unharmed import unharmed
from support.waiting import until
from support.wire import Wire, ask, chunk, request

if TYPE_CHECKING:
    import httpx

    from conftest import StartServer
    from support.server import Server

DIGEST = images.digest_of(b"nobody has this")
UPLOAD = "/v2/x/blobs/uploads/9fd6e2a3-14a7-4f8b-8b4c-0a9d6b7c5e10"


def test_a_tls_hello_gets_an_http_answer(registry: Server) -> None:
    """A real TLS client on the plain port gets HTTP's 400 as text, by which docker knows to fall back to HTTP."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="registry").do_handshake()
    hello = outgoing.read()
    assert hello[:2] == b"\x16\x03"
    with Wire(registry.host) as wire:
        reply = wire.send(hello).reply()
        assert reply.status == 400
        assert wire.ended()


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET  /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX A: a\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-A: a\r\n folded\r\n\r\n",
        b"G\xffT /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\na",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\na",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
        b"POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_400_and_ends(registry: Server, data: bytes) -> None:
    """Bytes that are no request get 400 and the connection ends, so that nothing behind them is taken for one."""
    with Wire(registry.host) as wire:
        reply = wire.send(data + request("GET", "/v2/")).reply()
        assert reply.status == 400
        assert wire.ended()


def test_length_and_chunks_at_once(registry: Server, http: httpx.Client, repository: str) -> None:
    """With Content-Length beside Transfer-Encoding the chunks count (RFC 9112, 6.3) and the connection ends behind
    them: what follows is never taken for a second request.
    """
    place = transfer.begin_upload(http, repository)
    for length in (3, 0, 99):
        both = (f"Content-Length: {length}", "Transfer-Encoding: chunked")
        with Wire(registry.host) as wire:
            smuggled = request("DELETE", place.path)
            reply = wire.send(request("PATCH", place.path, *both) + chunk(b"abcde") + chunk(b"") + smuggled).reply()
            assert reply.status == 202
            assert wire.ended()
    assert http.get(place).headers["Range"] == "0-14"


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: a", "Host: b"],
        ["Host: a", "Host: a"],
        ["Host:"],
        ["Host: a b\tc"],
        ["Host: a/b"],
        ["Host: user@a"],
        ["Host: <script>alert(1)</script>"],
        [],
    ],
)
def test_a_strange_host(registry: Server, headers: list[str]) -> None:
    """Several hosts, none, or one that is none get our 400 (RFC 9112, 3.2) wherever they ask, never repeated, and the
    connection ends.
    """
    manifest = f"/v2/x/manifests/{DIGEST}"
    for path in ("/v2/", "/", "/healthz", "/api/v1/repositories", "/v1/search", manifest):
        lines = "".join(f"{line}\r\n" for line in [*headers, "Accept: text/html"])
        with Wire(registry.host) as wire:
            reply = wire.send(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()).reply()
            assert (reply.status, reply.errors[0]["code"]) == (400, "UNSUPPORTED"), path
            assert b"<script" not in reply.body
            assert wire.ended()
    assert ask(registry.host, request("GET", "/v2/")).status == 200


def test_http_1_0(registry: Server) -> None:
    """A client of HTTP/1.0 without Host is answered, and the connection ends."""
    with Wire(registry.host) as wire:
        reply = wire.send(b"GET /v2/ HTTP/1.0\r\n\r\n").reply()
        assert (reply.status, reply.body) == (200, b"{}\n")
        assert wire.ended()


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        ([f"X-{number}: y" for number in range(80)], {200}),
        ([f"X-{number}: y" for number in range(10_000)], {431}),
        (["X-Same: y"] * 10_000, {431}),
        (["X-Long: " + "y" * 8000], {200}),
        (["X-Long: " + "y" * 1_000_000], {431}),
        (["X-" + "y" * 1_000_000 + ": z"], {431}),
        (["Accept: " + ",".join(["a/b;q=0.1"] * 5000)], {200, 431}),
        (["If-None-Match: " + ",".join(['"x"'] * 10_000)], {200, 404, 431}),
        (["Range: bytes=" + ",".join(["0-0"] * 10_000)], {200, 404, 431}),
        (["Range: bytes=" + "9" * 30_000 + "-"], {200, 404, 431}),
        (["Cookie: " + "a=b;" * 10_000], {200, 404, 431}),
        (["Authorization: Basic " + "A" * 30_000], {200, 404, 431}),
        (["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="], {200}),
        (["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"], {200}),
        (["Forwarded: garbage;;;", "X-Forwarded-Proto: x y", "X-Forwarded-Host: <>"], {200}),
    ],
)
def test_absurd_headers(registry: Server, lines: list[str], statuses: set[int]) -> None:
    """Headers as clients send them are taken, absurd numbers and sizes get 431; the server goes on."""
    assert ask(registry.host, request("GET", "/v2/", *lines)).status in statuses
    assert ask(registry.host, request("GET", f"/v2/x/blobs/{DIGEST}", *lines)).status in {*statuses, 404}
    assert ask(registry.host, request("GET", "/v2/")).status == 200


def test_a_path_beyond_reason(registry: Server) -> None:
    """A path of 100,000 characters gets 414 or 400, one of 20,000 a JSON error that does not repeat it."""
    assert ask(registry.host, request("GET", "/v2/" + "a" * 100_000)).status in {400, 414}
    for path in ("/v2/" + "a/" * 10_000, "/" + "b" * 20_000, f"/v2/x/manifests/{'c' * 20_000}"):
        reply = ask(registry.host, request("GET", path))
        assert reply.status in {400, 404}
        assert reply.errors
        assert len(reply.body) < 1000


WRONG_METHODS = [
    ("/", "GET, HEAD"),
    ("/healthz", "GET, HEAD"),
    ("/readyz", "GET, HEAD"),
    ("/v2/", "GET, HEAD"),
    ("/v2/_catalog", "GET, HEAD"),
    ("/v2/x/tags/list", "GET, HEAD"),
    ("/v2/x/manifests/1", "DELETE, GET, HEAD, PUT"),
    (f"/v2/x/blobs/{DIGEST}", "DELETE, GET, HEAD"),
    ("/v2/x/blobs/uploads/", "POST"),
    (UPLOAD, "DELETE, GET, HEAD, PATCH, PUT"),
    (f"/v2/x/referrers/{DIGEST}", "GET, HEAD"),
]


@pytest.mark.parametrize(("path", "allowed"), WRONG_METHODS)
def test_a_wrong_method_is_405_with_those_that_fit(registry: Server, path: str, allowed: str) -> None:
    """Methods that an endpoint does not have get 405 UNSUPPORTED with Allow; those in Allow do not."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"]
    for method in methods:
        reply = ask(registry.host, request(method, path))
        if method in allowed.split(", "):
            assert reply.status != 405
        else:
            assert (reply.status, reply.code) == (405, "UNSUPPORTED"), method
            assert reply.headers["allow"] == allowed


@pytest.mark.parametrize(("path", "allowed"), WRONG_METHODS)
@pytest.mark.parametrize("readonly", [False, True])
def test_options(start_server: StartServer, path: str, allowed: str, readonly: bool) -> None:
    """OPTIONS is answered with 200, what is allowed, and the configured headers: a web UI elsewhere asks so before it
    deletes.
    """
    config = {
        "http": {"headers": {"Access-Control-Allow-Methods": ["DELETE, GET"]}},
        "storage": {"maintenance": {"readonly": {"enabled": readonly}}},
    }
    answer = start_server(config).client().options(path, headers={"Origin": "http://ui.example"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Allow"] == f"{allowed}, OPTIONS"
    assert answer.headers.get("Access-Control-Allow-Methods") == ("DELETE, GET" if path.startswith("/v2/") else None)


WRITES = [
    ("POST", "/v2/kept/blobs/uploads/"),
    ("POST", f"/v2/kept/blobs/uploads/?mount={DIGEST}&from=other"),
    ("PATCH", UPLOAD),
    ("PUT", f"{UPLOAD}?digest={DIGEST}"),
    ("DELETE", UPLOAD),
    ("PUT", "/v2/kept/manifests/2"),
    ("DELETE", "/v2/kept/manifests/1"),
    ("DELETE", f"/v2/kept/manifests/{DIGEST}"),
    ("DELETE", f"/v2/kept/blobs/{DIGEST}"),
]


def test_nothing_is_written_while_read_only(start_server: StartServer) -> None:
    """With ``storage.maintenance.readonly`` every writing request gets 405 with Allow: GET, HEAD and the key's name;
    reading goes on as before.
    """
    server = start_server()
    made = transfer.push(server.client(), "kept", images.index(), "1")
    server.stop()
    server.config["storage"]["maintenance"] = {"readonly": {"enabled": True}}
    server.start()
    with unharmed(server):
        for method, path in WRITES:
            reply = ask(server.host, request(method, path, body=b"data"))
            assert (reply.status, reply.code, reply.headers["allow"]) == (405, "UNSUPPORTED", "GET, HEAD"), method
            assert "storage.maintenance.readonly" in reply.errors[0]["detail"]
        transfer.assert_serves(server.client(), "kept", made, ["1"])
        assert server.client().get("/v2/kept/tags/list").json()["tags"] == ["1"]


def test_read_only_is_ready(start_server: StartServer) -> None:
    """A read-only registry on a disk with less free than the reserve is ready: it has all that it needs."""
    server = start_server({"storage": {"maintenance": {"readonly": {"enabled": True}}}, "disk": {"reserve": "1PiB"}})
    until(lambda: server.client().get("/readyz").status_code == 200, what="it is ready")
    server.stop()
    server.config["storage"]["maintenance"] = {"readonly": {"enabled": False}}
    server.start()
    until(lambda: server.client().get("/readyz").status_code == 503, what="the check finds no room for uploads")


def test_nothing_is_deleted_while_deleting_is_off(start_server: StartServer) -> None:
    """Without ``storage.delete.enabled`` tags, manifests and blobs stay: 405 UNSUPPORTED that names the key. Cancelling
    an upload is no deleting and works.
    """
    server = start_server({"storage": {"delete": {"enabled": False}}})
    http = server.client()
    made = transfer.push(http, "kept", images.image(), "1")
    with unharmed(server):
        for path in ("manifests/1", f"manifests/{made.digest}", f"blobs/{made.blobs[0].digest}", f"blobs/{DIGEST}"):
            answer = http.delete(f"/v2/kept/{path}")
            assert answer.status_code == 405
            [error] = answer.json()["errors"]
            assert error["code"] == "UNSUPPORTED"
            assert "storage.delete.enabled" in error["detail"]
        transfer.assert_serves(http, "kept", made, ["1"])
        place = transfer.begin_upload(http, "kept")
        assert http.delete(place).status_code == 204
        assert http.get(place).status_code == 404


def test_head_never_has_a_body(registry: Server, http: httpx.Client, repository: str) -> None:
    """HEAD answers as GET does, status and headers, without a byte of body: on the same connection the next answer
    begins at once.
    """
    made = transfer.push(http, repository, images.image(layers=1), "1")
    place = transfer.begin_upload(http, repository)
    base = f"/v2/{repository}"
    blob = f"{base}/blobs/{made.blobs[0].digest}"
    paths = [
        *("/", "/healthz", "/readyz", "/nothing", "/v2/", "/v2/_catalog", "/v2/nothing", place.path, f"{place.path}x"),
        *(f"{base}/tags/list", "/v2/none/tags/list", "/v2/BAD/tags/list", "/v2/_catalog?n=x"),
        *(f"{base}/manifests/1", f"{base}/manifests/{made.digest}", f"{base}/manifests/none", f"{base}/manifests/-"),
        *(blob, f"{base}/blobs/{DIGEST}", f"{base}/blobs/md5:x", f"{base}/referrers/{made.digest}"),
    ]
    ranged = [(blob, "Range: bytes=0-9"), (blob, "Range: bytes=999999-"), (blob, f'If-None-Match: "{made.digest}"')]
    with Wire(registry.host) as wire:
        for path, *headers in [*((path,) for path in paths), *ranged, (f"{base}/manifests/1", "If-None-Match: *")]:
            full = wire.send(request("GET", path, *headers)).reply()
            bare = wire.send(request("HEAD", path, *headers)).reply(head=True)
            assert bare.status == full.status, path
            changing = {"date", "x-request-id"}
            for name in set(full.headers) - changing:
                assert bare.headers.get(name) == full.headers[name], (path, name)
