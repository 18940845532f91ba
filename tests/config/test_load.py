# SPDX-License-Identifier: Apache-2.0
"""Which configuration is loaded, and what comes with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from entrepot.config.load import USUAL_PATHS, first_existing, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.storage.settings import DiskSettings, FilesystemSettings
from entrepot.web.settings import TcpAddress

if TYPE_CHECKING:
    from config.conftest import Start, Stop

MINIMAL = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}}\nhttp: {addr: ':5000'}\n"


def test_embedded_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing given: this machine only, data beside where it was started, deletes allowed, health check off."""
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {})
    settings = loaded.settings
    assert loaded.config_path is None
    assert settings.http.address == TcpAddress("127.0.0.1", 5000)
    assert settings.storage.driver == FilesystemSettings(tmp_path / "entrepot-data")
    assert settings.storage.disk == DiskSettings(256 * 1024 * 1024, fsync=True)
    assert settings.registry.delete_enabled
    assert not settings.telemetry.health.storagedriver.enabled
    assert settings.index.url is None
    assert loaded.warnings == ()
    assert {entry.source for entry in loaded.effective} == {"default"}


def test_path_from_the_environment(tmp_path: Path) -> None:
    """REGISTRY_CONFIGURATION_PATH names the file, and is no unknown variable."""
    file = tmp_path / "c.yml"
    file.write_text(MINIMAL)
    loaded = load(None, {"REGISTRY_CONFIGURATION_PATH": str(file)})
    assert loaded.config_path == file
    assert loaded.ignored_config is None
    assert loaded.warnings == ()


def test_argument_before_environment(tmp_path: Path) -> None:
    """A file named on the command line wins."""
    file = tmp_path / "c.yml"
    file.write_text(MINIMAL)
    assert load(file, {"REGISTRY_CONFIGURATION_PATH": "/nowhere"}).config_path == file


def test_empty_path_is_no_path() -> None:
    """An empty variable names nothing."""
    assert load(None, {"REGISTRY_CONFIGURATION_PATH": ""}).config_path is None


def test_configuration_that_is_not_used(tmp_path: Path) -> None:
    """A configuration of distribution in its usual places is found, the first that is there."""
    first, second = tmp_path / "first.yml", tmp_path / "second.yml"
    assert first_existing((first, second)) is None
    second.write_text(MINIMAL)
    assert first_existing((first, second)) == second
    assert load(None, {}).ignored_config == first_existing(USUAL_PATHS)


@pytest.mark.parametrize("name", ["missing.yml", "", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """Missing, a directory, an impossible name: one mistake that names the file."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / name, {})
    (mistake,) = caught.value.mistakes
    assert mistake.file == str(tmp_path / name)
    assert mistake.line is None
    if name == "missing.yml":
        assert str(mistake) == f"{tmp_path / name}: found no such file; name an existing configuration file"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "~\n", "[]\n", "word\n"])
def test_files_without_a_map(stop: Stop, text: str) -> None:
    """One mistake says what a configuration is; that storage is missing, too, would say nothing more."""
    (mistake,) = stop(text)
    assert "version: 0.1" in mistake.allowed


def test_syntax_errors_have_a_line(stop: Stop) -> None:
    """File and line of what is not YAML."""
    (mistake,) = stop("version: 0.1\nstorage: {filesystem\nhttp: x\n")
    assert mistake.line == 3
    assert "not YAML" in mistake.found


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A binary file is a mistake."""
    file = tmp_path / "c.yml"
    file.write_bytes(b"version: \xff\xfe\x00\n")
    with pytest.raises(ConfigurationError):
        load(file, {})


def test_utf16(tmp_path: Path) -> None:
    """YAML may be UTF-16 with a byte order mark."""
    file = tmp_path / "c.yml"
    file.write_bytes(MINIMAL.encode("utf-16"))
    assert load(file, {}).settings.http.address == TcpAddress("", 5000)


def test_further_documents_are_warned_about(start: Start) -> None:
    """Go's reader reads the first and says nothing."""
    (warning,) = start(f"{MINIMAL}---\nversion: 0.2\n").warnings
    assert "first YAML document" in warning


def test_sources(start: Start) -> None:
    """Every value is shown with who said it: the default, a line, a variable."""
    loaded = start(MINIMAL, {"REGISTRY_LOG_LEVEL": "DEBUG"})
    shown = {entry.key: (entry.value, entry.source) for entry in loaded.effective}
    assert shown["log.level"] == ("debug", "REGISTRY_LOG_LEVEL")
    assert shown["http.addr"] == (":5000", f"{loaded.config_path}:3")
    assert shown["storage.filesystem.rootdirectory"] == ("/srv", f"{loaded.config_path}:2")
    assert shown["storage.delete.enabled"] == ("false", "default")
    assert shown["disk.reserve"] == ("256MiB", "default")


def test_unused_drivers_have_no_defaults(start: Start) -> None:
    """inmemory has no root directory to show."""
    loaded = start("version: 0.1\nstorage: inmemory\n")
    assert not [entry for entry in loaded.effective if entry.key.startswith("storage.filesystem")]


def test_unknown_keys_travel_with_mistakes(tmp_path: Path) -> None:
    """They may be the cause: a misspelt section is missed elsewhere."""
    file = tmp_path / "c.yml"
    file.write_text("version: 0.1\nstorge: inmemory\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert [mistake.key for mistake in caught.value.mistakes] == ["storage"]
    assert ["did you mean storage?" in str(unknown) for unknown in caught.value.unknown] == [True]
    first, second = str(caught.value).splitlines()
    assert "no storage driver" in first
    assert second == f"{file}:2: storge: found an unknown key; `entrepot serve` would ignore it; did you mean storage?"


def test_mistakes_without_unknown_keys(stop: Stop) -> None:
    """Nothing is added where nothing is unknown."""
    mistakes = stop("version: 0.1\nstorage: {}\n")
    assert str(ConfigurationError(mistakes)) == str(mistakes[0])


def test_an_empty_address_is_none(start: Start) -> None:
    """It is as absent: the default counts, and nobody else is named for it."""
    loaded = start("version: 0.1\nstorage: inmemory\nhttp: {addr: ''}\n")
    shown = {entry.key: (entry.value, entry.source) for entry in loaded.effective}
    assert shown["http.addr"] == ("127.0.0.1:5000", "default")


def test_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else is named, entrepot.yml of the working directory counts; a named one goes before it."""
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).config_path is None
    (tmp_path / "entrepot.yml").write_text("version: 0.1\nstorage: inmemory\nhttp: {addr: ':5017'}\n")
    found = load(None, {})
    assert (found.config_path, found.ignored_config) == (Path("entrepot.yml"), None)
    assert found.settings.http.address == TcpAddress("", 5017)
    (tmp_path / "other.yml").write_text("version: 0.1\nstorage: inmemory\nhttp: {addr: ':5018'}\n")
    assert load(None, {"REGISTRY_CONFIGURATION_PATH": "other.yml"}).settings.http.address == TcpAddress("", 5018)
    assert load(Path("other.yml"), {}).settings.http.address == TcpAddress("", 5018)
