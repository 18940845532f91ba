# SPDX-License-Identifier: Apache-2.0
"""Whatever text and environment: settings or a ConfigurationError, never another exception."""

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from entrepot.config.keys import KEYS
from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.schema import tree

SCALARS = st.one_of(
    st.sampled_from(
        ["", "null", "true", "'true'", "0", "-1", "1.5", "10s", "-1h", ":5000", "'[::1]:5000'", "none", "/a"]
    ),
    st.sampled_from(
        ["'('", "sqlite:////a", "https://a:b@c/?d=e", "'\\0'", '"\\ud800"', "*a", "&a b", "!!int x", "256MiB"]
    ),
    st.integers().map(str),
    st.text(max_size=12),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(st.sampled_from(["name", "addr", "file", "uri", "X-A", "htpasswd"]), below, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=5,
)
PATHS = st.sampled_from([key.path.split(".") for key in KEYS]).flatmap(
    lambda parts: st.integers(1, len(parts)).map(lambda count: parts[:count])
)
NAMES = st.one_of(
    st.sampled_from([f"REGISTRY_{name}" for name in tree(KEYS).variables()]),
    st.from_regex(
        r"REGISTRY_(HTTP|STORAGE|AUTH|HEALTH_TCP|LOG_FIELDS|MIDDLEWARE)?(_[A-Z0-9-]{0,4}){0,3}", fullmatch=True
    ),
)


def outcome(file: Path, environ: dict[str, str]) -> Loaded | ConfigurationError:
    try:
        return load(file, environ)
    except ConfigurationError as error:
        return error


def loads(text: str | bytes, environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "config.yml")
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        found = outcome(file, environ)
    if isinstance(found, ConfigurationError):
        assert found.mistakes
        assert len(str(found).splitlines()) == len(found.mistakes) + len(found.unknown)
        printed = str(found)
    else:
        assert found.effective
        printed = "\n".join((*map(str, found.effective), *found.warnings))
    assert printed.encode("utf-8")


def nested(path: list[str], value: str) -> str:
    for part in reversed(path):
        value = f"{{{part.removesuffix('[]')}: {f'[{value}]' if part.endswith('[]') else value}}}"
    return value[1:-1]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(PATHS, VALUES), max_size=4))
@example([(["http", "addr"], "'[::1%]:5'")])
@example([(["http", "host"], "'http://[a'")])
@example([(["storage"], "{1: 2}")])
def test_keys_with_any_value(pairs: list[tuple[list[str], str]]) -> None:
    """Any known key or section may hold anything."""
    head = "{version: 0.1, storage: inmemory, "
    loads(head + ", ".join(nested(path, value) for path, value in pairs) + "}", {})
    loads("version: 0.1\n" + "\n".join(nested(path, value) for path, value in pairs), {})


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(NAMES, st.one_of(VALUES, st.text(max_size=20)), max_size=5))
@example({"REGISTRY_HTTP_ADDR": "\udcff"})
@example({"REGISTRY_STORAGE": '"\\ud800"'})
@example({"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "\ud800"})
@example({"REGISTRY_HEALTH_TCP_0_ADDR_0": "x", "REGISTRY_STORAGE_DELETE_0": "x"})
def test_any_environment(environ: dict[str, str]) -> None:
    """Any variable may hold anything."""
    loads("version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}}\nhttp: {addr: ':5000'}\n", environ)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.text(alphabet="{}[]:,-?&*!|>'\"%@`# \n\tab<0")))
def test_any_text(text: str | bytes) -> None:
    """Any file may be named by mistake."""
    loads(text, {})
