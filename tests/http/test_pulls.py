# SPDX-License-Identifier: Apache-2.0
"""What pulls over HTTP are counted, by several workers at once, and that a stop loses none."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import httpx

from support import images, transfer
from support.waiting import until

if TYPE_CHECKING:
    from conftest import StartServer
    from support.server import Server

REPOSITORY = "team/app"


def counts(server: Server) -> dict[str, int]:
    """What the index says, by tag or digest."""
    with closing(sqlite3.connect(f"file:{server.root}/entrepot/index.sqlite3?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT name, count FROM pulls WHERE repository = ?", [REPOSITORY]).fetchall()
    return {str(name): int(count) for name, count in rows}


def test_workers_count_together(start_server: StartServer) -> None:
    """Every GET that three workers answered counts once, for the tag and the manifest, by the short way and the long
    one; HEAD, what was not modified and what is not there do not. A restart loses none.
    """
    server = start_server(workers=3)
    client = server.client()
    made = transfer.push(client, REPOSITORY, images.image(layers=1), "1.0")
    base = f"/v2/{REPOSITORY}/manifests/"

    def pull(_number: int) -> None:
        with httpx.Client(base_url=server.url, trust_env=False) as one:  # each on a connection of its own
            assert one.get(base + "1.0").status_code == 200
            assert one.get(base + made.digest).status_code == 200
            assert one.head(base + "1.0").status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pull, range(60)))
    assert client.get(base + "1.0", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(base + "1.0", headers={"If-None-Match": f'"{made.digest}"'}).status_code == 304
    assert client.get(base + "none").status_code == 404
    expected = {"1.0": 61, made.digest: 121}
    until(lambda: counts(server) == expected, what="all pulls are written")
    assert client.get(base + "1.0").status_code == 200
    assert server.stop() == 0
    assert counts(server) == {"1.0": 62, made.digest: 122}
    server.start()
    assert server.client().get(base + "1.0").status_code == 200
    server.stop()
    assert counts(server) == {"1.0": 63, made.digest: 123}


def test_read_only(start_server: StartServer) -> None:
    """A registry that may write nothing counts nothing."""
    server = start_server()
    transfer.push(server.client(), REPOSITORY, images.image(layers=1), "1.0")
    server.stop()
    server.config["storage"]["maintenance"] = {"readonly": {"enabled": True}}
    server.start()
    assert server.client().get(f"/v2/{REPOSITORY}/manifests/1.0").status_code == 200
    server.stop()
    assert counts(server) == {}
