# SPDX-License-Identifier: Apache-2.0
"""The OCI distribution conformance suite: run as a program, its report read."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import yaml

from support import programs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Every switch of the suite, so that no version's defaults leave one off; sparse manifests are a setting of their own.
SWITCHES = {
    "OCI_API_PULL", "OCI_API_PUSH", "OCI_API_BLOBS_ATOMIC", "OCI_API_BLOBS_DELETE", "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_BLOBS_MOUNT_ANONYMOUS", "OCI_API_BLOBS_UPLOAD_CANCEL", "OCI_API_MANIFESTS_ATOMIC",
    "OCI_API_MANIFESTS_DELETE", "OCI_API_MANIFESTS_DIGEST_HEADER", "OCI_API_MANIFESTS_TAG_PARAM",
    "OCI_API_PING", "OCI_API_REFERRER", "OCI_API_TAGS_ATOMIC", "OCI_API_TAGS_DELETE", "OCI_API_TAGS_LIST",
    "OCI_DATA_ARTIFACT", "OCI_DATA_ARTIFACT_LIST", "OCI_DATA_CUSTOM_FIELDS", "OCI_DATA_DATA_FIELD",
    "OCI_DATA_EMPTY_BLOB", "OCI_DATA_IMAGE", "OCI_DATA_INDEX", "OCI_DATA_INDEX_LIST", "OCI_DATA_NONDISTRIBUTABLE",
    "OCI_DATA_NO_LAYERS", "OCI_DATA_SHA512", "OCI_DATA_SUBJECT", "OCI_DATA_SUBJECT_LIST", "OCI_DATA_SUBJECT_MISSING",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the suite: its full name, how it ended (passed, skipped, failure, error), and what it said."""

    name: str
    status: str
    said: str


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of the suite found. `totals` are its own counts, which also cover steps that are no checks."""

    checks: tuple[Check, ...]
    totals: Mapping[str, int]
    disabled: tuple[str, ...]
    """Kinds of data that the configuration left out."""

    @property
    def failures(self) -> list[Check]:
        return [check for check in self.checks if check.status in {"failure", "error"}]

    @property
    def skipped(self) -> dict[str, str]:
        """Names of skipped checks and why."""
        return {check.name: check.said for check in self.checks if check.status == "skipped"}


def run_suite(host: str, home: Path, *, version: str, sparse: bool) -> Report:
    """Run the whole suite with every switch on against a registry that speaks plain HTTP."""
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        **dict.fromkeys(SWITCHES, "true"),
        "OCI_DATA_SPARSE": str(sparse).lower(),
        "OCI_VERSION": version,
        "OCI_REGISTRY": host,
        "OCI_TLS": "disabled",
        "OCI_REPO1": "conformance/repo1",
        "OCI_REPO2": "conformance/repo2",
        "OCI_RESULTS_DIR": str(home / "results"),
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OCI_")}
    # It ends with 1 when a check failed and with 0 when it could not even begin: only its report counts.
    done = subprocess.run(
        [programs.find("conformance")],
        cwd=home,
        env={**inherited, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    (home / "output.txt").write_text(done.stdout + done.stderr)
    junit = home / "results" / "junit.xml"
    assert junit.exists(), f"the suite wrote no report; it said:\n{done.stdout}{done.stderr}"
    return read_report(junit.read_text(), (home / "results" / "results.yaml").read_text())


def read_report(junit: str, results: str) -> Report:
    """The suite's two reports as one: checks from the first, kinds of data left out from the second."""
    suites = ET.fromstring(junit)  # noqa: S314 - written a moment ago by a program that we started
    checks = tuple(Check(case.get("name", ""), case.get("status", ""), _said(case)) for case in suites.iter("testcase"))
    totals = {key: int(suites.get(key) or 0) for key in ("tests", "failures", "errors", "skipped", "disabled")}
    data = yaml.safe_load(results)["data"]
    return Report(checks, totals, tuple(sorted(name for name, status in data.items() if status == "Disabled")))


def _said(case: ET.Element) -> str:
    texts = (case.findtext("system-out"), case.findtext("system-err"))
    return "\n".join(text.strip() for text in texts if text and text.strip())
