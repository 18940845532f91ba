# SPDX-License-Identifier: Apache-2.0
"""The configuration as it counts: every value with the place that set it, secrets hidden."""

from collections.abc import Iterator

from entrepot.config.check import Checked, Entry, Read, default_of
from entrepot.config.drivers import NOT_DRIVERS
from entrepot.config.nodes import DEFAULT, Table
from entrepot.config.redact import printable, shown
from entrepot.config.schema import Branch, Key, Status


def effective(checked: Checked, root: Table, schema: Branch) -> tuple[Entry, ...]:
    """What was said, and the defaults of what is implemented, in the order of the schema."""
    storage = root.entries.get("storage")
    drivers = storage.entries if isinstance(storage, Table) else {}
    said: dict[str, list[tuple[str, Read]]] = {}
    for path, read in checked.reads.items():
        said.setdefault(read.key.path, []).append((path, read))
    entries: list[Entry] = []
    for key in schema.keys():  # noqa: SIM118
        reads = said.get(key.path, [])
        entries += [Entry(path, read.shown, printable(str(read.origin))) for path, read in reads]
        if not reads:
            entries += _default(key, frozenset(drivers))
    return tuple(entries)


def _default(key: Key, present: frozenset[str]) -> Iterator[Entry]:
    """A default counts where its key is implemented, stands in no list, and not under a driver that is not used."""
    section, _, rest = key.path.partition(".")
    driver = rest.partition(".")[0]
    if section == "storage" and driver not in NOT_DRIVERS and driver not in present:
        return
    if key.default is None or key.status is not Status.IMPLEMENTED or "[]" in key.path:
        return
    value = default_of(key)
    yield Entry(key.path, key.default if isinstance(value, int | float) else shown(str(value)), str(DEFAULT))
