# SPDX-License-Identifier: Apache-2.0
"""The pieces of the benchmark do what its table claims; nothing here looks at a clock."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import data, errors, machine, process, pushes, rows, servers, table, wire, wrk

SHAPE = data.Shape(repositories=3, tags_each=2)


def test_data_has_the_layout_of_distribution(tmp_path: Path) -> None:
    """Every tag leads through its links to a manifest whose bytes have that digest, and whose blobs are there."""
    data.write_registry(tmp_path, SHAPE)
    base = tmp_path / "docker/registry/v2"
    seen = set()
    for name in SHAPE.names():
        home = base / "repositories" / name
        for tag in SHAPE.tag_names():
            digest = (home / "_manifests/tags" / tag / "current/link").read_text()
            hex_ = digest.removeprefix("sha256:")
            assert (home / "_manifests/tags" / tag / "index/sha256" / hex_ / "link").read_text() == digest
            assert (home / "_manifests/revisions/sha256" / hex_ / "link").read_text() == digest
            content = (base / "blobs/sha256" / hex_[:2] / hex_ / "data").read_bytes()
            assert hashlib.sha256(content).hexdigest() == hex_
            document = json.loads(content)
            for blob in (document["config"], *document["layers"]):
                of = blob["digest"].removeprefix("sha256:")
                assert (home / "_layers/sha256" / of / "link").read_text() == blob["digest"]
                assert (base / "blobs/sha256" / of[:2] / of / "data").stat().st_size == blob["size"]
            seen.add(digest)
    assert len(seen) == SHAPE.tags == len(list(SHAPE.manifest_paths()))


def test_repository_names_have_one_order() -> None:
    """Names sort alike as text and path by path, so that `last` means the same to every registry."""
    names = data.Shape(1_234, 1).names()
    assert names == sorted(names) == sorted(names, key=lambda name: name.split("/"))


FIGURES = (
    "Running 1s test @ http://127.0.0.1:1\n"
    "figures requests=4000 duration_us=2000000 bytes=1 p50_us=1500 p99_us=20000 max_us=1 "
    "socket_errors={socket} status_errors={status}\n"
)


def test_wrk_figures_are_read() -> None:
    """Rate and latencies come out in requests a second and milliseconds."""
    figures = wrk.parse(FIGURES.format(socket=0, status=0))
    assert (figures.rate, figures.p50_ms, figures.p99_ms) == (2000, 1.5, 20)


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (FIGURES.format(socket=1, status=2), "3 of 4000 requests failed"),
        (FIGURES.format(socket=0, status=0).replace("requests=4000", "requests=0"), "no request was answered"),
        ("unable to connect\n", "printed no figures: unable to connect"),
    ],
)
def test_wrk_failures_spoil_the_run(output: str, complaint: str) -> None:
    """A run in which requests failed gives no figures."""
    with pytest.raises(errors.BenchError, match=complaint):
        wrk.parse(output)


LINES = [
    table.Line("get", "/s", (table.Reading("entrepot", 30_000.0, p99_ms=2.5), table.Reading("peer", 2_000.0)), "10x"),
    table.Line(
        "pull",
        "s/GB",
        (
            table.Reading("entrepot", 0.5),
            table.Reading("peer", 1.0),
            table.Reading("nginx", problem="nginx is not installed"),
        ),
        higher_is_better=False,
    ),
]


def test_table_compares_and_names_what_is_missing() -> None:
    """Ratios say how many times better entrepot is, in both directions; a reading that is missing says why."""
    drawn = table.render(LINES).splitlines()
    assert len({len(row) for row in drawn if row.startswith("|")}) == 1
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in drawn if row.startswith("|")]
    assert cells[2][:5] == ["get", "entrepot", "30,000 /s", "15.0x", "10x"]
    assert cells[4][:4] == ["pull", "entrepot", "0.50 s/GB", "2.00x peer"]
    assert cells[6][1:3] == ["nginx", "not measured [1]"]
    assert drawn[-1] == "- [1] pull, nginx: nginx is not installed"


def test_relative_values_are_compared_by_what_they_stand_for() -> None:
    """Where a value is a growth, the ratio is made of what grew."""
    mine, theirs = table.Reading("entrepot", 4.0, compared=8.0), table.Reading("peer", 2.0, compared=80.0)
    assert table.Line("p99", "x", (mine, theirs), higher_is_better=False).ratio(theirs) == 10


def test_percentiles() -> None:
    """The p-th percentile is the smallest value that p of the values do not exceed."""
    numbers = [float(n) for n in range(1, 101)]
    assert [table.percentile(numbers, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert table.percentile([7.0], 0.99) == 7


def test_newest_table_replaces_the_one_before(tmp_path: Path) -> None:
    """Only what stands between the markers changes, and a page without them is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"above\n{table.BEGIN}\nold\n{table.END}\nbelow\n")
    table.write_between_markers(page, "new\n")
    assert page.read_text() == f"above\n{table.BEGIN}\nnew\n{table.END}\nbelow\n"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="markers"):
        table.write_between_markers(page, "new")


def test_streams_have_the_digest_of_their_bytes() -> None:
    """The digest computed from the common part is that of all bytes, and no two streams are alike."""
    first, second = pushes.Stream(3 << 20), pushes.Stream(3 << 20)
    content = b"".join(first.pieces())
    assert len(content) == 3 << 20
    assert first.digest == f"sha256:{hashlib.sha256(content).hexdigest()}" != second.digest


def test_process_tree_is_measured() -> None:
    """A child is found under its parent, and memory and CPU of the tree are more than nothing."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        family = process.tree(os.getpid())
        assert next(iter(family)) == os.getpid()
        assert family[child.pid].parent == os.getpid()
        assert process.lives(child.pid, family[child.pid])
        with process.Meter(os.getpid()) as meter:
            pass
        assert meter.usage.peak_bytes > 0
        assert process.cpu_seconds(os.getpid()) > 0
    finally:
        child.terminate()
        child.wait()
    assert not process.lives(child.pid, family[child.pid])


@pytest.fixture
def answering() -> Iterator[tuple[int, list[bytes]]]:
    """A server for one connection that gives prepared answers and keeps what it was sent."""
    located = b"Location: http://h:1/v2/a/b?_state=x\r\nContent-Length: 0\r\n\r\n"
    answers = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n" + located,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ]
    ends = (b"0\r\n\r\n", b"\r\n\r\n")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                for answer, end in zip(answers, ends, strict=True):
                    asked = b""
                    while not asked.endswith(end):
                        asked += peer.recv(65536)
                    heard.append(asked)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join()


def test_wire_speaks_http(answering: tuple[int, list[bytes]]) -> None:
    """Bodies go out and come in chunked, an interim answer is passed over, Location loses scheme and host."""
    port, heard = answering
    with wire.Connection(port) as connection:
        answer = connection.request_chunked("PATCH", "/x", [b"hello"], Content_Type="a/b").expect(202, "a patch")
        assert answer.location() == "/v2/a/b?_state=x"
        assert connection.request("GET", "/y").body == b"abcde"
    assert heard[0].startswith(b"PATCH /x HTTP/1.1\r\n")
    assert heard[0].endswith(b"Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def test_missing_program_says_what_to_install(tmp_path: Path) -> None:
    """A server that is not installed, or ends at once, is an error with the remedy or its last words."""
    absent = servers.registry("absent", "no-such-registry", "apt-get install absent")
    with pytest.raises(errors.BenchError, match="no-such-registry is not installed: apt-get install absent"):
        servers.start(absent, tmp_path / "home", tmp_path / "data", 1)
    refusing = servers.Program("refusing", ("sh", "-c", "echo no such thing; exit 3"), "", ("true",))
    with pytest.raises(errors.BenchError, match="did not start, exit status 3: no such thing"):
        servers.start(refusing, tmp_path / "home", tmp_path / "data", 10)


def test_a_full_disk_is_refused_before_the_run(tmp_path: Path) -> None:
    """More than the disk has free is not begun."""
    disk = machine.Disk.of(tmp_path)
    disk.require(1, 1, tmp_path)
    with pytest.raises(errors.BenchError, match="name another disk with --dir"):
        disk.require(1 << 60, 1, tmp_path)


@pytest.mark.parametrize("arguments", [["--rows", "no-such-row"], ["--write", "--short"], ["--dir", "/no/such/place"]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    """A row or directory that does not exist, or a table of a partial run for the page, ends with usage."""
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2


@pytest.mark.peers
@pytest.mark.skipif(
    not (shutil.which("docker-registry") and shutil.which("wrk")), reason="apt-get install docker-registry wrk"
)
@pytest.mark.parametrize(
    ("registry", "row"),
    [
        ("docker-registry", "get-hot,push-blob"),
        ("docker-registry", "get-htpasswd,get-token,get-tls,pull-tls"),
        ("entrepot", "get-token,pull-tls"),
    ],
)
def test_a_short_run_measures(registry: str, row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run over one registry gives figures for rows of wrk, pushes and pulls, and leaves nothing."""
    arguments = ["--short", "--rows", row, "--only", registry, "--dir", str(tmp_path)]
    assert command.main(arguments) == 0
    drawn = capsys.readouterr().out
    assert registry in drawn
    assert "not measured" not in drawn
    assert list(tmp_path.iterdir()) == []


def test_every_row_is_explained() -> None:
    """The page beside the benchmark has a line for each row."""
    page = Path(table.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert [name for name in rows.ROWS if f"| `{name}` |" not in page] == []
