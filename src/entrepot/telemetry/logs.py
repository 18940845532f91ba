# SPDX-License-Identifier: Apache-2.0
"""The application log (stderr) and the access log (stdout), in distribution's formats (compat.md 6.3)."""

import contextlib
import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import MutableMapping
from datetime import UTC, datetime

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from entrepot.telemetry.settings import LogSettings

_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
_NAMES = {"warning": "warning", "critical": "fatal"}

Logger = structlog.typing.FilteringBoundLogger

WAITING = 4 * 1024 * 1024
"""Characters of the access log that wait to be written at most, some 30,000 lines."""


class _Writer(structlog.WriteLogger):
    """Drops a line that cannot be written (a closed pipe, a full disk): what is told must never hinder what is done."""

    def msg(self, message: str) -> None:
        """Write a line, or not."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def configure_logs(settings: LogSettings) -> Logger:
    """Set up this process's log and return it. Messages are constant; facts go in as fields."""
    renderer: Processor = {"text": _render_text, "json": _json("time"), "logstash": _json("@timestamp")}[
        settings.formatter
    ]
    structlog.configure(
        processors=[_add_fixed(settings), _flatten_error, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=lambda *_: _Writer(sys.stderr) if sys.stderr else structlog.ReturnLogger(),
        cache_logger_on_first_use=False,
    )
    logger: Logger = structlog.get_logger()
    return logger


def _add_fixed(settings: LogSettings) -> Processor:
    caller = structlog.processors.CallsiteParameterAdder(
        {structlog.processors.CallsiteParameter.PATHNAME, structlog.processors.CallsiteParameter.LINENO},
        additional_ignores=[__name__],
    )

    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"] = _NAMES.get(method, method)
        event["time"] = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        for key, value in settings.fields.items():
            event.setdefault(key, value)
        return caller(logger, method, event) if settings.reportcaller else event

    return add


def _flatten_error(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None)
    if error:
        formatted = structlog.processors.format_exc_info(logger, method, {"exc_info": error, "event": ""})
        event["traceback"] = formatted.get("exception", "")
    return event


def _render_text(logger: WrappedLogger, method: str, event: EventDict) -> str:  # noqa: ARG001 - structlog's form
    head = {"time": event.pop("time"), "level": event.pop("level"), "msg": event.pop("event")}
    return " ".join(f"{key}={_quote(value)}" for key, value in {**head, **dict(sorted(event.items()))}.items())


def _quote(value: object) -> str:
    text = str(value)
    if text and all(character.isalnum() or character in "-._/@^+:" for character in text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _json(time_key: str) -> Processor:
    def render(logger: WrappedLogger, method: str, event: MutableMapping[str, object]) -> str:  # noqa: ARG001
        message = {time_key: event.pop("time"), "level": event.pop("level"), "message": event.pop("event")}
        if time_key == "time":
            message["msg"] = message.pop("message")
        else:
            message["@version"] = "1"
        return json.dumps({**message, **event}, default=str, ensure_ascii=False)

    return render


class AccessLog:
    """Apache's combined format. Lines are gathered by one thread and written together by another, which calls
    :meth:`flush` a few times a second: a reader that stalls holds up that thread and no request. What cannot be
    written, or waits beyond :data:`WAITING`, is dropped; the log says when that begins and when it ends.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._stamp = ""
        self._stamped = 0
        # each counter has one thread that adds to it, so that none needs a lock
        self._added = self._taken = self._refused = self._lost = self._told = 0
        self._dropping = self._cut = False

    def add(self, client: str, request: str, status: int, size: int, referer: str, agent: str) -> None:
        """One answered request; ``request`` is its first line."""
        now = int(time.time())
        if now != self._stamped:
            self._stamped = now
            self._stamp = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        line = (
            f'{client} - - [{self._stamp}] "{_clean(request)}" {status} {size} "{_clean(referer)}" "{_clean(agent)}"\n'
        )
        if self._added - self._taken + len(line) > WAITING:
            self._refused += 1
            self._say_dropping("nobody reads it")
            return
        self._added += len(line)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was gathered, or drop it where that fails."""
        if not self._lines:
            return
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        text = "".join(lines)
        self._taken += len(text)
        try:
            self._write(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self._lost += len(lines)
            self._say_dropping(str(error))
            return
        if self._dropping:
            self._dropping = False
            dropped = self._refused + self._lost
            structlog.get_logger().warning("the access log is written again", dropped=dropped - self._told)
            self._told = dropped

    def _write(self, lines: bytes) -> None:
        data = memoryview(b"\n" + lines if self._cut else lines)
        while data:
            written = os.write(self._descriptor, data)
            self._cut = data[written - 1] != ord("\n")
            data = data[written:]

    def _say_dropping(self, reason: str) -> None:
        if not self._dropping:
            self._dropping = True
            structlog.get_logger().error("lines of the access log are dropped", reason=reason)


def _clean(text: str) -> str:
    """Nothing from outside may end a line or a field, or look like what is escaped here."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(c if c.isprintable() and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)
