# SPDX-License-Identifier: Apache-2.0
"""The benchmark's clients bring what the registries' configurations ask for; nothing here looks at a clock."""

import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from bench import certificates, errors, servers, tokens, variants, wire, wrk
from entrepot.auth.settings import AccountsSettings, HtpasswdSettings, TokenSettings
from entrepot.config.load import load
from entrepot.config.settings import Settings
from support.forging import libtrust_id


@contextmanager
def serving(answers: list[bytes], context: ssl.SSLContext) -> Iterator[int]:
    """A server over TLS that gives each connection the next answer; who does not trust it gets none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                peer, _ = listener.accept()
                try:
                    with context.wrap_socket(peer, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(answer)
                except OSError:
                    peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_wire_speaks_tls_with_who_it_trusts(tmp_path: Path) -> None:
    """A server with the pair is believed and says which cipher; the same server is not, where another is trusted."""
    pair, other = (certificates.make_pair(tmp_path, name) for name in ("server", "other"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.private)
    body = b"x" * 100_000
    with serving([b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body, b""], context) as port:
        with wire.Connection(port, trust=pair.trust()) as connection:
            assert connection.cipher().startswith("TLSv1.3, TLS_")
            assert connection.download("/blob") == len(body)
        with pytest.raises(ssl.SSLCertVerificationError):
            wire.Connection(port, trust=other.trust())


def test_tokens_are_what_registries_believe(tmp_path: Path) -> None:
    """A token is signed by the key of the certificate, names it as registry:2 does, and opens one repository."""
    issuer = tokens.Issuer.make(tmp_path)
    certificate = x509.load_pem_x509_certificate(issuer.pair.certificate.read_bytes())
    token = issuer.token("team/app")
    assert jwt.get_unverified_header(token)["kid"] == libtrust_id(issuer.pair.key)
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    claims = jwt.decode(token, public, ["ES256"], issuer=tokens.ISSUER, audience=tokens.SERVICE)
    assert claims["access"] == [{"type": "repository", "name": "team/app", "actions": ["pull"]}]


def test_without_a_printed_password_there_are_no_tokens(tmp_path: Path) -> None:
    """A server that printed no administrator's password is named as the reason."""
    log = tmp_path / "output.log"
    log.write_text("nothing of the kind\n")
    server = servers.Server(servers.ENTREPOT, 1, tmp_path, 0, 0, lambda: None, 1, log)
    with pytest.raises(errors.BenchError, match="printed no administrator's password"):
        tokens.fetch_tokens(server, ["team/app"])


def configured(program: servers.Program, home: Path) -> Settings:
    """What entrepot makes of a program's configuration."""
    file = home / "config.yml"
    file.write_text(program.template.format(data=home / "data", port=1234, debug_port=1235, home=home, user=""))
    return load(file, {}).settings


def test_variants_differ_in_what_they_are_named_for(tmp_path: Path) -> None:
    """Each has the section that it is made for, in a directory whose name holds braces, and the rest as without."""
    home = tmp_path / "in {braces}"
    home.mkdir()
    issuer = tokens.Issuer.make(home)
    plain = configured(servers.ENTREPOT, home)
    assert plain.auth is None
    assert plain.http.tls is None
    for program, kind in (
        (variants.with_htpasswd(servers.ENTREPOT, home, "puller", "secret"), HtpasswdSettings),
        (variants.with_token(servers.ENTREPOT, issuer), TokenSettings),
        (variants.with_accounts(servers.ENTREPOT), AccountsSettings),
    ):
        settings = configured(program, home)
        assert isinstance(settings.auth, kind)
        assert replace(settings, auth=None) == plain
    user, _, hashed = (home / "htpasswd").read_text().strip().partition(":")
    assert (user, hashed.split("$")[2]) == ("puller", str(variants.BCRYPT_COST))
    assert bcrypt.checkpw(b"secret", hashed.encode())
    secure = configured(variants.with_tls(servers.ENTREPOT, issuer.pair), home)
    assert secure.http.tls is not None
    assert replace(secure, http=replace(secure.http, tls=None)) == plain


def test_one_registry_in_two_configurations_has_two_names_and_places() -> None:
    """What the table calls it may hold blanks and commas, what its files are called may not."""
    program = variants.named(servers.ENTREPOT, "no auth")
    assert (program.name, program.place) == ("entrepot, no auth", "entrepot-no-auth")


ASKING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(open(sys.argv[1]).read())), Handler).serve_forever()
"""


def test_a_server_that_asks_for_credentials_is_ready(tmp_path: Path) -> None:
    """401 is an answer; what the server printed is kept."""
    program = servers.Program("asking", (sys.executable, "-c", ASKING), "", ("true",), template="{port}")
    server = servers.start(program, tmp_path / "home", tmp_path / "data", 30)
    try:
        assert server.origin == f"http://127.0.0.1:{server.port}"
        with server.connect() as connection:
            assert connection.request("GET", "/v2/").status == 401
        assert '"GET /v2/ HTTP/1.1" 401' in server.log.read_text()
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="apt-get install wrk")
def test_wrk_authorizes_the_requests_that_have_it(tmp_path: Path) -> None:
    """A line with a tab brings its header, a line without brings none; a path is asked for with no other's."""
    seen: set[tuple[str, str | None]] = set()

    class Handler(BaseHTTPRequestHandler):
        """Remembers what it is asked."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Any path is there."""
            seen.add((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Silence."""

    requests = tmp_path / "requests"
    requests.write_text("/a\tBearer for-a\n/b\tBasic for-b\n/c\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            wrk.run(f"http://127.0.0.1:{server.server_address[1]}", requests, wrk.Load(2, 1))
        finally:
            server.shutdown()
            thread.join()
    assert seen == {("/a", "Bearer for-a"), ("/b", "Basic for-b"), ("/c", None)}
