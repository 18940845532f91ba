# SPDX-License-Identifier: Apache-2.0
"""oras pushes artifacts, attaches to them, discovers what is attached, and copies the whole graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support import images, programs, transfer

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.clients

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
SBOM, SIGNATURE = "application/vnd.example.sbom", "application/vnd.example.signature"


def oras(home: Path, *arguments: str, fails: bool = False) -> str:
    """Run oras in `home`: file names become titles of layers, so they are relative."""
    home.mkdir(exist_ok=True)
    command, *rest = arguments
    return programs.run(["oras", command, *rest], cwd=home, fails=fails).strip()


def push_chart(home: Path, name: str) -> str:
    """Push what helm pushes for a chart: its own config type and one gzipped tar. Returns the digest."""
    home.mkdir(exist_ok=True)
    (home / "config.json").write_text('{"name": "app", "version": "1.0.0", "apiVersion": "v2"}')
    (home / "app-1.0.0.tgz").write_bytes(images.layer(5000)[0].data)
    config, content = f"config.json:{CHART_CONFIG}", f"app-1.0.0.tgz:{CHART_CONTENT}"
    said = oras(home, "push", "--plain-http", "--format", "json", "--config", config, name, content)
    return str(json.loads(said)["digest"])


def attach(home: Path, name: str, artifact_type: str) -> str:
    """Attach a file of this type to `name`; returns the digest of the referrer."""
    file = artifact_type.rpartition(".")[2] + ".json"
    (home / file).write_text(json.dumps({"for": name, "type": artifact_type}))
    options = ("--plain-http", "--format", "json", "--artifact-type", artifact_type)
    return str(json.loads(oras(home, "attach", *options, name, f"{file}:application/json"))["digest"])


def discovered(home: Path, name: str, *filters: str) -> dict[str, str]:
    """Digest and type of everything attached to `name`."""
    found = json.loads(oras(home, "discover", "--plain-http", "--format", "json", *filters, name))["manifests"] or []
    return {each["digest"]: each["artifactType"] for each in found}


def test_push_and_pull_a_chart(reference: str, repository: str, wire: httpx.Client, tmp_path: Path) -> None:
    """A chart goes up with helm's media types and comes down byte for byte, also under its second tag."""
    digest = push_chart(tmp_path / "here", f"{reference}:1.0.0,latest")
    for tag in ("1.0.0", "latest"):
        oras(tmp_path / tag, "pull", "--plain-http", f"{reference}:{tag}")
        assert (tmp_path / tag / "app-1.0.0.tgz").read_bytes() == (tmp_path / "here" / "app-1.0.0.tgz").read_bytes()
    served = transfer.pull_manifest(wire, repository, "1.0.0")
    assert served.digest == digest
    assert json.loads(served.data)["config"]["mediaType"] == CHART_CONFIG


def test_attach_and_discover(reference: str, repository: str, wire: httpx.Client, tmp_path: Path) -> None:
    """What is attached is discovered through the referrers API, by type too; no fall-back tag is left behind."""
    digest = push_chart(tmp_path, f"{reference}:1.0.0")
    assert discovered(tmp_path, f"{reference}:1.0.0") == {}
    sbom, signature = (attach(tmp_path, f"{reference}:1.0.0", each) for each in (SBOM, SIGNATURE))
    assert discovered(tmp_path, f"{reference}:1.0.0") == {sbom: SBOM, signature: SIGNATURE}
    assert discovered(tmp_path, f"{reference}:1.0.0", "--artifact-type", SBOM) == {sbom: SBOM}
    answer = wire.get(f"/v2/{repository}/referrers/{digest}", params={"artifactType": SIGNATURE})
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert [each["digest"] for each in answer.json()["manifests"]] == [signature]
    assert wire.get(f"/v2/{repository}/tags/list").json()["tags"] == ["1.0.0"]


def test_copy_with_everything_attached(reference: str, repository: str, wire: httpx.Client, tmp_path: Path) -> None:
    """A recursive copy brings the artifact, what is attached to it, and what is attached to that."""
    source, target = f"{reference}/a", f"{reference}/b"
    digest = push_chart(tmp_path, f"{source}:1.0.0")
    sbom = attach(tmp_path, f"{source}:1.0.0", SBOM)
    signature = attach(tmp_path, f"{source}@{sbom}", SIGNATURE)
    plain = ("--from-plain-http", "--to-plain-http")
    oras(tmp_path, "copy", "--recursive", *plain, f"{source}:1.0.0", f"{target}:1.0.0")
    assert transfer.pull_manifest(wire, f"{repository}/b", "1.0.0").digest == digest
    assert discovered(tmp_path, f"{target}:1.0.0") == {sbom: SBOM}
    assert discovered(tmp_path, f"{target}@{sbom}") == {signature: SIGNATURE}


def test_a_deleted_referrer_is_no_longer_discovered(reference: str, tmp_path: Path) -> None:
    """A referrer that was discovered is not after it was deleted, and its subject still pulls."""
    push_chart(tmp_path / "here", f"{reference}:1.0.0")
    sbom = attach(tmp_path / "here", f"{reference}:1.0.0", SBOM)
    assert discovered(tmp_path, f"{reference}:1.0.0") == {sbom: SBOM}
    oras(tmp_path, "manifest", "delete", "--force", "--plain-http", f"{reference}@{sbom}")
    assert discovered(tmp_path, f"{reference}:1.0.0") == {}
    oras(tmp_path / "there", "pull", "--plain-http", f"{reference}:1.0.0")
    assert (tmp_path / "there" / "app-1.0.0.tgz").exists()
