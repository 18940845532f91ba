# SPDX-License-Identifier: Apache-2.0
"""TLS as clients meet it: curl with and without the authority, both versions of HTTP, uploads and downloads."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from support import images, programs, transfer
from support.certificates import PairFiles, issue, self_sign
from support.ports import free_port
from support.server import Server, run_entrepot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartServer

VERSIONS = ("--http1.1", "--http2")
BLOB = os.urandom(9_000_000)
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> PairFiles:
    """A certificate for 127.0.0.1 and localhost."""
    return issue(tmp_path_factory.mktemp("certs"), "127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def secure(pair: PairFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with that certificate, which `httpx` trusts."""
    with Server(tmp_path_factory.mktemp("tls") / "server", pair.config, ca=pair.ca) as server:
        yield server


def curl(*arguments: str | Path, ca: Path | None = None, fails: bool = False) -> str:
    """What curl prints; it trusts ``ca`` alone, or the machine's authorities."""
    trusted: list[str | Path] = ["--cacert", ca] if ca else []
    return programs.run(["curl", "-sS", *trusted, *arguments], fails=fails)


def handshake(server: Server, pair: PairFiles, version: ssl.TLSVersion | None = None, *protocols: str) -> ssl.SSLSocket:
    """A connection, of this version of TLS alone, that offers these protocols."""
    context = ssl.create_default_context(cafile=pair.ca)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(list(protocols))
    host, _, port = server.host.rpartition(":")
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=10), server_hostname=host)


def test_curl_with_and_without_the_authority(secure: Server, pair: PairFiles) -> None:
    """With --cacert it answers, by address and by name; without, curl refuses; nothing is answered in the clear."""
    assert curl(f"{secure.url}/v2/", ca=pair.ca) == "{}\n"
    assert curl(f"{secure.url.replace('127.0.0.1', 'localhost')}/v2/", ca=pair.ca) == "{}\n"
    assert "certificate problem" in curl(f"{secure.url}/v2/", fails=True)
    assert curl("--insecure", f"{secure.url}/v2/") == "{}\n"
    curl(f"http://{secure.host}/v2/", fails=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_uploads_and_downloads(secure: Server, pair: PairFiles, tmp_path: Path, version: str) -> None:
    """A blob comes in one PATCH, with Expect: 100-continue, is closed by PUT, and goes out as a file, byte for byte."""
    (tmp_path / "blob").write_bytes(BLOB)
    url = f"{secure.url}/v2/tls/{version.strip('-').replace('.', '')}"
    headers = tmp_path / "headers"
    curl(version, "-X", "POST", "-D", headers, f"{url}/blobs/uploads/", ca=pair.ca)
    location = _header(headers, "location")
    assert location.startswith("/v2/")
    stream: list[str | Path] = [
        "-X",
        "PATCH",
        "-T",
        tmp_path / "blob",
        "-H",
        "Expect: 100-continue",
        "-H",
        "Content-Type: application/octet-stream",
    ]
    curl(version, *stream, "-D", headers, f"{secure.url}{location}", ca=pair.ca)
    assert _header(headers, "range") == f"0-{len(BLOB) - 1}"
    location = _header(headers, "location")
    close = ["-X", "PUT", "-w", "%{http_code} %{http_version}"]
    glue = "&" if "?" in location else "?"
    said = curl(version, *close, f"{secure.url}{location}{glue}digest={DIGEST}", ca=pair.ca)
    assert said == f"201 {'2' if version == '--http2' else '1.1'}"
    curl(version, "-o", tmp_path / "got", f"{url}/blobs/{DIGEST}", ca=pair.ca)
    assert (tmp_path / "got").read_bytes() == BLOB


def _header(path: Path, name: str) -> str:
    """The last header of this name that curl wrote down."""
    lines = [line.partition(":") for line in path.read_text().splitlines()]
    return [value.strip() for key, _, value in lines if key.lower() == name][-1]


def test_a_push(secure: Server) -> None:
    """A whole image over HTTP/1.1, as other clients do it."""
    made = transfer.push(secure.client(), "tls/image", images.image(), "1.0")
    transfer.assert_serves(secure.client(), "tls/image", made, ["1.0"])


@pytest.mark.parametrize("options", [(), ("-H", "Expect: 100-continue")], ids=["at once", "expect"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_body(
    secure: Server, pair: PairFiles, version: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    """It is answered in the registry's JSON over both versions, also where the client first asks whether to send it; of
    a body that is longer than what is read of it (8 MiB) the end may be a broken stream to a client of HTTP/2.
    """
    (tmp_path / "body").write_bytes(b"x" * 5_000_000)
    put: list[str | Path] = [version, "-X", "PUT", "-T", tmp_path / "body", *options]
    said = curl(*put, f"{secure.url}/v2/tls/UPPER/manifests/x", ca=pair.ca)
    assert json.loads(said)["errors"][0]["code"] == "NAME_INVALID"


def test_https_is_the_scheme(secure: Server) -> None:
    """What the registry says of itself, in the start message, begins with https."""
    assert f"listens on  https://{secure.host}/" in secure.log()
    assert "plain HTTP" not in secure.log()


def test_versions(secure: Server, pair: PairFiles) -> None:
    """TLS 1.2 and 1.3 are spoken unasked, 1.1 is not; HTTP/2 is chosen where it is offered."""
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with handshake(secure, pair, version, "h2", "http/1.1") as connection:
            assert connection.version() == name
            assert connection.selected_alpn_protocol() == "h2"
    with handshake(secure, pair, None, "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    old = ["--tlsv1.1", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"]
    assert "alert" in curl(*old, f"{secure.url}/v2/", ca=pair.ca, fails=True)


def test_minimum_and_no_http2(start_server: StartServer, pair: PairFiles) -> None:
    """`minimumtls: tls1.3` refuses 1.2; with `http2.disabled` nobody gets HTTP/2, and HTTP/1.1 works."""
    http = {"tls": {**pair.tls, "minimumtls": "tls1.3"}, "http2": {"disabled": True}}
    server = start_server({"http": http}, ca=pair.ca, workers=1)
    with pytest.raises(ssl.SSLError):
        handshake(server, pair, ssl.TLSVersion.TLSv1_2)
    with handshake(server, pair, ssl.TLSVersion.TLSv1_3, "h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    said = curl("--http2", "-o", os.devnull, "-w", "%{http_version}", f"{server.url}/v2/", ca=pair.ca)
    assert said == "1.1"


def test_client_certificates(pair: PairFiles, tmp_path: Path) -> None:
    """With clientcas only clients with a certificate of one of them are answered: the second file counts, too."""
    others, clients = issue(tmp_path / "others"), tmp_path / "clients"
    ours = self_sign(clients, "-subj", "/CN=Clients", recipe=("-newkey", "rsa:2048", "-nodes", "-days", "9"))
    key, request, certificate = clients / "me.key", clients / "me.csr", clients / "me.crt"
    new: list[str | Path] = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=me", "-keyout", key, "-out", request]
    programs.run(["openssl", "req", "-new", *new])
    (clients / "ext").write_text("extendedKeyUsage=clientAuth\n")
    signing: list[str | Path] = [
        "-CA",
        ours.certificate,
        "-CAkey",
        ours.key,
        "-CAcreateserial",
        "-extfile",
        clients / "ext",
    ]
    programs.run(["openssl", "x509", "-req", "-in", request, "-out", certificate, "-days", "9", *signing])
    tls = {**pair.tls, "clientcas": [str(others.ca), str(ours.certificate)]}
    server = Server(tmp_path / "server", {"http": {"tls": tls}}, workers=1, ca=pair.ca)
    shown: list[str | Path] = ["--cert", certificate, "--key", key]
    server._answers = lambda: _succeeds(*shown, f"{server.url}/v2/", ca=pair.ca)  # type: ignore[method-assign]
    with server:
        assert curl(*shown, f"{server.url}/v2/", ca=pair.ca) == "{}\n"
        curl(f"{server.url}/v2/", ca=pair.ca, fails=True)
        stranger = issue(tmp_path / "stranger")
        curl("--cert", stranger.certificate, "--key", stranger.key, f"{server.url}/v2/", ca=pair.ca, fails=True)


def _succeeds(*arguments: str | Path, ca: Path) -> bool:
    try:
        curl(*arguments, ca=ca)
    except programs.Failed:
        return False
    return True


def test_the_usual_recipe_is_named(tmp_path: Path) -> None:
    """The certificate of the old recipe is served, since people have it, and named with the command that mends it."""
    files = self_sign(tmp_path / "certs", "-subj", "/CN=registry.example.com")
    server = Server(tmp_path / "server", files.config, workers=1)
    server._answers = lambda: _succeeds("--insecure", f"{server.url}/v2/", ca=files.ca)  # type: ignore[method-assign]
    with server:
        assert "has no subject alternative name" in server.log()
        assert f"entrepot cert init --force --config {server.config_path} registry.example.com" in server.log()


def test_what_cannot_be_served_stops_the_start(pair: PairFiles, tmp_path: Path) -> None:
    """A key of another certificate: one sentence that names both files, status 1, nothing is listened on."""
    other = issue(tmp_path / "other")
    config = tmp_path / "config.yml"
    tls = {"certificate": str(pair.certificate), "key": str(other.key)}
    http = {"addr": f"127.0.0.1:{free_port()}", "tls": tls}
    config.write_text(
        json.dumps({"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(tmp_path / "d")}}, "http": http})
    )
    (tmp_path / "d").mkdir()
    done = run_entrepot("serve", config)
    assert done.returncode == 1
    [said] = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert f"the key {other.key} is not that of the certificate {pair.certificate}" in said
    assert "Traceback" not in done.stderr


def test_the_authority_is_offered(secure: Server, pair: PairFiles, tmp_path: Path) -> None:
    """`/ca.crt` is what clients are to trust, `/ca.sh` the script for the very host that was asked, which a shell runs;
    with what it wrote curl trusts the registry.
    """
    client = secure.client()
    answer = client.get("/ca.crt")
    assert answer.content == pair.ca.read_bytes()
    assert answer.headers["Content-Type"] == "application/x-pem-file"
    script = tmp_path / "ca.sh"
    script.write_text(curl("--insecure", f"{secure.url}/ca.sh"))
    programs.run(["/bin/sh", script], env={"CERTS_D": str(tmp_path / "certs.d")})
    assert curl(f"{secure.url}/v2/", ca=tmp_path / "certs.d" / secure.host / "ca.crt") == "{}\n"
    assert client.get("/ca.sh").headers["Content-Type"] == "text/plain; charset=utf-8"
    named = curl("--http2", "-H", "Host: hub.example.com:5000", f"{secure.url}/ca.sh", ca=pair.ca)
    assert "certs.d}/hub.example.com:5000" in named


@pytest.mark.parametrize("host", ["a;id", "$(id)", "a/../../etc", "a'b", "`id`"])
def test_no_script_for_what_is_no_host(secure: Server, host: str) -> None:
    """What a shell would take for more than a host gets a refusal, and is not repeated."""
    answer = secure.client().get("/ca.sh", headers={"Host": host})
    assert answer.status_code == 400
    assert host not in answer.text
    assert "certs.d" not in answer.text


def test_no_authority_to_offer(http: httpx.Client, start_server: StartServer, tmp_path: Path) -> None:
    """Without TLS, or where the certificate comes from elsewhere, both are 404 with the reason."""
    files = issue(tmp_path / "certs")
    leaf, end, _ = files.certificate.read_text().partition("-----END CERTIFICATE-----\n")
    files.certificate.write_text(leaf + end)
    away = files.ca.rename(tmp_path / "away.crt")
    elsewhere = start_server(files.config, ca=away, workers=1).client()
    for client, reason in ((http, "serves no TLS"), (elsewhere, "an authority elsewhere")):
        for path in ("/ca.crt", "/ca.sh"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert reason in answer.text
        assert client.get("/v2/").status_code == 200
