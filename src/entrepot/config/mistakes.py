# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration, all at once: nobody should have to start a server five times to learn it."""

from dataclasses import dataclass

from entrepot.config.nodes import Origin
from entrepot.config.redact import printable


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to correct. ``key`` is empty where the file as a whole is meant; ``found`` never holds a secret."""

    origin: Origin
    key: str
    found: str
    allowed: str

    @property
    def file(self) -> str | None:
        """The file, or None where a variable or the default said it."""
        return None if self.origin.file is None else str(self.origin.file)

    @property
    def line(self) -> int | None:
        """The line in that file."""
        return self.origin.line

    @property
    def variable(self) -> str | None:
        """The environment variable that said it."""
        return self.origin.variable

    def __str__(self) -> str:
        return self._sentence(self.allowed)

    def _sentence(self, *advice: str) -> str:
        named = f"{self.key}: " if self.key else ""
        return printable(f"{self.origin}: {named}found {'; '.join(filter(None, (self.found, *advice)))}")


@dataclass(frozen=True, slots=True)
class Unknown(Mistake):
    """A name that nobody knows. A start goes on without it; ``allowed`` is advice, empty where there is none."""

    def __str__(self) -> str:
        return self._sentence("`entrepot serve` would ignore it", self.allowed)

    @property
    def warning(self) -> str:
        """What a start says of it."""
        return self._sentence("it is ignored", self.allowed)


class ConfigurationError(Exception):
    """The configuration cannot be started on. ``unknown`` names keys that are ignored, which may be the cause."""

    def __init__(self, mistakes: tuple[Mistake, ...], unknown: tuple[Unknown, ...] = ()) -> None:
        super().__init__(mistakes, unknown)
        self.mistakes = mistakes
        self.unknown = unknown

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in (*self.mistakes, *self.unknown))
