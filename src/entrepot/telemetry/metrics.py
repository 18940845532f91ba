# SPDX-License-Identifier: Apache-2.0
"""Request metrics, with distribution's names (compat.md 6.2).

Each process counts in plain memory (1 µs a request, where prometheus-client's shared files cost 10) and writes a
snapshot now and then; whoever is asked for ``/metrics`` adds up the snapshots of all processes, dead ones too, since
counters never go back.
"""

import json
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0)
SIZES = tuple(1024.0 * 2**power for power in range(22))

_PREFIX = "registry_http"


@dataclass(slots=True)
class Series:
    """All requests of one handler, method and code."""

    count: int = 0
    seconds: float = 0.0
    received: int = 0
    sent: int = 0
    durations: list[int] = field(default_factory=lambda: [0] * (len(DURATIONS) + 1))
    request_sizes: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))
    response_sizes: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))


class RequestMetrics:
    """What one process has answered."""

    def __init__(self) -> None:
        self._series: defaultdict[tuple[str, str, int], Series] = defaultdict(Series)
        self.in_flight = 0

    def observe(self, handler: str, method: str, code: int, seconds: float, received: int, sent: int) -> None:
        """One answered request; sizes are bytes of bodies."""
        series = self._series[handler, method, code]
        series.count += 1
        series.seconds += seconds
        series.received += received
        series.sent += sent
        series.durations[bisect_left(DURATIONS, seconds)] += 1
        series.request_sizes[0 if received <= 1024 else bisect_left(SIZES, received)] += 1
        series.response_sizes[0 if sent <= 1024 else bisect_left(SIZES, sent)] += 1

    def write(self, directory: Path) -> None:
        """Leave a snapshot for :class:`Snapshots`; replaces this process's last one."""
        document = {
            "in_flight": self.in_flight,
            "series": [
                [*key, s.count, s.seconds, s.received, s.sent, s.durations, s.request_sizes, s.response_sizes]
                for key, s in self._series.items()
            ],
        }
        temporary = directory / f".{os.getpid()}.tmp"
        temporary.write_text(json.dumps(document))
        temporary.rename(directory / f"{os.getpid()}.json")


class Snapshots(Collector):
    """The sum over all processes that wrote into ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        """The families of compat.md 6.2."""
        labels = ["handler", "method", "code"]
        in_flight, series = self._sum()
        flight = GaugeMetricFamily(f"{_PREFIX}_in_flight_requests", "The in-flight HTTP requests", labels=["handler"])
        flight.add_metric(["all"], in_flight)
        requests = CounterMetricFamily(f"{_PREFIX}_requests", "Total number of HTTP requests made.", labels=labels)
        durations = HistogramMetricFamily(
            f"{_PREFIX}_request_duration_seconds", "The HTTP request latencies in seconds.", labels=labels
        )
        received = HistogramMetricFamily(f"{_PREFIX}_request_size_bytes", "The HTTP request sizes.", labels=labels)
        sent = HistogramMetricFamily(f"{_PREFIX}_response_size_bytes", "The HTTP response sizes.", labels=labels)
        for (handler, method, code), one in sorted(series.items()):
            values = [handler, method, str(code)]
            requests.add_metric(values, one.count)
            durations.add_metric(values, _buckets(DURATIONS, one.durations), one.seconds)
            received.add_metric(values, _buckets(SIZES, one.request_sizes), one.received)
            sent.add_metric(values, _buckets(SIZES, one.response_sizes), one.sent)
        yield from (flight, requests, durations, received, sent)

    def _sum(self) -> tuple[int, dict[tuple[str, str, int], Series]]:
        in_flight = 0
        total: defaultdict[tuple[str, str, int], Series] = defaultdict(Series)
        for path in self._directory.glob("*.json"):
            document = json.loads(path.read_text())
            in_flight += document["in_flight"] if Path(f"/proc/{path.stem}").exists() else 0
            for handler, method, code, count, seconds, received, sent, *buckets in document["series"]:
                series = total[handler, method, code]
                series.count += count
                series.seconds += seconds
                series.received += received
                series.sent += sent
                kept = (series.durations, series.request_sizes, series.response_sizes)
                for mine, theirs in zip(kept, buckets, strict=True):
                    mine[:] = [a + b for a, b in zip(mine, theirs, strict=True)]
        return in_flight, total


def expose(directory: Path, *others: Collector) -> bytes:
    """The text that Prometheus reads: all snapshots in ``directory``, and what ``others`` count in this process."""
    registry = CollectorRegistry()
    for collector in (Snapshots(directory), *others):
        registry.register(collector)
    return generate_latest(registry)


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    cumulated: list[tuple[str, float]] = []
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        total += count
        cumulated.append(("+Inf" if bound == float("inf") else str(bound), total))
    return cumulated
