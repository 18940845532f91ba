# SPDX-License-Identifier: Apache-2.0
"""The settings of retention: ``retention`` (ours). Whatever is not understood there stops the start: a misspelt keep
rule keeps nothing.
"""

from collections.abc import Iterable
from typing import cast

from entrepot.config.check import View
from entrepot.config.composition import Composition
from entrepot.config.mistakes import Mistake, Unknown
from entrepot.registry.settings import Policy, RetentionSettings

_RULES = ("keep.newest", "keep.younger", "keep.matching", "drop.notpulled", "drop.untagged")
_DROPPING = ("keep.newest", "keep.younger", "drop.notpulled", "drop.untagged")
_VARIABLE = "REGISTRY_RETENTION"


def find_retention(composition: Composition) -> RetentionSettings:
    """The policies, each with repositories and at least one rule."""
    policies = tuple(_policy(composition, item) for item in composition.view.items("retention.policies"))
    return RetentionSettings(composition.view.get("retention.interval", float), policies)


def refuse_unknown(unknown: Iterable[Unknown]) -> list[Mistake]:
    """Unknown keys and variables of retention, as mistakes."""
    return [
        Mistake(one.origin, one.key, one.found, one.allowed or f"allowed: repositories, {', '.join(_RULES)}")
        for one in unknown
        if one.key.startswith("retention.") or (one.variable or "").startswith(_VARIABLE)
    ]


def _policy(composition: Composition, item: View) -> Policy:
    said = [rule for rule in _RULES if item.said(rule) is not None]
    wrong = any(
        mistake.key == item.path or mistake.key.startswith(f"{item.path}.")
        for mistake in (*item.checked.mistakes, *item.checked.unknown)
    )
    if not said and not wrong:
        composition.wrong_item(item, "keep", f"at least one of {', '.join(_RULES)}")
    elif not wrong and not set(said) & set(_DROPPING):
        composition.warn_item(
            item, "keep.matching", "without another rule this drops nothing; it only shields from later policies"
        )
    repositories = _patterns(item, "repositories")
    if not repositories and not wrong:
        composition.wrong_item(item, "repositories", 'a list of patterns, such as ["team/*"] or ["**"]')
    return Policy(
        repositories=repositories,
        newest=item.find("keep.newest", int),
        younger=item.find("keep.younger", float),
        matching=_patterns(item, "keep.matching"),
        notpulled=item.find("drop.notpulled", float),
        untagged=item.find("drop.untagged", float),
    )


def _patterns(item: View, key: str) -> tuple[str, ...]:
    return cast("tuple[str, ...]", item.find(key, tuple) or ())
