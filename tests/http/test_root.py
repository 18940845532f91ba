# SPDX-License-Identifier: Apache-2.0
"""What is not content: the root, the ping, liveness, readiness, health checks, headers and addresses as configured."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from entrepot import __version__
from support import images, transfer
from support.ports import free_port
from support.waiting import until
from support.wire import Wire, ask, request

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from conftest import StartServer

VERSION = "Docker-Distribution-Api-Version"


def test_the_ping(http: httpx.Client) -> None:
    """``/v2/`` answers 200 with ``{}`` as JSON and the version of the API, also without its last slash."""
    for path in ("/v2/", "/v2"):
        answer = http.get(path)
        assert (answer.status_code, answer.text) == (200, "{}\n")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers[VERSION] == "registry/2.0"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "image/*", "application/xhtml+xml"])
def test_the_root_is_json(http: httpx.Client, accept: str) -> None:
    """``/`` answers a JSON string of name and version to everyone who does not name text/html."""
    answer = http.get("/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == f"entrepot {__version__}"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert VERSION not in answer.headers


def test_the_root_is_html_when_asked(http: httpx.Client) -> None:
    """Who names text/html gets a page with the commands for this host, under a policy that runs nothing; a cache keeps
    the two apart.
    """
    answer = http.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"docker push {http.base_url.netloc.decode()}/IMAGE" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Accept" in answer.headers["Vary"]


def test_every_answer_has_a_request_id(http: httpx.Client) -> None:
    """Each answer, good or bad, carries an X-Request-Id that no other one has."""
    made = transfer.push(http, "ids", images.image(layers=1), "1")
    paths = [
        "/",
        "/v2/",
        "/nothing",
        "/v2/BAD/tags/list",
        "/v2/ids/manifests/1",
        f"/v2/ids/blobs/{made.blobs[0].digest}",
    ]
    seen = [http.get(path).headers["X-Request-Id"] for path in paths * 3]
    assert len(set(seen)) == len(seen)


def test_errors_carry_the_version(http: httpx.Client) -> None:
    """Answers below ``/v2/`` name the version of the API whatever their status; others do not."""
    for path in ("/v2/none", "/v2/BAD/tags/list", "/v2/x/manifests/none"):
        assert http.get(path).headers[VERSION] == "registry/2.0"
    assert http.post("/v2/").headers[VERSION] == "registry/2.0"
    assert VERSION not in http.get("/v1/search").headers


def test_alive_and_ready(http: httpx.Client) -> None:
    """``/healthz`` and ``/readyz`` answer 200 with JSON that no cache keeps."""
    ready = {"status": "ready", "failing": {}, "index": "complete"}
    until(lambda: http.get("/readyz").json() == ready, what="it is ready")
    for path, document in (("/healthz", {"status": "alive"}), ("/readyz", ready)):
        answer = http.get(path)
        assert (answer.status_code, answer.json()) == (200, document)
        assert answer.headers["Cache-Control"] == "no-store"


def test_storage_that_is_gone_makes_unready(start_server: StartServer) -> None:
    """With the data directory gone ``/readyz`` is 503 and names the check, pushes get 503 with Retry-After, while
    ``/healthz`` and the ping go on with 200.
    """
    server = start_server({"health": {"storagedriver": {"enabled": True, "interval": "100ms", "threshold": 1}}})
    http = server.client()
    assert http.get("/readyz").status_code == 200
    shutil.move(server.root, server.home / "moved")
    until(lambda: http.get("/readyz").status_code == 503, what="the check fails")
    assert "storagedriver_filesystem" in http.get("/readyz").json()["failing"]
    refused = http.post("/v2/x/blobs/uploads/")
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert "Retry-After" in refused.headers
    assert http.get("/healthz").status_code == 200
    assert http.get("/v2/").status_code == 200
    assert not server.root.exists()
    shutil.move(server.home / "moved", server.root)
    until(lambda: http.get("/readyz").status_code == 200, what="the check passes again")


def test_a_failing_file_check_stops_everything(start_server: StartServer, tmp_path: Path) -> None:
    """While the file of ``health.file`` exists every request to the API, the root included, gets 503 UNAVAILABLE that
    points to /debug/health, which names the check; liveness stays; when the file is gone all is as before.
    """
    switch, debug = tmp_path / "unhealthy", f"127.0.0.1:{free_port()}"
    config = {"health": {"file": [{"file": str(switch), "interval": "100ms"}]}, "http": {"debug": {"addr": debug}}}
    http = start_server(config).client()
    made = transfer.push(http, "healthy", images.image(layers=1), "1")
    page = f"http://{debug}/debug/health"
    until(lambda: http.get(page).json() == {}, what="the debug server answers")
    switch.touch()
    until(lambda: http.get("/v2/").status_code == 503, what="the check fails")
    blob = f"/v2/healthy/blobs/{made.blobs[0].digest}"
    for method, path in (
        *(("GET", "/v2/"), ("GET", "/"), ("GET", "/v2/_catalog"), ("GET", "/v2/healthy/manifests/1"), ("GET", blob)),
        *(("POST", "/v2/healthy/blobs/uploads/"), ("DELETE", "/v2/healthy/manifests/1"), ("GET", "/readyz")),
    ):
        answer = http.request(method, path)
        assert answer.status_code == 503, path
        if path != "/readyz":
            [error] = answer.json()["errors"]
            assert error["code"] == "UNAVAILABLE"
            assert error["detail"] == "health check failed: please see /debug/health"
    failing = http.get(page)
    assert (failing.status_code, failing.json()) == (503, {str(switch): "file exists"})
    assert http.get("/healthz").status_code == 200
    switch.unlink()
    until(lambda: http.get("/v2/").status_code == 200, what="the check passes again")
    transfer.assert_serves(http, "healthy", made, ["1"])


def test_metrics_of_all_workers(start_server: StartServer) -> None:
    """The debug server counts what every worker answered, under distribution's names, at the path configured."""
    debug = f"127.0.0.1:{free_port()}"
    config = {"http": {"debug": {"addr": debug, "prometheus": {"enabled": True, "path": "/numbers"}}}}
    server = start_server(config)
    http = server.client()
    for _ in range(10):
        fresh = server.client()
        fresh.get("/v2/none/manifests/1")
        fresh.close()
    line = 'registry_http_requests_total{code="404",handler="manifest",method="get"} 10.0'
    until(lambda: line in http.get(f"http://{debug}/numbers").text, what="all ten are counted")
    assert "registry_http_request_duration_seconds_bucket" in http.get(f"http://{debug}/numbers").text
    assert http.get(f"http://{debug}/metrics").status_code == 404
    assert http.get("/metrics").status_code == 404


def test_the_access_log(start_server: StartServer) -> None:
    """Each request is one line in Apache's combined format; nothing from outside ends a line or a field."""
    server = start_server()
    evil = ('User-Agent: evil" 200 0', "Referer: http://x/\xff\t")
    ask(server.host, request("GET", "/v2/none/tags/list?n=5", *evil))
    line = until(
        lambda: [each for each in server.log().splitlines() if '"GET /v2/none/tags/list?n=5 HTTP/1.1" 404 ' in each],
        what="the line is written",
    )
    assert len(line) == 1
    assert line[0].startswith("127.0.0.1 - - [")
    assert line[0].count('"') == 6
    assert "evil" in line[0]


def test_the_access_log_says_what_other_logs_say(start_server: StartServer) -> None:
    """On a socket for both families IPv4 is written as people know it, and HTTP/1.0 as HTTP/1.0."""
    port = free_port()
    server = start_server({"http": {"addr": f"[::]:{port}"}})
    with Wire(f"127.0.0.1:{port}") as wire:
        assert wire.send(b"GET /v2/none/tags/list HTTP/1.0\r\nHost: x\r\n\r\n").reply().status == 404
    line = until(
        lambda: [each for each in server.log().splitlines() if '"GET /v2/none/tags/list HTTP/1.0" 404 ' in each],
        what="the line is written",
    )
    assert line[0].startswith("127.0.0.1 - - [")


def test_the_log_of_an_error_has_the_id_of_the_answer(start_server: StartServer) -> None:
    """With ``log.level: debug`` and JSON a refusal is a line with the request's id, method and path."""
    server = start_server({"log": {"level": "debug", "formatter": "json", "fields": {"site": "here"}}})
    answer = server.client().get("/v2/BAD/tags/list")

    def told() -> list[dict[str, object]]:
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("http.request.id") == answer.headers["X-Request-Id"]]

    [line] = until(told, what="the refusal is logged")
    expected = {"http.request.method": "GET", "http.request.uri": "/v2/BAD/tags/list", "err.code": "name_invalid"}
    assert {name: line.get(name) for name in expected} == expected
    assert line["site"] == "here"
