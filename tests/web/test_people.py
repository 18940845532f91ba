# SPDX-License-Identifier: Apache-2.0
"""The JSON API over accounts: what it does, what it refuses, and that it tells no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from entrepot.auth.gate import Admission, Approach, OpenGate
from entrepot.auth.passwords import verify_password
from entrepot.index.directory import ADMINISTRATORS, Account
from entrepot.storage.memory import open_memory
from support.edges import EdgeUnderTest
from support.houses import open_house
from support.people import Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from entrepot.oci.access import Access
    from support.houses import House

PASSWORD = "correct horse"


class AsSomebody(OpenGate):
    """Lets everybody in under one name, and remembers what had to be allowed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.needs: list[str] = []

    async def admit(self, _approach: Approach, needs: Sequence[Access]) -> Admission:
        self.needs = [str(need) for need in needs]
        return Admission(actor=self.name)


class Desk:
    """The API of a registry with accounts, asked as `gate.name`."""

    def __init__(self, house: House) -> None:
        self.gate = AsSomebody("root")
        self.office: Office = open_office(house.index.directory)
        self._edge = EdgeUnderTest(house, self.gate, administration=self.office.administration)

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document."""
        headers = [] if body is None else [(b"content-type", b"application/json")]
        raw = b"" if body is None else json.dumps(body).encode()
        answer = await self._edge.ask(method, f"/api/v1{path}", headers, body=raw)
        assert answer.headers["cache-control"] == "no-store"
        return answer.status, json.loads(answer.body)

    async def do(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """The document, with this status."""
        said, document = await self.ask(method, path, body)
        assert said == status, document
        return document

    async def refuse(self, method: str, path: str, body: object, status: int) -> str:
        """Why it is refused."""
        document = await self.do(method, path, body, status)
        return str(document["errors"][0]["detail"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Where nobody is yet."""
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        yield Desk(house)


async def test_users(desk: Desk) -> None:
    """A user is made, shown, listed in pages, locked, given roles, and removed; the password is in no answer."""
    made = await desk.do("POST", "/users", {"name": "ann", "password": PASSWORD, "comment": "first floor"}, 201)
    assert made == await desk.do("GET", "/users/ann")
    assert (made["name"], made["kind"], made["locked"], made["hasSecret"]) == ("ann", "user", False, True)
    assert (made["comment"], made["roles"], made["expiresAt"], made["usedAt"]) == ("first floor", [], None, None)
    assert "secret" not in made
    assert "argon2" not in json.dumps(made)
    await desk.do("POST", "/users", {"name": "bob"}, 201)
    first = await desk.do("GET", "/users?n=1")
    assert ([one["name"] for one in first["users"]], first["next"]) == (["ann"], "ann")
    second = await desk.do("GET", f"/users?n=1&last={first['next']}")
    assert ([one["name"] for one in second["users"]], second["next"]) == (["bob"], None)
    assert (await desk.do("PATCH", "/users/ann", {"locked": True, "comment": "left"}))["locked"]
    assert (await desk.do("GET", "/users/ann"))["comment"] == "left"
    assert not (await desk.do("PATCH", "/users/ann", {"locked": False}))["locked"]
    assert (await desk.do("PATCH", "/users/ann", {}))["comment"] == "left"
    await desk.refuse("PATCH", "/users/ann", {"locked": True, "comment": "two\nlines"}, 400)
    assert not (await desk.do("GET", "/users/ann"))["locked"]
    await desk.do("POST", "/roles", {"name": "builders"}, 201)
    assert (await desk.do("POST", "/users/ann/roles", {"role": "builders"}))["roles"] == ["builders"]
    assert (await desk.do("DELETE", "/users/ann/roles/builders"))["roles"] == []
    await desk.refuse("DELETE", "/users/ann/roles/builders", None, 404)
    assert (await desk.do("DELETE", "/users/ann"))["name"] == "ann"
    await desk.refuse("GET", "/users/ann", None, 404)
    assert {actor for actor, _, _ in desk.office.told} == {"root"}
    assert {address for _, address, _ in desk.office.told} == {"192.0.2.7"}


async def test_passwords(desk: Desk) -> None:
    """An administrator sets one; whoever knows the old one changes their own, and nobody else's."""
    await desk.do("POST", "/users", {"name": "ann", "password": PASSWORD}, 201)
    await desk.do("POST", "/users/ann/password", {"password": "second password"})
    desk.gate.name = "ann"
    change = {"old": PASSWORD, "new": "third password"}
    assert "old password" in await desk.refuse("POST", "/account/password", change, 403)
    assert desk.gate.needs == []
    await desk.do("POST", "/account/password", {**change, "old": "second password"})
    account = await desk.office.directory.account("ann")
    assert account is not None
    assert verify_password(account.secret, "third password")
    assert "8 to 1024" in await desk.refuse("POST", "/users/ann/password", {"password": "short"}, 400)
    await desk.refuse("POST", "/users/nobody/password", {"password": PASSWORD}, 404)


async def test_robots(desk: Desk) -> None:
    """The token is answered when it is made and renewed, and never again."""
    rules = [{"pattern": "team/**", "actions": ["pull", "push"], "network": "10.0.0.0/8"}]
    made = await desk.do("POST", "/robots", {"name": "ci", "days": 90, "rules": rules, "comment": "builds"}, 201)
    assert made["token"].startswith("ept_")
    assert made["robot"]["expiresAt"] is not None
    [rule] = (await desk.do("GET", "/rules?subject=robot:ci"))["rules"]
    assert (rule["pattern"], rule["actions"], rule["network"]) == ("team/**", ["pull", "push"], "10.0.0.0/8")
    renewed = await desk.do("POST", "/robots/ci/renew", {"days": None})
    assert renewed["token"] != made["token"]
    assert renewed["robot"]["expiresAt"] is None
    for path in ("/robots", "/robots/ci", "/rules"):
        said = json.dumps(await desk.do("GET", path))
        assert "ept_" not in said
        assert "sha256" not in said
    await desk.refuse("GET", "/users/ci", None, 404)
    await desk.do("DELETE", "/robots/ci")
    assert (await desk.do("GET", "/rules?subject=robot:ci"))["rules"] == []


async def test_roles_and_rules(desk: Desk) -> None:
    """They are made, shown, and removed; built-in roles stay."""
    role = await desk.do("POST", "/roles", {"name": "builders", "comment": "they build"}, 201)
    assert (
        role
        == {"name": "builders", "comment": "they build", "builtIn": False}
        == await desk.do("GET", "/roles/builders")
    )
    names = [one["name"] for one in (await desk.do("GET", "/roles"))["roles"]]
    assert names == ["administrators", "anonymous", "builders", "everyone"]
    rule = await desk.do(
        "POST", "/rules", {"subject": "role:builders", "pattern": "a/**", "actions": ["pull"], "comment": "why"}, 201
    )
    assert rule == await desk.do("GET", f"/rules/{rule['id']}")
    assert (rule["subject"], rule["network"], rule["comment"]) == ("role:builders", "*", "why")
    same = {"subject": "role:builders", "pattern": "a/**", "actions": ["pull"]}
    await desk.refuse("POST", "/rules", same, 409)
    assert await desk.do("DELETE", f"/rules/{rule['id']}") == rule
    for path in (f"/rules/{rule['id']}", "/rules/x", "/rules/0", f"/rules/{10**30}"):
        await desk.refuse("GET", path, None, 404)
        await desk.refuse("DELETE", path, None, 404)
    await desk.do("DELETE", "/roles/builders")
    await desk.refuse("GET", "/roles/builders", None, 404)
    assert "built in" in await desk.refuse("DELETE", "/roles/everyone", None, 409)


async def test_last_administrator(desk: Desk) -> None:
    """Cannot be locked, removed, or lose the role: 409, and nothing has changed."""
    await desk.do("POST", "/users", {"name": "root", "password": PASSWORD, "roles": [ADMINISTRATORS]}, 201)
    before = await desk.do("GET", "/users/root")
    for method, path, body in (
        ("PATCH", "/users/root", {"locked": True, "comment": "out"}),
        ("DELETE", "/users/root", None),
        ("DELETE", f"/users/root/roles/{ADMINISTRATORS}", None),
    ):
        assert "last" in await desk.refuse(method, path, body, 409)
    assert await desk.do("GET", "/users/root") == before


async def test_explain(desk: Desk) -> None:
    """Whether somebody may, by which rule, or why not."""
    await desk.do("POST", "/users", {"name": "ann", "password": PASSWORD}, 201)
    await desk.do("POST", "/rules", {"subject": "user:ann", "pattern": "team/*", "actions": ["pull"]}, 201)
    there = "/repositories/team/app/-/access"
    assert await desk.do("GET", f"{there}?account=ann&action=pull&address=10.0.0.1") == {
        "allowed": True,
        "rule": "user ann: team/* pull",
        "reasons": [],
    }
    found = await desk.do("GET", f"{there}?account=ann&action=push")
    assert not found["allowed"]
    assert "does not allow push" in found["reasons"][1]
    assert not (await desk.do("GET", there))["allowed"]
    for query in ("action=eat", "address=inside", "account=a:b", f"address={'0' * 65}"):
        await desk.refuse("GET", f"{there}?{query}", None, 400)
    await desk.refuse("GET", f"/users?last={'x' * 65}", None, 400)


async def test_own_account(desk: Desk) -> None:
    """Whoever has signed in sees who they are and what holds for them; needing nothing more than that."""
    await desk.do("POST", "/users", {"name": "ann", "password": PASSWORD}, 201)
    await desk.do("POST", "/rules", {"subject": "user:ann", "pattern": "team/*", "actions": ["pull"]}, 201)
    await desk.do("POST", "/users", {"name": "bob", "password": PASSWORD}, 201)
    desk.gate.name = "ann"
    said = await desk.do("GET", "/account")
    assert desk.gate.needs == []
    assert (said["name"], said["account"]["name"], said["roles"]) == ("ann", "ann", ["anonymous", "everyone"])
    assert [rule["subject"] for rule in said["rules"]] == ["user:ann"]
    desk.gate.name = "bob"
    assert (await desk.do("GET", "/account"))["rules"] == []
    desk.gate.name = "signed in elsewhere"
    said = await desk.do("GET", "/account")
    assert (said["name"], said["account"]) == ("signed in elsewhere", None)


async def test_who_may(desk: Desk) -> None:
    """All but one's own account is for administrators."""
    await desk.office.directory.add_account(Account("1", "user", ""))
    asked = 0
    for operation in desk._edge.operations:
        noun = operation.path.split("/")[1]
        if noun in {"users", "robots", "roles", "rules"} or operation.path.endswith("/access"):
            path = operation.path.replace("{name}", "a")
            for word in ("user", "robot", "role", "rule"):
                path = path.replace(f"{{{word}}}", "1")
            desk.gate.needs = []
            await desk.ask(operation.method, path)
            assert desk.gate.needs == ["registry:administration:*"], operation
            asked += 1
    assert asked > 20


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {}),
        ("/users", []),
        ("/users", {"name": None}),
        ("/users", {"name": 1}),
        ("/users", {"name": "a:b", "password": PASSWORD}),
        ("/users", {"name": "ann", "password": None}),
        ("/users", {"name": "ann", "password": ["x"]}),
        ("/users", {"name": "ann", "pasword": PASSWORD}),
        ("/users", {"name": "ann", "roles": "administrators"}),
        ("/users", {"name": "ann", "roles": [1]}),
        ("/users", {"name": "ann", "roles": ["\0"]}),
        ("/users", {"name": "ann", "comment": "\ud800"}),
        ("/users", {"name": "\ud800"}),
        ("/robots", {"name": "ci", "days": "90"}),
        ("/robots", {"name": "ci", "days": 0}),
        ("/robots", {"name": "ci", "days": 1.5}),
        ("/robots", {"name": "ci", "days": True}),
        ("/robots", {"name": "ci", "days": 10**400}),
        ("/robots", {"name": "ci", "rules": {}}),
        ("/robots", {"name": "ci", "rules": ["team/**=pull"]}),
        ("/robots", {"name": "ci", "rules": [{"pattern": "a"}]}),
        ("/robots", {"name": "ci", "rules": [{"pattern": "a", "actions": ["pull"], "subject": "everyone"}]}),
        ("/roles", {"name": ""}),
        ("/rules", {"subject": "ann", "pattern": "a", "actions": ["pull"]}),
        ("/rules", {"subject": "everyone", "pattern": "a", "actions": []}),
        ("/rules", {"subject": "everyone", "pattern": "a", "actions": ["pull,push", "eat"]}),
        ("/rules", {"subject": "everyone", "pattern": "\0", "actions": ["pull"]}),
        ("/rules", {"subject": "everyone", "pattern": "a", "actions": ["pull"], "network": "inside"}),
    ],
)
async def test_bad_bodies(desk: Desk, path: str, body: object) -> None:
    """They are refused with 400 in words, and nothing has changed."""
    said = await desk.refuse("POST", path, body, 400)
    assert said != "None"
    assert desk.office.told == []


async def test_other_bodies(desk: Desk) -> None:
    """What is no JSON by its type, or too large, is refused before it is read as such."""
    edge = desk._edge
    plain = await edge.ask("POST", "/api/v1/users", [(b"content-type", b"text/plain")], body=b'{"name":"ann"}')
    assert plain.status == 415
    large = b'{"name": "ann", "comment": "' + b"x" * 20_000 + b'"}'
    answer = await edge.ask("POST", "/api/v1/users", [(b"content-type", b"application/json")], body=large)
    assert answer.status == 413
    foreign = [(b"content-type", b"application/json"), (b"origin", b"https://evil.example.net")]
    answer = await edge.ask("POST", "/api/v1/users", foreign, body=b'{"name":"ann"}')
    assert answer.status == 403
    assert desk.office.told == []
