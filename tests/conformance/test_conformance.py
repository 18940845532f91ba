# SPDX-License-Identifier: Apache-2.0
"""The OCI distribution conformance suite, every switch on, in all its versions and both settings of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import programs
from support.conformance import read_report, run_suite

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer

VERSIONS = ("1.0", "1.1", "dev")
SETTINGS: dict[str, dict[str, Any]] = {
    "complete": {},
    "sparse": {"validation": {"manifests": {"sparse": True, "indexes": {"platforms": "none"}}}},
}

# Checks that may be skipped, by name, with the reason. With every switch on nothing is.
MAY_SKIP: dict[str, str] = {}
# Kinds of data left out in a setting: complete manifests only, unless the registry is told to take sparse ones.
LEFT_OUT = {"complete": ("Sparse Manifests",), "sparse": ()}
# A run that ends early reports few checks and no failure; the whole suite has about a thousand.
AT_LEAST = 900


@pytest.mark.may_skip(reason="Go's module service does not hand out the suite; it runs where `conformance` is on PATH")
@pytest.mark.clients
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("version", VERSIONS)
def test_conformance(start_server: StartServer, tmp_path: Path, version: str, setting: str) -> None:
    """The suite reports no failure and no error, and skips nothing but what is listed here."""
    programs.need("conformance")
    server = start_server(SETTINGS[setting], workers=2)
    report = run_suite(server.host, tmp_path / "suite", version=version, sparse=setting == "sparse")
    failures = "\n".join(f"{check.name}\n    {check.said[:400]}" for check in report.failures)
    assert not report.failures, f"{len(report.failures)} checks failed:\n{failures}"
    assert report.totals["failures"] == report.totals["errors"] == 0
    assert report.totals["tests"] >= AT_LEAST
    assert report.skipped.keys() == MAY_SKIP.keys(), report.skipped
    assert report.totals["skipped"] + report.totals["disabled"] == len(MAY_SKIP)
    assert report.disabled == LEFT_OUT[setting]


JUNIT = """<testsuites tests="4" failures="1" errors="0" skipped="1" time="1.0">
  <testsuite name="OCI Conformance Test" tests="4" failures="1" errors="0" skipped="1" time="1.0">
    <properties><property name="Config" value="version: 1.1"/></properties>
    <testcase name="OCI Conformance Test/ping" classname="" time="0.01" status="passed"/>
    <testcase name="OCI Conformance Test/a" classname="" status="failure"><system-out>want 404</system-out></testcase>
    <testcase name="OCI Conformance Test/b" classname="" status="skipped"><system-err>no range</system-err></testcase>
  </testsuite>
</testsuites>"""
RESULTS = "config: {version: '1.1'}\napis: {Ping: Pass}\ndata: {Image: Pass, Sparse Manifests: Disabled}\n"


def test_its_report_is_read() -> None:
    """Failures, skips with their reasons, the suite's own counts and the data left out are all seen."""
    report = read_report(JUNIT, RESULTS)
    assert [(check.name, check.said) for check in report.failures] == [("OCI Conformance Test/a", "want 404")]
    assert report.skipped == {"OCI Conformance Test/b": "no range"}
    assert report.totals == {"tests": 4, "failures": 1, "errors": 0, "skipped": 1, "disabled": 0}
    assert report.disabled == ("Sparse Manifests",)
