# SPDX-License-Identifier: Apache-2.0
"""Findings of a check as lines for people and for programs.

Names come from a directory in which anybody may have put anything: whatever a terminal would act upon is written as an
escape sequence.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from entrepot.jobs.checking import Tally
from entrepot.registry.findings import SEVERITIES, Finding, FindingKind

TITLES: Mapping[FindingKind, tuple[str, str]] = {
    "wrong-bytes": (
        "bytes that have another digest than their name",
        "--repair takes manifests from the index, and sets other wrong bytes aside; push what needs them again",
    ),
    "unreadable": (
        "the operating system refuses to show it",
        "look at its permissions, and in the system's log for errors of the disk",
    ),
    "broken-blob": ("what should hold a blob's bytes is no file", "move it away, and push what needs it again"),
    "broken-link": ("a link that leads nowhere", "push again what it was for; a push replaces a file in its place"),
    "empty-link": (
        "a link that holds nothing, as a crash of registry:2 leaves it",
        "--repair writes it again where the bytes prove it; push other tags again",
    ),
    "manifest-without-bytes": (
        "a manifest whose bytes are not there",
        "--repair takes it from the index where that knows it; else push it again, or delete it by digest",
    ),
    "bad-manifest": ("bytes that are no manifest that is served", "push the image again with a newer client"),
    "incomplete-image": ("an image that cannot be pulled whole", "push it again, or delete it"),
    "incomplete-index": (
        "an index some of whose images are not there",
        "harmless where they were left out on purpose; else push them again",
    ),
    "tag-without-manifest": ("a tag that points to nothing", "push the tag again"),
    "remains": ("a tag's directory without its link", "--repair removes it, unless other things lie in it"),
    "old-name": ("a name that is not valid any more; not served", "rename the directory while no registry runs"),
    "misplaced-blob": ("a blob in another's place; not served", "move its directory to where it belongs"),
    "index-differs": ("index and storage do not say the same", "--repair brings the index to storage"),
    "size-differs": ("the size of a blob is another than in the index", "--repair tells the index"),
    "not-adopted": (
        "the index does not know everything yet",
        "`entrepot serve` reads the rest by itself; `entrepot index rebuild` and --repair do it now",
    ),
    "blob-without-bytes": (
        "a link to a blob that is not there",
        "nothing, unless an image above needs it: registry:2's garbage-collect leaves such links",
    ),
    "blob-without-row": ("bytes that no repository holds", "nothing: they are what deleted images leave"),
    "blob-without-data": ("an empty place for a blob", "nothing"),
    "upload": ("an upload that was begun and not ended", "nothing: it goes when it is old enough"),
    "temporary": ("a file on its way to a name", "nothing: the next start of `entrepot serve` removes it"),
    "quarantined": ("wrong bytes that were set aside", "remove them once nobody needs them"),
    "stray": ("nothing that a registry wrote; it is left alone", "look at it, and remove it if nobody needs it"),
}
"""Of each kind: what it is, and what to do."""

ORDER = {kind: place for place, kind in enumerate(SEVERITIES)}


def write_lines(findings: Iterable[Finding]) -> Iterable[str]:
    """One line a finding, grouped by kind, the worst first."""
    ordered = sorted(findings, key=lambda one: (ORDER[one.kind], one.where, one.detail))
    for kind, group in groupby(ordered, key=lambda one: one.kind):
        together = list(group)
        title, hint = TITLES[kind]
        yield f"{SEVERITIES[kind]}: {title} ({len(together):,})"
        yield f"  what to do: {hint}"
        for one in together:
            yield f"  {_describe(one)}"
        yield ""


def write_object(finding: Finding) -> str:
    """One line of JSON."""
    return json.dumps(
        {
            "kind": finding.kind,
            "severity": finding.severity,
            "where": printable(finding.where),
            "detail": printable(finding.detail),
            "repository": finding.repository,
            "needed_by": finding.needed_by,
            "done": printable(finding.done),
            "remains": finding.remains,
        }
    )


def summarize(findings: Sequence[Finding], tally: Tally) -> str:
    """What was looked at, and how much is wrong."""
    counts = count(findings)
    return (
        f"{tally.repositories:,} repositories and {tally.blobs:,} blobs; read all manifests and {tally.read:,} blobs.\n"
        f"{counts['errors']:,} errors, {counts['warnings']:,} warnings, {counts['information']:,} for information; "
        f"{counts['mended']:,} more mended."
    )


def summarize_object(findings: Sequence[Finding], tally: Tally) -> str:
    """The same as one line of JSON."""
    return json.dumps({"kind": "summary", **count(findings), **asdict(tally)})


def count(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of each severity remain, and how many were mended."""
    left = [finding.severity for finding in findings if finding.remains]
    return {
        "errors": left.count("error"),
        "warnings": left.count("warning"),
        "information": left.count("information"),
        "mended": len(findings) - len(left),
    }


def is_wrong(finding: Finding) -> bool:
    """Whether it must be looked after still."""
    return finding.remains and finding.severity != "information"


def printable(text: str) -> str:
    """``text`` without anything that a terminal would act upon, or that is no character at all."""
    return "".join(letter if letter.isprintable() and letter != "\\" else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _describe(finding: Finding) -> str:
    parts = [printable(finding.where)]
    if finding.detail:
        parts.append(printable(finding.detail))
    if finding.needed_by:
        parts.append(f"needed by {', '.join(finding.needed_by)}")
    if finding.done:
        parts.append(f"{'repair' if finding.remains else 'mended'}: {printable(finding.done)}")
    return "; ".join(parts)
