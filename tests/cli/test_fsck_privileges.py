# SPDX-License-Identifier: Apache-2.0
"""``entrepot fsck`` as a user who may not read everything."""

import json
import os
import shutil
import subprocess

import pytest

from cli.conftest import Premises
from entrepot.storage import layout
from support import images
from support.houses import House, push
from support.rooms import NAME, OTHER
from support.server import entrepot

WITHOUT_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Root reads everything, but for this."""


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="needs setpriv: apt-get install util-linux"
)
def test_what_cannot_be_read(premises: Premises) -> None:
    """Directories and files that may not be read are errors with their place, and all else is checked."""
    first, second = images.image(), images.image()

    async def fill(house: House) -> None:
        await push(house.registry, NAME, first, "latest")
        await push(house.registry, OTHER, second, "latest")

    premises.work(fill)
    assert premises.check("--full") == []
    (premises.root / layout.REPOSITORIES / NAME / "_manifests").chmod(0)
    layer = second.blobs[1].digest
    data = next((premises.root / layout.BLOBS).rglob(f"{layer.partition(':')[2]}/data"))
    data.chmod(0)
    command = [*(WITHOUT_OVERRIDE if os.geteuid() == 0 else []), *entrepot("fsck", premises.config, "--json", "--full")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (premises.root / layout.REPOSITORIES / NAME / "_manifests").chmod(0o755)
    assert said.returncode == 1, said.stderr
    found = [json.loads(line) for line in said.stdout.splitlines()][:-1]
    unreadable = {one["where"] for one in found if one["kind"] == "unreadable"}
    assert unreadable == {f"{layout.REPOSITORIES}/{NAME}/_manifests", NAME, layer}
    assert {one["kind"] for one in found} == {"unreadable"}
