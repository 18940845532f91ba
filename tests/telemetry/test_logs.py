# SPDX-License-Identifier: Apache-2.0
"""The application log in its three formats, and the access log that nothing from outside can break."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from entrepot.telemetry.logs import WAITING, AccessLog, configure_logs
from entrepot.telemetry.settings import LogSettings

ODD = ['"', "\n", "\r\n", "\x00", "\x1b[31m", "\x7f", "\x9b31m", "\u2028", "\x85", "\\", "é", '" 200 0 "x" "y']
LINE = re.compile(r'(\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"')


@pytest.fixture(autouse=True)
def leave_no_log() -> Iterator[None]:
    """The log of one test is not the next one's."""
    yield
    structlog.reset_defaults()


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is key=value with time, level and msg first, quoted where a reader needs it."""
    log = configure_logs(LogSettings(fields={"service": "registry"}))
    log.warning("something happened", path="/v2/", detail="two words", empty="")
    line = capsys.readouterr().err
    assert re.fullmatch(
        r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=warning msg="something happened" '
        r'detail="two words" empty="" path=/v2/ service=registry\n',
        line,
    )


@pytest.mark.parametrize(
    ("formatter", "time_key", "message_key"), [("json", "time", "msg"), ("logstash", "@timestamp", "message")]
)
def test_json(capsys: pytest.CaptureFixture[str], formatter: str, time_key: str, message_key: str) -> None:
    """JSON and logstash are one object a line, with distribution's keys."""
    log = configure_logs(LogSettings(formatter=formatter, fields={"service": "registry"}))  # type: ignore[arg-type]
    log.error("something happened", path=Path("/x"), number=7)
    record = json.loads(capsys.readouterr().err)
    assert record.pop(time_key).endswith("Z")
    version = {"@version": "1"} if formatter == "logstash" else {}
    expected = {"level": "error", message_key: "something happened", "path": "/x", "number": 7, "service": "registry"}
    assert record == {**expected, **version}


@pytest.mark.parametrize(
    ("level", "shown"),
    [("error", ["e"]), ("warn", ["w", "e"]), ("info", ["i", "w", "e"]), ("debug", ["d", "i", "w", "e"])],
)
def test_levels(capsys: pytest.CaptureFixture[str], level: str, shown: list[str]) -> None:
    """What is below the level is not written."""
    log = configure_logs(LogSettings(level=level))  # type: ignore[arg-type]
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert re.findall(r"msg=(\w)", capsys.readouterr().err) == shown


@pytest.mark.parametrize("formatter", ["text", "json", "logstash"])
def test_faults_have_their_traceback(capsys: pytest.CaptureFixture[str], formatter: str) -> None:
    """A fault is one line that holds the whole traceback."""
    log = configure_logs(LogSettings(formatter=formatter))  # type: ignore[arg-type]
    try:
        int("the reason")
    except ValueError:
        log.exception("fault")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "ValueError: invalid literal" in lines[0]
    assert "test_logs.py" in lines[0]


def test_report_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """With reportcaller a line says where it was written."""
    configure_logs(LogSettings(reportcaller=True)).info("here")
    assert "test_logs.py" in capsys.readouterr().err
    configure_logs(LogSettings()).info("here")
    assert "test_logs.py" not in capsys.readouterr().err


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("formatter", ["text", "json", "logstash"])
def test_values_cannot_forge_lines(capsys: pytest.CaptureFixture[str], formatter: str, odd: str) -> None:
    """A value from outside stays in its line and its field."""
    log = configure_logs(LogSettings(formatter=formatter))  # type: ignore[arg-type]
    log.info("asked", agent=f"a{odd}level=error msg=forged", last="z")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert written.endswith("last=z\n" if formatter == "text" else '"}\n')
    assert "\x1b" not in written
    if formatter == "text":
        assert len(written.splitlines()) == 1
        assert not re.search("[\x80-\x9f]", written)
    else:
        assert json.loads(written)["agent"].startswith("a")


def logged(tmp_path: Path, *entries: tuple[str, str, str, str]) -> list[str]:
    """The lines that the access log writes for entries of client, request, referer and agent."""
    with (tmp_path / "access").open("wb+") as file:
        access = AccessLog(file.fileno())
        for client, request, referer, agent in entries:
            access.add(client, request, 200, 17, referer, agent)
        access.flush()
        access.flush()
        file.seek(0)
        return file.read().decode().split("\n")


def test_access_log(tmp_path: Path) -> None:
    """Lines are Apache's combined format, in order, each written once."""
    lines = logged(tmp_path, ("127.0.0.1", "GET /v2/ HTTP/1.1", "", "docker/27"), ("::1", "HEAD / HTTP/2", "r", "é"))
    assert lines.pop() == ""
    found = [LINE.fullmatch(line) for line in lines]
    assert [one.groups() for one in found if one] == [
        ("127.0.0.1", "GET /v2/ HTTP/1.1", "200", "17", "", "docker/27"),
        ("::1", "HEAD / HTTP/2", "200", "17", "r", "é"),
    ]


@hypothesis_settings(deadline=None)
@given(*[st.text() | st.sampled_from([*ODD, "\ud800"])] * 3)
def test_access_log_cannot_be_broken(request: str, referer: str, agent: str) -> None:
    """Whatever a client sends, its request is one line of the same fields."""
    reading, writing = os.pipe()
    with open(reading, "rb") as out:
        access = AccessLog(writing)
        access.add("127.0.0.1", request, 404, 0, referer, agent)
        access.flush()
        os.close(writing)
        written = out.read().decode()
    assert LINE.fullmatch(written.removesuffix("\n"))
    assert len(written.splitlines()) == 1
    assert written.rstrip("\n").isprintable()


def test_access_log_without_lines_writes_nothing(tmp_path: Path) -> None:
    """Flushing nothing writes nothing."""
    assert logged(tmp_path) == [""]


def test_access_log_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that cannot be written are dropped, which the log says once; later ones are written whole, and counted is
    what is missing.
    """
    configure_logs(LogSettings())
    reading, writing = os.pipe()
    full = os.open("/dev/full", os.O_WRONLY)
    access = AccessLog(full)
    for _ in range(3):
        access.add("::1", "GET /lost HTTP/1.1", 200, 0, "", "")
        access.flush()
    assert capsys.readouterr().err.count("lines of the access log are dropped") == 1
    os.dup2(writing, full)
    access.add("::1", "GET /kept HTTP/1.1", 200, 0, "", "")
    access.flush()
    written = os.read(reading, 65536).decode()
    assert LINE.fullmatch(written.removesuffix("\n"))
    assert "/kept" in written
    assert 'msg="the access log is written again" dropped=3' in capsys.readouterr().err
    for descriptor in (reading, writing, full):
        os.close(descriptor)


def test_access_log_that_nobody_flushes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What waits is bounded, in lines of any length; the log says that lines are dropped, and later how many."""
    configure_logs(LogSettings())
    with (tmp_path / "access").open("wb+") as file:
        access = AccessLog(file.fileno())
        for number in range(20_000):
            access.add("::1", f"GET /{number} HTTP/1.1", 200, 0, "", "a" * 1000)
        access.flush()
        file.seek(0)
        lines = file.read().decode().splitlines()
    assert WAITING / 2 < sum(map(len, lines)) <= WAITING
    assert all(f"GET /{number} " in line for number, line in enumerate(lines))
    said = capsys.readouterr().err
    assert said.count("lines of the access log are dropped") == 1
    assert f"dropped={20_000 - len(lines)}\n" in said


def test_access_log_escapes_are_told_from_what_was_sent(tmp_path: Path) -> None:
    r"""A client that sends ``\x22`` itself is not logged as one that sent a quote."""
    lines = logged(tmp_path, ("::1", "GET / HTTP/1.1", "", '"'), ("::1", "GET / HTTP/1.1", "", r"\x22"))
    assert lines[0].endswith(r' "\x22"')
    assert lines[1].endswith(r' "\x5cx22"')
