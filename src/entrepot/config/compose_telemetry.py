# SPDX-License-Identifier: Apache-2.0
"""The settings of logs, health checks and the debug server."""

from typing import cast

from entrepot.config.check import View
from entrepot.config.composition import Composition
from entrepot.config.values import address_text
from entrepot.telemetry.settings import (
    DebugSettings,
    FileCheck,
    HealthSettings,
    HttpCheck,
    Level,
    LogSettings,
    StorageCheck,
    TcpCheck,
    TelemetrySettings,
)


def telemetry(composition: Composition) -> TelemetrySettings:
    """``log``, ``health`` and ``http.debug``."""
    return TelemetrySettings(_log(composition), _health(composition), _debug(composition))


def _log(composition: Composition) -> LogSettings:
    view = composition.view
    levels: tuple[Level, ...] = ("error", "warn", "info", "debug")
    # ``loglevel`` is the deprecated name; where both stand, ``log.level`` counts.
    deprecated = view.said("loglevel") is not None and view.said("log.level") is None
    return LogSettings(
        level=view.word("loglevel" if deprecated else "log.level", levels),
        formatter=view.word("log.formatter", ("text", "json", "logstash")),
        fields=cast("dict[str, object]", view.find("log.fields", dict) or {}),
        accesslog_disabled=view.get("log.accesslog.disabled", bool),
        reportcaller=view.get("log.reportcaller", bool),
    )


def _health(composition: Composition) -> HealthSettings:
    view = composition.view
    return HealthSettings(
        storagedriver=StorageCheck(
            enabled=view.get("health.storagedriver.enabled", bool),
            interval=view.get("health.storagedriver.interval", float),
            threshold=view.get("health.storagedriver.threshold", int),
        ),
        file=tuple(
            FileCheck(composition.required(item, "file"), item.get("interval", float))
            for item in view.items("health.file")
        ),
        http=tuple(_http_check(composition, item) for item in view.items("health.http")),
        tcp=tuple(
            TcpCheck(
                addr=composition.required(item, "addr"),
                timeout=item.find("timeout", float) or 0.0,
                interval=item.get("interval", float),
                threshold=item.get("threshold", int),
            )
            for item in view.items("health.tcp")
        ),
    )


def _http_check(composition: Composition, item: View) -> HttpCheck:
    return HttpCheck(
        uri=composition.required(item, "uri"),
        headers=cast("dict[str, tuple[str, ...]]", item.find("headers", dict) or {}),
        statuscode=item.get("statuscode", int) or 200,
        timeout=item.find("timeout", float) or 0.0,
        interval=item.get("interval", float),
        threshold=item.get("threshold", int),
    )


def _debug(composition: Composition) -> DebugSettings:
    view = composition.view
    addr = composition.converted("http.debug.addr", address_text)
    enabled = view.get("http.debug.prometheus.enabled", bool)
    if enabled and addr is None:
        composition.warn("http.debug.prometheus.enabled", "metrics are served nowhere without http.debug.addr")
    return DebugSettings(
        addr=addr,
        prometheus_enabled=enabled,
        prometheus_path=view.get("http.debug.prometheus.path", str) or "/metrics",
    )
