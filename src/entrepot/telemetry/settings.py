# SPDX-License-Identifier: Apache-2.0
"""Settings of logs, metrics and health checks: ``log``, ``health``, ``http.debug`` (compat.md 1.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "warn", "info", "debug"]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``log``: where the application log goes is fixed (stderr); the access log goes to stdout."""

    level: Level = "info"
    formatter: Literal["text", "json", "logstash"] = "text"
    fields: Mapping[str, object] = field(default_factory=dict)
    accesslog_disabled: bool = False
    reportcaller: bool = False


@dataclass(frozen=True, slots=True)
class StorageCheck:
    """``health.storagedriver``. ``interval`` in seconds; ``threshold`` consecutive failures before unhealthy."""

    enabled: bool = False
    interval: float = 10.0
    threshold: int = 0


@dataclass(frozen=True, slots=True)
class FileCheck:
    """``health.file[]``: unhealthy while ``file`` exists."""

    file: str
    interval: float = 10.0


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """``health.http[]``: a HEAD request to ``uri`` must answer ``statuscode``."""

    uri: str
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statuscode: int = 200
    timeout: float = 0.0
    interval: float = 10.0
    threshold: int = 0


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """``health.tcp[]``: a connection to ``addr`` (host:port) must succeed."""

    addr: str
    timeout: float = 0.0
    interval: float = 10.0
    threshold: int = 0


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """``health``: all checks. Timeouts of 0 mean none was configured."""

    storagedriver: StorageCheck = field(default_factory=StorageCheck)
    file: tuple[FileCheck, ...] = ()
    http: tuple[HttpCheck, ...] = ()
    tcp: tuple[TcpCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class DebugSettings:
    """``http.debug``: the address of the debug server; None where there is none."""

    addr: str | None = None
    prometheus_enabled: bool = False
    prometheus_path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """All that this room is told."""

    log: LogSettings = field(default_factory=LogSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    debug: DebugSettings = field(default_factory=DebugSettings)
