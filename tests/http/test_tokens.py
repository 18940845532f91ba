# SPDX-License-Identifier: Apache-2.0
"""The token service's protocol: both forms, what is granted, and what bad input gets."""

from __future__ import annotations

import re
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from entrepot.oci.access import Access
from support.accounts import ALL, PASSWORD, ROOT, People, accounts, from_address, make_administrator
from support.waiting import until
from support.wire import ask, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from conftest import StartServer
    from support.server import Server

CONFIG = accounts()
SERVICE = "test registry"


@pytest.fixture(scope="module")
def people(registry: Server) -> People:
    """alice pulls and pushes team/**, ci pulls there, everybody pulls public/**."""
    people = make_administrator(registry)
    people.user("alice")
    people.user("locked")
    people.lock("locked")
    people.rule("user:alice", "team/**", "pull", "push")
    people.rule("role:anonymous", "public/**", "pull")
    return people


@pytest.fixture(scope="module")
def alice(people: People, registry: Server) -> tuple[str, str]:
    """Known to all workers."""
    client = registry.client()
    wanted = {"scope": "repository:public/x:pull"}
    until(lambda: granted(client.get("/auth/token", params=wanted)), what="the rules are known")
    assert people.account("alice").roles == ()
    return "alice", PASSWORD


_NUMBERS = count(10)


@pytest.fixture
def stranger(registry: Server) -> Iterator[httpx.Client]:
    """A client at an address of its own, from where nobody has failed yet."""
    with from_address(registry, f"127.0.0.{next(_NUMBERS)}") as client:
        yield client


def claims(answer: httpx.Response) -> dict[str, Any]:
    """What the token says."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return found


def granted(answer: httpx.Response) -> list[str]:
    """What the token grants, as scopes."""
    found = []
    for one in claims(answer)["access"]:
        kind = f"{one['type']}({one['class']})" if "class" in one else one["type"]
        found.append(str(Access(kind, one["name"], frozenset(one["actions"]))))
    return found


def post(http: httpx.Client, **form: str) -> httpx.Response:
    return http.post("/auth/token", data=form)


@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/", "/api/auth", "/api/auth/"])
def test_both_addresses(http: httpx.Client, alice: tuple[str, str], path: str) -> None:
    """The same answers there, with a slash at the end and without: GET and POST."""
    got = http.get(path, auth=alice, params={"service": SERVICE})
    assert claims(got)["sub"] == "alice"
    sent = http.post(path, data={"grant_type": "password", "username": "alice", "password": PASSWORD})
    assert claims(sent)["sub"] == "alice"


def test_the_answer_to_get(http: httpx.Client, alice: tuple[str, str]) -> None:
    """The token under both names, how long it holds from when, and that nobody may keep it."""
    answer = http.get("/auth/token", auth=alice, params={"service": SERVICE, "scope": "repository:team/app:pull"})
    document = answer.json()
    assert set(document) == {"token", "access_token", "expires_in", "issued_at"}
    assert document["token"] == document["access_token"]
    assert document["expires_in"] == 300
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["issued_at"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert claims(answer)["aud"] == SERVICE
    assert claims(answer)["iss"] == "test issuer"


GRANTS = [
    (["repository:team/app:pull"], ["repository:team/app:pull"]),
    (["repository:team/app:pull,push"], ["repository:team/app:pull,push"]),
    (["repository:team/app:push,pull"], ["repository:team/app:pull,push"]),
    (["repository:team/app:delete"], []),
    (["repository:team/app:*"], ["repository:team/app:pull,push"]),
    (["repository:team/app:pull,delete"], ["repository:team/app:pull"]),
    (["repository:other/app:pull"], []),
    (["repository:public/app:pull,push"], ["repository:public/app:pull"]),
    (["repository:team/a:pull", "repository:team/b:push"], ["repository:team/a:pull", "repository:team/b:push"]),
    (["repository:team/a:pull repository:team/b:push"], ["repository:team/a:pull", "repository:team/b:push"]),
    (["repository:team/a:pull", "repository:team/a:push"], ["repository:team/a:pull,push"]),
    (["repository:team/a:pull", "repository:other/b:pull"], ["repository:team/a:pull"]),
    (["repository(plugin):team/a:pull"], ["repository(plugin):team/a:pull"]),
    (["registry:catalog:*"], ["registry:catalog:*"]),
    (["registry:catalog:search"], ["registry:catalog:search"]),
    (["registry:administration:*"], []),
    (["registry:other:*"], []),
    (["aws:team/a:pull"], []),
    (["repository:..:pull"], []),
    (["repository:team/../../etc:pull"], []),
    (["repository:TEAM/app:pull"], []),
    (["repository:**:pull"], []),
    (["repository:team/**:pull"], []),
    (["repository:team/app:pull,admin"], ["repository:team/app:pull"]),
    (["repository:team/app:"], []),
    ([""], []),
    (["  "], []),
    ([], []),
]


@pytest.mark.parametrize(("scopes", "expected"), GRANTS, ids=[" + ".join(scopes) or "none" for scopes, _ in GRANTS])
def test_what_is_granted(http: httpx.Client, alice: tuple[str, str], scopes: list[str], expected: list[str]) -> None:
    """What is asked for and allowed, no more; too much is no error. The OAuth2 form grants the same and says so."""
    answer = http.get("/auth/token", auth=alice, params=[("scope", scope) for scope in scopes])
    assert granted(answer) == expected
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD, "scope": " ".join(scopes)}
    answer = post(http, **form)
    assert granted(answer) == expected
    assert answer.json()["scope"] == " ".join(expected)


def test_an_administrator_is_granted_everything_but_administration(http: httpx.Client, people: People) -> None:
    """Tokens lie in files of clients; accounts are changed with the password alone."""
    assert people.account(ROOT[0]).roles == ("administrators",)
    wanted = ["repository:any/thing:*", "registry:catalog:*", "registry:administration:*"]
    answer = http.get("/auth/token", auth=ROOT, params=[("scope", scope) for scope in wanted])
    assert granted(answer) == ["repository:any/thing:*,pull,push,delete", "registry:catalog:*"]


def test_nobody_gets_a_token_for_what_is_public(http: httpx.Client, alice: tuple[str, str]) -> None:
    """Without credentials: no subject, what everybody may do, and never a refresh token."""
    assert alice
    scopes = [("scope", "repository:public/app:pull,push"), ("scope", "repository:team/app:pull")]
    answer = http.get("/auth/token", params=[*scopes, ("offline_token", "true"), ("account", "alice")])
    assert claims(answer)["sub"] == ""
    assert granted(answer) == ["repository:public/app:pull"]
    assert "refresh_token" not in answer.json()


def test_refresh_tokens_of_get(http: httpx.Client, alice: tuple[str, str]) -> None:
    """``offline_token=true`` brings one, and with it POST gives access tokens, as docker asks for them."""
    params = {"account": "alice", "client_id": "docker", "offline_token": "true", "service": SERVICE}
    refresh = http.get("/auth/token", auth=alice, params=params).json()["refresh_token"]
    wanted = {"grant_type": "refresh_token", "service": SERVICE, "client_id": "docker", "refresh_token": refresh}
    answer = post(http, **wanted, scope="repository:team/app:push,pull")
    assert claims(answer)["sub"] == "alice"
    assert granted(answer) == ["repository:team/app:pull,push"]
    assert set(answer.json()) == {"token", "access_token", "expires_in", "issued_at", "scope"}
    again = post(http, **wanted, access_type="offline").json()
    assert post(http, **{**wanted, "refresh_token": again["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("asked", ["false", "", "yes"])
def test_no_refresh_token_unasked(http: httpx.Client, alice: tuple[str, str], asked: str) -> None:
    """Docker would keep it in place of the password."""
    assert "refresh_token" not in http.get("/auth/token", auth=alice, params={"offline_token": asked}).json()


def test_a_refresh_token_opens_nothing(http: httpx.Client, alice: tuple[str, str]) -> None:
    """It is no access token, for /v2/ or anywhere; and an access token refreshes nothing."""
    document = http.get("/auth/token", auth=alice, params={"offline_token": "true"}).json()
    assert http.get("/v2/", headers={"Authorization": f"Bearer {document['token']}"}).status_code == 200
    answer = http.get("/v2/", headers={"Authorization": f"Bearer {document['refresh_token']}"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert post(http, grant_type="refresh_token", refresh_token=document["token"]).status_code == 401


def refused(answer: httpx.Response, status: int, code: str, oauth: str) -> str:
    """The refusal in all its forms; what a person reads of it."""
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert [error["code"] for error in document["errors"]] == [code]
    assert document["error"] == oauth
    assert document["details"] == document["error_description"] == document["errors"][0]["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    return str(document["details"])


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("alice", ""), ("a\tb", "c"), ("x" * 10_000, "y")],
    ids=["password", "user", "no user", "no password", "control", "long"],
)
def test_wrong_credentials(stranger: httpx.Client, alice: tuple[str, str], user: str, password: str) -> None:
    """401 in all forms, with a Basic challenge, the same whether or not the user is there."""
    assert alice
    for answer in (
        stranger.get("/auth/token", auth=(user, password)),
        post(stranger, grant_type="password", username=user, password=password),
    ):
        assert refused(answer, 401, "UNAUTHORIZED", "invalid_grant")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="test registry"'


def test_the_person_reads_what_is_wrong(stranger: httpx.Client, alice: tuple[str, str]) -> None:
    """A wrong password and an unknown user read the same; who has the right password reads that they are locked."""
    assert alice
    wrong = refused(stranger.get("/auth/token", auth=("alice", "no")), 401, "UNAUTHORIZED", "invalid_grant")
    nobody = refused(stranger.get("/auth/token", auth=("bob", "no")), 401, "UNAUTHORIZED", "invalid_grant")
    assert wrong == nobody == "the name or the password is wrong"
    locked = refused(stranger.get("/auth/token", auth=("locked", PASSWORD)), 401, "UNAUTHORIZED", "invalid_grant")
    assert "locked; an administrator can unlock it" in locked
    guessed = refused(stranger.get("/auth/token", auth=("locked", "no")), 401, "UNAUTHORIZED", "invalid_grant")
    assert guessed == wrong


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Basic YWxpY2U=", "Bearer x.y.z", "Digest a", "x" * 70_000]
)
def test_odd_authorization(stranger: httpx.Client, header: str) -> None:
    """Credentials that say nothing are refused; nobody becomes anonymous by mistyping."""
    answer = stranger.get("/auth/token", headers={"Authorization": header})
    assert answer.status_code in {401, 431}
    if answer.status_code == 401:
        refused(answer, 401, "UNAUTHORIZED", "invalid_grant")


def test_another_service(http: httpx.Client, alice: tuple[str, str]) -> None:
    """Says for which service tokens are had; none named is fine."""
    said = refused(
        http.get("/auth/token", auth=alice, params={"service": "elsewhere"}), 400, "UNSUPPORTED", "invalid_request"
    )
    assert "'test registry'" in said
    assert "'elsewhere'" in said
    assert http.get("/auth/token", auth=alice, params={"service": ""}).status_code == 200


@pytest.mark.parametrize(
    "scope",
    ["repository", "repository:team/app", "::", "repository:team/app:PULL", "Repository:a:pull", "a" * 3000, ":a:pull"],
)
def test_malformed_scopes(http: httpx.Client, alice: tuple[str, str], scope: str) -> None:
    """400 with how one looks."""
    said = refused(http.get("/auth/token", auth=alice, params={"scope": scope}), 400, "UNSUPPORTED", "invalid_request")
    assert "scope" in said or "actions" in said


def test_too_many_scopes(http: httpx.Client, alice: tuple[str, str]) -> None:
    """Two hundred are granted, more are refused."""
    many = " ".join(f"repository:team/{number}:pull" for number in range(201))
    form = {"grant_type": "password", "username": alice[0], "password": alice[1]}
    assert "200 scopes" in refused(post(http, **form, scope=many), 400, "UNSUPPORTED", "invalid_request")
    assert len(granted(post(http, **form, scope=many.rpartition(" ")[0]))) == 200


@pytest.mark.parametrize("grant", ["", "client_credentials", "authorization_code", "PASSWORD", "x" * 5000])
def test_unknown_grants(http: httpx.Client, grant: str) -> None:
    """400 in the words of OAuth2."""
    form = {"grant_type": grant, "username": "alice", "password": PASSWORD}
    refused(post(http, **form), 400, "UNSUPPORTED", "unsupported_grant_type")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"grant_type=%ff%fe", 400),
        (b"&" * 1000, 400),
        (b"grant_type=password&username=" + b"a" * 65_536, 413),
        (b"a=b&" * 5000, 400),
        (b"grant_type=password&grant_type=refresh_token", 401),
        (b"grant_type=password", 401),
        (b"grant_type=refresh_token", 401),
        (b"grant_type=refresh_token&refresh_token=a.b.c", 401),
        (b"grant_type=password&username=alice&password=%00", 401),
        (b"grant_type=password&username=%00&password=x", 401),
        (b"grant_type=password&username=" + b"u" * 60_000 + b"&password=x", 401),
        (b'{"grant_type": "password"}', 400),
    ],
)
def test_bodies_of_other_forms(stranger: httpx.Client, body: bytes, status: int) -> None:
    """Whatever comes, the answer is one of the client's mistakes."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stranger.post("/auth/token", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]


def test_a_body_of_another_type(stranger: httpx.Client) -> None:
    """JSON is not the form; a body without a type is taken for one."""
    answer = stranger.post("/auth/token", json={"grant_type": "password"})
    assert "x-www-form-urlencoded" in refused(answer, 400, "UNSUPPORTED", "invalid_request")
    answer = stranger.post("/auth/token", content=b"grant_type=password&username=a&password=b")
    refused(answer, 401, "UNAUTHORIZED", "invalid_grant")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE"])
def test_other_methods(http: httpx.Client, method: str) -> None:
    """405 with those that there are; OPTIONS names them, too."""
    answer = http.request(method, "/auth/token")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert http.options("/auth/token").headers["Allow"] == "GET, POST, OPTIONS"


def test_without_accounts_there_is_no_token_service(start_server: StartServer) -> None:
    """An open registry has nothing at these addresses."""
    client = start_server().client()
    assert client.get("/auth/token").status_code == 404
    assert client.get("/api/auth").status_code == 404


def test_the_realm_that_the_configuration_names(start_server: StartServer) -> None:
    """With ``auth.token`` beside the accounts, as it was written for another program, ours answers at its realm, under
    its service and issuer, and challenges name it.
    """
    named = {"realm": "https://hub.test/ui/api/token", "service": "old service", "issuer": "old issuer"}
    registry = start_server({"auth": {"accounts": {}, "token": {**named, "rootcertbundle": "/none.pem"}}})
    client = registry.client()
    challenge = client.get("/v2/").headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="https://hub.test/ui/api/token",service="old service"'
    make_administrator(registry)
    for path in ("/ui/api/token", "/api/auth", "/auth/token"):
        answer = client.get(path, auth=ROOT, params={"service": "old service"})
        assert (claims(answer)["iss"], claims(answer)["aud"]) == ("old issuer", "old service")
    assert client.get("/ui/api/other").status_code == 404


def test_the_realm_under_a_prefix(start_server: StartServer) -> None:
    """``http.prefix`` stands before the address, in the challenge and where it is asked."""
    registry = start_server({**accounts(), "http": {"prefix": "/hub/"}})
    client = registry.client()
    assert f'realm="{registry.url}/hub/auth/token"' in client.get("/hub/v2/").headers["WWW-Authenticate"]
    assert client.get("/hub/auth/token").status_code == 200
    assert client.get("/hub/api/auth/").status_code == 200


def test_a_host_that_is_none(registry: Server) -> None:
    """What a client says in Host never breaks out of the quotes of the realm."""
    for host in ('a",service="evil', "evil.test/path", "a b", "evil.test, b"):
        answer = ask(registry.host, request("GET", "/v2/", host=host))
        assert answer.status in {400, 401}
        assert "evil" not in answer.headers.get("www-authenticate", "")


def test_an_index_in_postgresql(start_server: StartServer, database: str) -> None:
    """The same there: the pair is made and kept, and names that no text column takes are refused like any other."""
    registry = start_server({**accounts(), "index": {"url": database}})
    people = make_administrator(registry)
    client = registry.client()
    assert granted(client.get("/auth/token", auth=ROOT, params={"scope": "repository:a:pull"})) == ["repository:a:pull"]
    assert people.issuer().read_access(client.get("/auth/token", auth=ROOT).json()["token"]).subject == ROOT[0]
    for name in ("a\0b", "nobody", "\u00e4", "\U0001f600", "x" * 300):
        assert post(client, grant_type="password", username=name, password="x").status_code == 401
    registry.restart()
    assert registry.client().get("/v2/", auth=ROOT).status_code == 200


def test_expiration_is_configured(start_server: StartServer) -> None:
    """``auth.accounts.expiration`` says how long tokens hold; a robot's own end comes first."""
    registry = start_server(accounts(expiration="20m"))
    people = make_administrator(registry)
    client = registry.client()
    assert client.get("/auth/token", auth=ROOT).json()["expires_in"] == 1200
    robot = people.robot("ci", expires_at=time.time() + 100)
    until(lambda: client.get("/auth/token", auth=robot).status_code == 200, what="the robot is known")
    assert 50 < client.get("/auth/token", auth=robot).json()["expires_in"] <= 100
    people.rule("robot:ci", "**", *ALL)
