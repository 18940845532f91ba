# SPDX-License-Identifier: Apache-2.0
"""What composing needs at hand: the values that were read, and where to put mistakes that only it can see."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from entrepot.config.check import View
from entrepot.config.mistakes import Mistake
from entrepot.config.nodes import DEFAULT, Origin

T = TypeVar("T")


@dataclass(slots=True)
class Composition:
    """Settings composed after a mistake are of no use; going on only serves to find further mistakes."""

    view: View
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, key: str, allowed: str) -> None:
        """The value of ``key`` cannot be."""
        said = self.view.said(key)
        origin, found = (DEFAULT, "nothing") if said is None else (said.origin, said.shown)
        self.mistakes.append(Mistake(origin, key, found, f"allowed: {allowed}"))

    def wrong_item(self, item: View, key: str, allowed: str) -> None:
        """The value of a key of an item of a list cannot be."""
        said = item.said(key)
        origin, found = (item.origin, "nothing") if said is None else (said.origin, said.shown)
        self.mistakes.append(Mistake(origin, item.at(key), found, f"allowed: {allowed}"))

    def missing(self, key: str, because: str, allowed: str) -> None:
        """``key`` is needed beside what was said of ``because``, and was not said (not even wrongly)."""
        said = self.view.said(because)
        self.missing_at(DEFAULT if said is None else said.origin, key, allowed)

    def missing_at(self, origin: Origin, key: str, allowed: str) -> None:
        """``key`` is needed by the section that stands at ``origin``, and was not said."""
        if not any(mistake.key == key for mistake in self.view.checked.mistakes):
            self.mistakes.append(Mistake(origin, key, "nothing", f"allowed: {allowed}"))

    def warn(self, key: str, sentence: str) -> None:
        """The value of ``key`` has an effect that may surprise."""
        said = self.view.said(key)
        self.warnings.append(f"{DEFAULT if said is None else said.origin}: {key}: {sentence}")

    def warn_item(self, item: View, key: str, sentence: str) -> None:
        """The same for a key of an item of a list."""
        said = item.said(key)
        self.warnings.append(f"{item.origin if said is None else said.origin}: {item.at(key)}: {sentence}")

    def converted(self, key: str, convert: Callable[[str], T]) -> T | None:
        """The text of ``key`` as something else; None where it is absent, empty or impossible."""
        text = self.view.find(key, str)
        if not text:
            return None
        try:
            return convert(text)
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def required(self, item: View, key: str) -> str:
        """A text without which an item of a list means nothing."""
        said = item.said(key)
        if said is not None and said.shown and said.value:
            return str(said.value)
        if not any(mistake.key == item.at(key) for mistake in item.checked.mistakes):
            self.mistakes.append(Mistake(item.origin, item.at(key), "nothing", "this key is needed here"))
        return ""
