# SPDX-License-Identifier: Apache-2.0
"""Metrics of the delivery of events, with the names of distribution 3 (compat.md 6.2); ``dropped`` is ours."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PREFIX = "registry_notifications"


@dataclass(slots=True)
class EndpointCounts:
    """What became of the events for one endpoint.

    ``events`` are those begun to be told, ``failures`` answers that refused one, ``errors`` attempts without an answer.
    """

    pending: int = 0
    events: int = 0
    successes: int = 0
    failures: int = 0
    errors: int = 0
    dropped: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class EventMetrics(Collector):
    """The counts of all endpoints; read by another thread than the one that counts."""

    def __init__(self) -> None:
        self._endpoints: dict[str, EndpointCounts] = {}

    def endpoint(self, name: str) -> EndpointCounts:
        """Where to count for an endpoint."""
        return self._endpoints.setdefault(name, EndpointCounts())

    def collect(self) -> Iterator[Metric]:
        """The families, each with a series for each endpoint."""
        labels = ["type", "endpoint"]
        events = CounterMetricFamily(f"{_PREFIX}_events", "The number of total events", labels=labels)
        pending = GaugeMetricFamily(
            f"{_PREFIX}_pending_total", "The gauge of pending events in queue", labels=labels[1:]
        )
        status = CounterMetricFamily(f"{_PREFIX}_status", "The number of status code", labels=["code", "endpoint"])
        dropped = CounterMetricFamily(f"{_PREFIX}_dropped", "Events that an endpoint will not get", labels=labels[1:])
        for name, counts in sorted(dict(self._endpoints).items()):
            for kind in ("Events", "Successes", "Failures", "Errors"):
                events.add_metric([kind, name], getattr(counts, kind.lower()))
            for code, number in sorted(dict(counts.statuses).items()):
                status.add_metric([_describe(code), name], number)
            pending.add_metric([name], counts.pending)
            dropped.add_metric([name], counts.dropped)
        yield from (events, pending, status, dropped)


def _describe(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} "
