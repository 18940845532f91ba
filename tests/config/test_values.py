# SPDX-License-Identifier: Apache-2.0
"""Texts are read as Go reads them."""

from pathlib import Path

import pytest

from entrepot.config import values
from entrepot.web.settings import TcpAddress


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400.0),
        ("300ms", 0.3),
        ("168h", 604800.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1m0.5s", 60.5),
        ("-1s", -1.0),
        ("+2s", 2.0),
        ("10us", 1e-5),
        ("10µs", 1e-5),
        ("10μs", 1e-5),
        ("0", 0.0),
        ("0s", 0.0),
        ("10000000000", 10.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Go's syntax; a bare number is nanoseconds."""
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "abc", "1", "s", "1 h", "1d", "1h30", "1.5", "٣s", "9999999h", "1s" * 40])
def test_durations_refused(text: str) -> None:
    """What Go refuses is refused (a bare number excepted), and so is what exceeds its range."""
    if text == "1":
        assert values.duration(text) == 1e-9
        return
    with pytest.raises(ValueError, match="duration"):
        values.duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(604800, "168h"), (90, "1m30s"), (0.3, "300ms"), (0, "0s")])
def test_durations_written(seconds: float, text: str) -> None:
    """Durations are shown so that they could be written back."""
    assert values.go_duration(seconds) == text
    assert values.duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-7", -7), ("+7", 7), ("0123", 83), ("0x1F", 31), ("0b101", 5), ("1_000", 1000), ("09", 9)],
)
def test_integers(text: str, number: int) -> None:
    """YAML 1.1: octal by a leading zero, underscores ignored."""
    assert values.integer(text) == number


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "x", "0x", "1:30", "9" * 30, "٣"])
def test_integers_refused(text: str) -> None:
    """Fractions, sexagesimals and numbers of more than 64 bits are not integers here."""
    with pytest.raises(ValueError, match="number"):
        values.integer(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1024", 1024), ("256MiB", 2**28), ("1GB", 10**9), ("1.5KiB", 1536), ("10 MiB", 10 * 2**20), ("5B", 5)],
)
def test_sizes(text: str, size: int) -> None:
    """Bytes, decimal and binary units."""
    assert values.size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1M", "MiB", "1iB", "lots", "99999999999PiB"])
def test_sizes_refused(text: str) -> None:
    """A size that could mean two things, or nothing, is refused."""
    with pytest.raises(ValueError, match="size"):
        values.size(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":5000", TcpAddress("", 5000)),
        ("0.0.0.0:443", TcpAddress("0.0.0.0", 443)),
        ("localhost:5000", TcpAddress("localhost", 5000)),
        ("[::1]:5000", TcpAddress("::1", 5000)),
        ("[::]:5000", TcpAddress("::", 5000)),
        ("[fe80::1%eth0]:5000", TcpAddress("fe80::1%eth0", 5000)),
        ("registry.example.com:0", TcpAddress("registry.example.com", 0)),
        ("my_host:65535", TcpAddress("my_host", 65535)),
    ],
)
def test_addresses(text: str, address: TcpAddress) -> None:
    """host:port with an optional host; IPv6 in brackets."""
    assert values.address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "5000", "host", "::1:5000", "[::1]", "[x]:1", ":65536", ":-1", ":", "a b:1", "http://x:1", "a/b:1", ":٣"],
)
def test_addresses_refused(text: str) -> None:
    """Anything else says what is missing."""
    with pytest.raises(ValueError, match="port"):
        values.address(text)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////var/lib/index.sqlite3",
        "sqlite:////i",
        "postgresql://db/registry",
        "postgres://u@db:5432/registry",
        "postgresql://u:p%40ss@db/registry?sslmode=verify-full",
        "postgresql://u:p@/registry?host=/run/postgresql",
        "postgresql:///registry",
        "postgresql://u:p@one:5432,two:5432/registry?target_session_attrs=read-write",
        "postgresql://[::1]:5432/registry",
    ],
)
def test_index_urls(text: str) -> None:
    """An absolute path after four slashes, or an address as PostgreSQL's client takes it."""
    assert values.index_url(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "sqlite://", "sqlite:///relative", "sqlite:////dir/", "sqlite:////a?mode=ro", "/path", "mysql://h/d"],
)
def test_index_urls_refused(text: str) -> None:
    """Nothing else, with the forms that are right."""
    with pytest.raises(ValueError, match=r"sqlite:////.* or postgresql://"):
        values.index_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgresql://db",
        "postgresql://db/",
        "postgresql://u:p@ss@db/r",
        "postgresql://u:p/ss@db/r",
        "postgresql://u:p#ss@db/r",
        "postgresql://u:p?ss@db/r",
        "postgresql://u:p:ss@db/r",
        "postgresql://u:p%ss@db/r",
        "postgresql://u:p ss@db/r",
        "postgresql://db/r/s",
        "postgresql://db/r#s",
    ],
)
def test_postgresql_urls_refused(text: str) -> None:
    """One without a database, or with a password that would be read as something else, says how to write it."""
    with pytest.raises(ValueError, match=r"host/database, with each of @ .* %40"):
        values.index_url(text)


def test_drivers_are_not_named() -> None:
    """Who writes the address as Python programs do learns what to leave out."""
    with pytest.raises(ValueError, match="without the name of a driver"):
        values.index_url("postgresql+psycopg://db/r")


@pytest.mark.parametrize(("text", "address"), [("db:5432", "db:5432"), ("[::1]:1", "[::1]:1"), (":5000", ":5000")])
def test_addresses_of_peers(text: str, address: str) -> None:
    """Unchanged; without a host this machine is meant, as in Go."""
    assert values.peer_text(text) == address


@pytest.mark.parametrize("text", ["5432", "db", "::1:5432", "[x]:1", "a b:1", "db:x"])
def test_addresses_of_peers_refused(text: str) -> None:
    """An example to connect to has a host; one to listen on need not."""
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:5432"):
        values.peer_text(text)
    with pytest.raises(ValueError, match="such as :5000"):
        values.address(text)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("/", "/"), ("/registry/", "/registry/"), ("/a/b-c/", "/a/b-c/"), ("/registry", "/registry/"), ("/a/b", "/a/b/")],
)
def test_prefixes(text: str, prefix: str) -> None:
    """Prefixes begin with a slash; a missing one at the end is added."""
    assert values.prefix(text) == prefix


@pytest.mark.parametrize("text", ["", "registry", "registry/", "//", "/a//b/", "/../", "/..", "/a b/", "/a b", "/a?/"])
def test_prefixes_refused(text: str) -> None:
    """Others could never match a request."""
    with pytest.raises(ValueError, match="begins with /, such as /registry/"):
        values.prefix(text)


def test_header_names_are_canonical() -> None:
    """Variables give header names in lower case; they are sent as everybody writes them."""
    assert values.header_name("access-control-allow-origin") == "Access-Control-Allow-Origin"


@pytest.mark.parametrize("name", ["", "X Foo", "X:Foo", "X\r\nFoo", "Ü", "content-length", "Transfer-Encoding"])
def test_header_names_refused(name: str) -> None:
    """Names that would break or forge the head of an answer."""
    with pytest.raises(ValueError, match=r"headers|frames each answer"):
        values.header_name(name)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\0", "\x7f", "\u2115"])
def test_header_values_refused(value: str) -> None:
    """Values that would forge further headers, or cannot be sent."""
    with pytest.raises(ValueError, match="headers"):
        values.header_value(value)


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the place where the process was started, whatever directory it changes to later."""
    monkeypatch.chdir(tmp_path)
    assert values.path("./data") == tmp_path / "data"


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_paths_refused(text: str) -> None:
    """What no system call would take."""
    with pytest.raises(ValueError, match="path"):
        values.path(text)
