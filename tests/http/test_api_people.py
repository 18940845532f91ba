# SPDX-License-Identifier: Apache-2.0
"""Accounts are administered over HTTP by administrators alone, and what they change holds on every worker."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import httpx
import pytest

from support import images, transfer
from support.accounts import PASSWORD, ROOT, People, accounts, make_administrator, token
from support.api import refused
from support.waiting import until

if TYPE_CHECKING:
    from support.server import Server

CONFIG = accounts()
API = "/api/v1"

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def people(registry: Server) -> People:
    """An administrator."""
    return make_administrator(registry)


@pytest.fixture
def root(registry: Server, people: People) -> httpx.Client:  # noqa: ARG001 - who must be there
    """What an administrator asks with."""
    return by(registry, ROOT)


def by(registry: Server, who: tuple[str, str]) -> httpx.Client:
    """A client with Basic credentials."""
    client = registry.client()
    client.auth = httpx.BasicAuth(*who)
    return client


def everywhere(registry: Server, who: tuple[str, str], method: str, path: str, status: int) -> None:
    """Wait until this is answered twelve times in a row on connections of their own, so that each worker was asked."""

    def holds() -> bool:
        for _ in range(12):
            with httpx.Client(base_url=registry.url, auth=who, timeout=30) as client:  # wrong ones are slowed
                if client.request(method, path).status_code != status:
                    return False
        return True

    until(holds, what=f"{method} {path} is answered with {status}")


def refused_as_unknown(client: httpx.Client) -> None:
    """Its credentials hold no longer."""
    refused(client.get(f"{API}/account"), 401, "UNAUTHORIZED")


def do(client: httpx.Client, method: str, path: str, status: int = 200, **body: object) -> dict[str, object]:
    """The document that is answered."""
    answer = client.request(method, f"{API}{path}", json=body or None)
    assert answer.status_code == status, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    document: dict[str, object] = answer.json()
    return document


def test_from_nothing_to_a_push(registry: Server, root: httpx.Client) -> None:
    """A user made over HTTP may push where a rule says so, and no longer when it is gone or the user locked."""
    name = f"u{next(_NUMBERS)}"
    do(root, "POST", "/users", 201, name=name, password=PASSWORD)
    who, uploads = (name, PASSWORD), f"/v2/{name}/app/blobs/uploads/"
    client = by(registry, who)
    everywhere(registry, who, "POST", uploads, 403)
    rule = do(root, "POST", "/rules", 201, subject=f"user:{name}", pattern=f"{name}/**", actions=["pull", "push"])
    everywhere(registry, who, "POST", uploads, 202)
    transfer.push(client, f"{name}/app", images.image(layers=1), "1.0")
    bearer = {"Authorization": f"Bearer {token(registry, (name, PASSWORD), f'repository:{name}/app:pull')}"}
    manifest = f"/v2/{name}/app/manifests/1.0"
    asker = registry.client()
    assert asker.get(manifest, headers=bearer).status_code == 200
    do(root, "PATCH", f"/users/{name}", locked=True)
    until(lambda: asker.get(manifest, headers=bearer).status_code == 401, what="the token holds no longer")
    do(root, "PATCH", f"/users/{name}", locked=False)
    until(lambda: client.get(manifest).status_code == 200, what="unlocked")
    do(root, "DELETE", f"/rules/{rule['id']}")
    until(lambda: client.get(manifest).status_code == 403, what="the rule is gone")


def test_a_robot(registry: Server, root: httpx.Client) -> None:
    """Its token logs in, until another one is made; when it was last used is told."""
    name = f"r{next(_NUMBERS)}"
    made = do(root, "POST", "/robots", 201, name=name, rules=[{"pattern": f"{name}/**", "actions": ["pull", "push"]}])
    robot = by(registry, (name, str(made["token"])))
    everywhere(registry, (name, str(made["token"])), "POST", f"/v2/{name}/app/blobs/uploads/", 202)
    transfer.push(robot, f"{name}/app", images.image(layers=1), "1.0")
    until(lambda: do(root, "GET", f"/robots/{name}")["usedAt"] is not None, what="its use is noted")
    renewed = do(root, "POST", f"/robots/{name}/renew", days=1)
    another = (name, str(renewed["token"]))
    everywhere(registry, another, "GET", f"/v2/{name}/app/tags/list", 200)
    refused_as_unknown(robot)
    assert do(by(registry, another), "GET", "/account")["name"] == name


def test_own_account(registry: Server, people: People, root: httpx.Client) -> None:
    """Whoever has signed in sees themselves and changes their own password; the rest is for administrators."""
    who = people.user(f"u{next(_NUMBERS)}")
    client = by(registry, who)
    everywhere(registry, who, "GET", f"{API}/account", 200)
    assert do(client, "GET", "/account")["roles"] == ["anonymous", "everyone"]
    for method, path in (("GET", "/users"), ("GET", f"/users/{who[0]}"), ("POST", "/rules"), ("DELETE", "/roles/x")):
        refused(client.request(method, f"{API}{path}"), 403, "DENIED")
    refused(client.post(f"{API}/account/password", json={"old": "wrong", "new": "battery"}), 403, "DENIED")
    do(client, "POST", "/account/password", old=who[1], new="a new password")
    everywhere(registry, (who[0], "a new password"), "GET", f"{API}/account", 200)
    refused_as_unknown(client)
    assert do(by(registry, (who[0], "a new password")), "GET", "/account")["name"] == who[0]
    assert do(root, "GET", f"/users/{who[0]}")["name"] == who[0]


def test_without_credentials(registry: Server, people: People) -> None:  # noqa: ARG001 - who must be there
    """Nobody is told anything, not even whether an account is there."""
    client = registry.client()
    for path in ("/users", "/users/root", "/users/nobody", "/robots", "/roles", "/rules", "/account"):
        answer = client.get(f"{API}{path}")
        refused(answer, 401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_last_administrator(root: httpx.Client) -> None:
    """Stays, whoever asks; with another one beside, either may go."""
    assert do(root, "DELETE", "/users/admin")["roles"] == ["administrators"]
    refused(root.patch(f"{API}/users/{ROOT[0]}", json={"locked": True}), 409, "CONFLICT")
    refused(root.delete(f"{API}/users/{ROOT[0]}"), 409, "CONFLICT")
    assert do(root, "GET", f"/users/{ROOT[0]}")["locked"] is False
