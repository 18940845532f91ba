# SPDX-License-Identifier: Apache-2.0
"""Metrics: the sum over the snapshots of all processes, in Prometheus' text."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from entrepot.telemetry.metrics import RequestMetrics, expose

CHILD = """
import sys
from pathlib import Path
from entrepot.telemetry.metrics import RequestMetrics
metrics = RequestMetrics()
metrics.in_flight = 5
for seconds in (0.003, 0.02, 100.0):
    metrics.observe("manifest", "get", 200, seconds, 0, 500)
metrics.observe("blob", "head", 404, 0.001, 0, 0)
metrics.write(Path(sys.argv[1]))
print("written", flush=True)
sys.stdin.read()
"""

MANIFEST = {"handler": "manifest", "method": "get", "code": "200"}


def samples(directory: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Everything that is exposed, by name and labels."""
    text = expose(directory).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(directory: Path, name: str, **labels: str) -> float | None:
    """One exposed value."""
    return samples(directory).get((f"registry_http_{name}", frozenset(labels.items())))


def start_child(directory: Path) -> "subprocess.Popen[bytes]":
    """Another process that has answered four requests and has five under way."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    return child


def test_nothing_yet(tmp_path: Path) -> None:
    """Before the first request there is no count, and nothing is under way."""
    assert value(tmp_path, "requests_total", **MANIFEST) is None
    assert value(tmp_path, "in_flight_requests", handler="all") == 0


def test_one_process(tmp_path: Path) -> None:
    """Counts, durations and sizes of one process; a newer snapshot replaces the older."""
    metrics = RequestMetrics()
    metrics.write(tmp_path)
    metrics.observe("manifest", "get", 200, 0.02, 100, 2000)
    metrics.in_flight = 2
    for _ in range(2):
        metrics.write(tmp_path)
    assert value(tmp_path, "requests_total", **MANIFEST) == 1
    assert value(tmp_path, "in_flight_requests", handler="all") == 2
    assert value(tmp_path, "request_duration_seconds_sum", **MANIFEST) == 0.02
    assert value(tmp_path, "request_size_bytes_sum", **MANIFEST) == 100
    assert value(tmp_path, "response_size_bytes_sum", **MANIFEST) == 2000
    assert value(tmp_path, "response_size_bytes_bucket", **MANIFEST, le="1024.0") == 0
    assert value(tmp_path, "response_size_bytes_bucket", **MANIFEST, le="2048.0") == 1


def test_several_processes(tmp_path: Path) -> None:
    """Counts are summed over all processes; of one that died its counts stay and its open requests go."""
    metrics = RequestMetrics()
    metrics.in_flight = 1
    metrics.observe("manifest", "get", 200, 0.02, 0, 500)
    metrics.write(tmp_path)
    with start_child(tmp_path) as child:
        assert value(tmp_path, "in_flight_requests", handler="all") == 6
        child.communicate()
    assert value(tmp_path, "in_flight_requests", handler="all") == 1
    assert value(tmp_path, "requests_total", **MANIFEST) == 4
    assert value(tmp_path, "requests_total", handler="blob", method="head", code="404") == 1
    buckets = [
        value(tmp_path, "request_duration_seconds_bucket", **MANIFEST, le=le) for le in ("0.005", "0.025", "60.0")
    ]
    assert buckets == [1, 3, 3]
    assert value(tmp_path, "request_duration_seconds_bucket", **MANIFEST, le="+Inf") == 4
    assert value(tmp_path, "request_duration_seconds_count", **MANIFEST) == 4


def test_sizes_up_to_gigabytes(tmp_path: Path) -> None:
    """Bodies of any size are counted, the largest in the last bucket."""
    metrics = RequestMetrics()
    for size in (0, 1024, 1025, 5 << 30, 1 << 50):
        metrics.observe("manifest", "get", 200, 0.0, size, size)
    metrics.write(tmp_path)
    assert value(tmp_path, "request_size_bytes_bucket", **MANIFEST, le="1024.0") == 2
    assert value(tmp_path, "request_size_bytes_bucket", **MANIFEST, le="2048.0") == 3
    assert value(tmp_path, "request_size_bytes_bucket", **MANIFEST, le="+Inf") == 5
