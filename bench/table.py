# SPDX-License-Identifier: Apache-2.0
"""The one table: what each registry did in each row, how entrepot compares, and what it cost."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"
_HEADER: tuple[str, ...] = (
    "work",
    "registry",
    "value",
    "ratio",
    "target",
    "p50 ms",
    "p99 ms",
    "CPU s",
    "CPU s per",
    "peak MiB",
)
_LEFT = 2


@dataclass(frozen=True)
class Reading:
    """What one server did in one row; a `problem` stands for everything that is missing then.

    The ratio is made of the values, or of what is `compared` where the value itself is relative to something else.
    """

    server: str
    value: float | None = None
    compared: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_seconds: float | None = None
    cpu_each: float | None = None
    peak_bytes: int | None = None
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Line:
    """One row: the work, and a reading for each server, the one that is compared with the others first."""

    work: str
    unit: str
    readings: tuple[Reading, ...]
    target: str = ""
    cpu_unit: str = ""
    higher_is_better: bool = True

    def ratio(self, other: Reading) -> float | None:
        """How many times better the first server is than another."""
        mine, theirs = (of.value if of.compared is None else of.compared for of in (self.readings[0], other))
        if not mine or not theirs:
            return None
        return mine / theirs if self.higher_is_better else theirs / mine


def middle(numbers: Iterable[float]) -> float:
    """The median, which one bad run does not move."""
    return statistics.median(numbers)


def percentile(numbers: Sequence[float], share: float) -> float:
    """The smallest number that at least this share of them does not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def number(value: float | None) -> str:
    """Print about three digits, and nothing for nothing."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.4f}"


def render(lines: Sequence[Line]) -> str:
    """Draw the table in Markdown that also reads as plain text, notes below."""
    notes: list[str] = []
    rows = [_HEADER, *(_row(line, reading, notes) for line in lines for reading in line.readings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    drawn = [_draw(row, widths) for row in rows]
    marks = ["-" * width if column < _LEFT else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    drawn.insert(1, f"| {' | '.join(marks)} |")
    if notes:
        drawn += ["", *(f"- [{place}] {note}" for place, note in enumerate(notes, start=1))]
    return "\n".join(drawn) + "\n"


def _draw(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if column < _LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"


def _row(line: Line, reading: Reading, notes: list[str]) -> tuple[str, ...]:
    first = reading is line.readings[0]
    value = f"{number(reading.value)} {line.unit}" if reading.value is not None else "not measured"
    if said := reading.problem or reading.note:
        notes.append(f"{line.work}, {reading.server}: {said}")
        value += f" [{len(notes)}]"
    peak = None if reading.peak_bytes is None else reading.peak_bytes / (1 << 20)
    each = f"{number(reading.cpu_each)} / {line.cpu_unit}" if reading.cpu_each is not None else ""
    return (
        line.work if first else "",
        reading.server,
        value,
        _ratios(line) if first else "",
        line.target if first else "",
        number(reading.p50_ms),
        number(reading.p99_ms),
        number(reading.cpu_seconds),
        each,
        number(peak),
    )


def _ratios(line: Line) -> str:
    others = [(other.server, ratio) for other in line.readings[1:] if (ratio := line.ratio(other)) is not None]
    if len(line.readings) == 2:
        return "".join(f"{number(ratio)}x" for _, ratio in others)
    return "; ".join(f"{number(ratio)}x {name}" for name, ratio in others)


def write_between_markers(page: Path, text: str) -> None:
    """Put the newest table into a page, between the two markers."""
    before, found, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", encoding="utf-8")
