# SPDX-License-Identifier: Apache-2.0
"""From a file and an environment to settings: document, then variables, then schema, then rooms; mistakes last, all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from entrepot.config.check import Entry, View, check
from entrepot.config.compose import compose
from entrepot.config.compose_retention import refuse_unknown
from entrepot.config.composition import Composition
from entrepot.config.document import MAX_BYTES, Document, DocumentError, parse
from entrepot.config.drivers import IMPLEMENTED_DRIVERS
from entrepot.config.effective import effective
from entrepot.config.embedded import EMBEDDED
from entrepot.config.environment import CONFIGURATION_PATH, overlay
from entrepot.config.keys import KEYS
from entrepot.config.mistakes import ConfigurationError, Mistake, Unknown
from entrepot.config.nodes import DEFAULT, Listing, Node, Origin, Scalar, Table, at, is_disabled, is_empty, is_null
from entrepot.config.redact import described, nature, printable
from entrepot.config.refusals import find_kinds, refusals
from entrepot.config.schema import tree
from entrepot.config.settings import Settings

# Where the images and packages of distribution keep their configuration.
USUAL_PATHS = (Path("/etc/docker/registry/config.yml"), Path("/etc/distribution/config.yml"))
OWN_PATH = Path("entrepot.yml")
"""In the directory where a command is run: what ``entrepot init`` writes."""

_VERSION = "0.1"
_IDLE_SECTIONS = ("log.hooks", "redis", "reporting", "compatibility")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be started on.

    ``unknown`` are the keys and variables that are ignored, ``warnings`` holds these and all else worth a line of the
    log. ``ignored_config`` is a configuration of distribution that lies on this machine while the embedded default is
    in use.
    """

    settings: Settings
    warnings: tuple[str, ...]
    effective: tuple[Entry, ...]
    unknown: tuple[Unknown, ...]
    config_path: Path | None
    ignored_config: Path | None


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The configuration at ``path``, else at REGISTRY_CONFIGURATION_PATH, else at OWN_PATH, else the embedded one.

    Raises ConfigurationError with every mistake.
    """
    if path is None:
        path = _find_path(environ)
    document = _embedded() if path is None else _file(path)
    schema = tree(KEYS)
    root, mistakes = _root(document)
    overlaid = overlay(root, environ, schema)
    checked = check(overlaid.root, schema)
    composition = Composition(View(checked, schema))
    settings = compose(composition, _drivers(overlaid.root), find_kinds(overlaid.root))
    mistakes += [*checked.mistakes, *refusals(overlaid.root, schema), *overlaid.mistakes, *composition.mistakes]
    unknown = (*checked.unknown, *overlaid.unknown)
    mistakes += refuse_unknown(unknown)
    if mistakes:
        raise ConfigurationError(_in_order(mistakes), unknown)
    warnings = (
        *composition.warnings,
        *_idle(overlaid.root),
        *_further(document, path),
        *(name.warning for name in unknown),
    )
    return Loaded(
        settings=settings,
        warnings=tuple(map(printable, warnings)),
        effective=effective(checked, overlaid.root, schema),
        unknown=unknown,
        config_path=path,
        ignored_config=first_existing(USUAL_PATHS) if path is None else None,
    )


def _find_path(environ: Mapping[str, str]) -> Path | None:
    said = environ.get(CONFIGURATION_PATH)
    return Path(said) if said else first_existing((OWN_PATH,))


def first_existing(candidates: tuple[Path, ...]) -> Path | None:
    """The first of these files that is there."""
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _embedded() -> Document:
    return parse(EMBEDDED, lambda _line: DEFAULT)


def _file(path: Path) -> Document:
    origin = Origin(file=path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        mistake = Mistake(origin, "", "no such file", "name an existing configuration file")
        raise ConfigurationError((mistake,)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a path that cannot be opened"
        raise ConfigurationError((Mistake(origin, "", reason, "name a configuration file that can be read"),)) from None
    try:
        return parse(content, lambda line: Origin(file=path, line=line))
    except DocumentError as error:
        raise ConfigurationError(
            tuple(Mistake(Origin(path, line), "", found, allowed) for line, found, allowed in error.reasons)
        ) from None


def _root(document: Document) -> tuple[Table, list[Mistake]]:
    """The file's map and what is wrong with its version. distribution reads the version before any variable."""
    root = document.root
    if not isinstance(root, Table):
        found = "an empty file" if is_null(root) else nature(root)
        mistake = Mistake(root.origin, "", found, f"a configuration is a map that begins with version: {_VERSION}")
        raise ConfigurationError((mistake,))
    version = root.entries.get("version")
    if version is None or is_null(version):
        return root, [Mistake(root.origin, "version", "nothing", f"write version: {_VERSION}")]
    if not isinstance(version, Scalar) or version.text != _VERSION:
        return root, [Mistake(version.origin, "version", described(version), f"allowed: {_VERSION}")]
    return root, []


def _drivers(root: Table) -> frozenset[str]:
    storage = root.entries.get("storage")
    return IMPLEMENTED_DRIVERS & (storage.entries.keys() if isinstance(storage, Table) else set())


def _in_order(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    """By file and line, then by variable; a section said to be wrong twice is said so once."""
    unique = dict.fromkeys(mistakes)
    return tuple(sorted(unique, key=lambda mistake: (mistake.variable or "", mistake.line or 0)))


def _idle(root: Table) -> tuple[str, ...]:
    """One warning for all sections that are understood and do nothing."""
    nodes = [(section, at(root, section)) for section in _IDLE_SECTIONS]
    idle = [f"{section} ({node.origin})" for section, node in nodes if node is not None and _works(node)]
    return (f"these sections are understood but do nothing yet: {', '.join(idle)}",) if idle else ()


def _works(node: Node) -> bool:
    """Whether distribution would do anything with a section; hooks may all be disabled."""
    return not is_empty(node) and not (isinstance(node, Listing) and all(map(is_disabled, node.items)))


def _further(document: Document, path: Path | None) -> tuple[str, ...]:
    return (f"{path}: only the first YAML document is read, others follow",) if document.further else ()
