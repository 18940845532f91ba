# SPDX-License-Identifier: Apache-2.0
"""What accounts may do: rules, locks, robots and their ends, on all workers, within a second."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING

import httpx
import pytest

from entrepot.auth.issuing import find_epoch
from entrepot.oci.access import Access
from support import images, transfer
from support.accounts import PASSWORD, ROOT, People, accounts, bearer, from_address, make_administrator, token
from support.feeds import walk
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import Server

CONFIG = accounts()

SECOND = 1.0
"""Within which a change holds."""

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def people(registry: Server) -> People:
    """An administrator, and what everybody may pull."""
    people = make_administrator(registry)
    people.rule("role:anonymous", "public/**", "pull")
    client = registry.client()
    for name in ("public/app", "private/app"):
        transfer.push(as_root(registry), name, images.image(layers=1), "1.0")
    manifest = "/v2/public/app/manifests/1.0"
    everywhere(registry, lambda: client.get(manifest).status_code == 200, what="the rule holds")
    return people


@pytest.fixture
def alice(people: People) -> tuple[str, str]:
    """A user of this test alone, without rules."""
    return people.user(f"alice{next(_NUMBERS)}")


def as_root(registry: Server) -> httpx.Client:
    return with_basic(registry, ROOT)


def with_basic(registry: Server, who: tuple[str, str]) -> httpx.Client:
    """A client that sends Basic credentials with each request."""
    client = registry.client()
    client.auth = httpx.BasicAuth(*who)
    return client


def with_token(registry: Server, who: tuple[str, str] | None, *scopes: str) -> httpx.Client:
    """A client that sends one token with each request."""
    client = registry.client()
    client.headers.update(bearer(registry, who, *scopes))
    return client


def everywhere(registry: Server, holds: Callable[[], bool], *, what: str, seconds: float = 10) -> None:
    """Wait until it holds twelve times in a row on connections of their own, so that each worker was asked."""

    def each() -> bool:
        return all(holds() for _ in range(12))

    assert registry.workers == 2
    until(each, what=what, seconds=seconds)


def asked(registry: Server, path: str, headers: dict[str, str] | None = None, **more: object) -> set[int]:
    """The statuses of twelve connections of their own: both workers are among those who answered."""
    found = set()
    for _ in range(12):
        with httpx.Client(base_url=registry.url, trust_env=False, timeout=30) as client:
            found.add(client.get(path, headers=headers, **more).status_code)  # type: ignore[arg-type]
    return found


@pytest.mark.usefixtures("people")
def test_the_root_of_the_api_always_asks(registry: Server) -> None:
    """Without credentials 401 with a Bearer challenge, though something is public: else no client would log in."""
    answer = registry.client().get("/v2/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="{registry.url}/auth/token",service="test registry"'
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert as_root(registry).get("/v2/").status_code == 200
    assert with_token(registry, ROOT).get("/v2/").status_code == 200
    assert with_token(registry, None).get("/v2/").status_code == 200


def test_anonymous_pull_and_authenticated_push(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """Everybody pulls what is public, with and without an anonymous token; only who has a rule pushes."""
    client = registry.client()
    for nobody in (client, with_token(registry, None, "repository:public/app:pull,push")):
        assert nobody.get("/v2/public/app/manifests/1.0").status_code == 200
        assert nobody.get("/v2/private/app/manifests/1.0").status_code == 401
        assert nobody.post("/v2/public/app/blobs/uploads/").status_code == 401
    challenge = client.post("/v2/public/app/blobs/uploads/").headers["WWW-Authenticate"]
    assert challenge.endswith('scope="repository:public/app:pull,push"')
    people.rule(f"user:{alice[0]}", "public/**", "push")
    until(
        lambda: "push" in str(read(registry, token(registry, alice, "repository:public/app:pull,push"))),
        what="the rule",
    )
    transfer.push(with_token(registry, alice, "repository:public/app:pull,push"), "public/app", images.image(), "2.0")


def read(registry: Server, raw: str) -> object:
    """What a token grants."""
    return People(registry).issuer().read_access(raw).granted


def test_basic_directly(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """``curl -u`` works on /v2/, /v1/ and /api/v1; a known person without the right gets 403, an unknown one 401."""
    people.rule(f"user:{alice[0]}", "private/**", "pull")
    client = with_basic(registry, alice)
    until(lambda: client.get("/v2/private/app/manifests/1.0").status_code == 200, what="the rule holds")
    assert client.get("/v1/search", params={"q": "app"}).json()["num_results"] == 2
    assert client.get("/api/v1/repositories").status_code == 200
    denied = client.delete("/v2/private/app/manifests/1.0")
    assert (denied.status_code, denied.json()["errors"][0]["code"]) == (403, "DENIED")
    assert "WWW-Authenticate" not in denied.headers
    with from_address(registry, "127.0.1.1") as stranger:
        wrong = stranger.get("/v2/private/app/manifests/1.0", auth=(alice[0], "wrong"))
        assert wrong.status_code == 401
        assert wrong.headers["WWW-Authenticate"].startswith("Bearer ")
        for path in ("/v1/search", "/api/v1/repositories"):
            answer = stranger.get(path, auth=(alice[0], "wrong"))
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="test registry"')


def test_what_is_there_is_not_told(registry: Server, alice: tuple[str, str]) -> None:
    """What nobody may see answers the same whether it is there or not, but for the name that was asked for."""
    for client in (registry.client(), with_basic(registry, alice), with_token(registry, alice)):
        answers = [client.get(f"/v2/private/{name}/manifests/1.0") for name in ("app", "gone")]
        first, second = ((one.status_code, one.text.replace("/gone", "/app")) for one in answers)
        assert first == second
        assert first[0] in {401, 403}
        headers = [one.headers.get("WWW-Authenticate", "").replace("/gone", "/app") for one in answers]
        assert headers[0] == headers[1]


@pytest.mark.usefixtures("people")
def test_a_token_does_what_it_was_granted(registry: Server) -> None:
    """An administrator with a token to pull pulls, and gets 401 with the scope that is missing for anything else."""
    client = with_token(registry, ROOT, "repository:private/app:pull")
    assert client.get("/v2/private/app/manifests/1.0").status_code == 200
    refused = client.delete("/v2/private/app/manifests/1.0")
    assert refused.status_code == 401
    assert 'scope="repository:private/app:delete",error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert "was not granted repository:private/app:delete" in refused.json()["errors"][0]["detail"]
    assert client.get("/v2/_catalog").status_code == 401
    assert client.get("/v2/public/app/manifests/1.0").status_code == 401
    catalogue = with_token(registry, ROOT, "registry:catalog:*").get("/v2/_catalog")
    assert catalogue.json() == {"repositories": ["private/app", "public/app"]}


@pytest.mark.usefixtures("people")
def test_tokens_do_not_administer(registry: Server) -> None:
    """Not even an administrator's: it is never granted."""
    client = with_token(registry, ROOT, "registry:administration:*", "registry:catalog:*")
    assert client.get("/api/v1/repositories").status_code == 200
    assert client.get("/api/v1/users").status_code in {401, 404}


def test_lists_show_what_may_be_pulled(registry: Server, alice: tuple[str, str]) -> None:
    """The catalog of somebody who may pull public/** alone names nothing else."""
    client = with_basic(registry, alice)
    assert client.get("/v2/_catalog").json() == {"repositories": ["public/app"]}
    assert as_root(registry).get("/v2/_catalog").json() == {"repositories": ["private/app", "public/app"]}
    assert with_token(registry, None, "registry:catalog:*").get("/v2/_catalog").json()["repositories"] == ["public/app"]


@pytest.mark.usefixtures("people")
def test_lists_ask_who_it_is(registry: Server) -> None:
    """Clients ask without credentials first: answered with what is public, they would never show what they may see.
    To searches of docker, which has no token for them, and to the JSON API's lists what is public is shown.
    """
    nobody = registry.client()
    assert nobody.get("/v2/_catalog").headers["WWW-Authenticate"].endswith('scope="registry:catalog:*"')
    for headers in ({}, {"Authorization": "Basic Og=="}):
        found = nobody.get("/v1/search?q=app", headers=headers).json()["results"]
        assert [one["name"] for one in found] == ["public/app"]
    assert nobody.get("/api/v1/repositories").json()["repositories"] == [{"name": "public/app"}]


@pytest.mark.parametrize("deed", ["lock", "change_password", "remove"])
def test_tokens_die_with_their_epoch(registry: Server, people: People, alice: tuple[str, str], deed: str) -> None:
    """A lock, another password or a removal holds within a second on all workers: for access and refresh tokens and for
    remembered passwords.
    """
    name = alice[0]
    people.rule(f"user:{name}", "private/**", "pull")
    path, scope = "/v2/private/app/manifests/1.0", "repository:private/app:pull"
    client = registry.client()
    everywhere(registry, lambda: asked(registry, path, auth=alice) == {200}, what="the rule holds")
    document = client.get("/auth/token", auth=alice, params={"scope": scope, "offline_token": "true"}).json()
    headers = {"Authorization": f"Bearer {document['token']}"}
    refresh = {"grant_type": "refresh_token", "refresh_token": document["refresh_token"]}
    assert asked(registry, path, headers) == {200}
    assert client.post("/auth/token", data=refresh).status_code == 200
    match deed:
        case "lock":
            people.lock(name)
        case "change_password":
            people.change_password(name, "another one")
        case _:
            people.remove(name)
    time.sleep(SECOND)  # what is promised
    assert asked(registry, path, headers) == {401}
    assert client.post("/auth/token", data=refresh).status_code == 401
    answer = client.get(path, headers=headers)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    with from_address(registry, "127.0.1.2") as stranger:
        assert stranger.get(path, auth=alice).status_code == 401


def test_a_removed_account_made_again_is_another(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """Tokens of the first one do not open what the second may do."""
    path, scope = "/v2/private/app/manifests/1.0", "repository:private/app:pull"
    people.rule(f"user:{alice[0]}", "private/**", "pull")
    until(lambda: "pull" in str(read(registry, token(registry, alice, scope))), what="the rule holds")
    headers = bearer(registry, alice, scope)
    assert asked(registry, path, headers) == {200}
    people.remove(alice[0])
    people.user(alice[0])
    people.rule(f"user:{alice[0]}", "private/**", "pull")
    time.sleep(SECOND)  # what is promised
    assert asked(registry, path, auth=alice) == {200}
    assert asked(registry, path, headers) == {401}


def test_an_unlocked_account_logs_in_again(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """Its old tokens stay dead, its password is good again."""
    headers = bearer(registry, alice)
    assert asked(registry, "/v2/", headers) == {200}
    people.lock(alice[0])
    people.lock(alice[0], locked=False)
    time.sleep(SECOND)  # what is promised
    assert asked(registry, "/v2/", headers) == {401}
    assert asked(registry, "/v2/", auth=alice) == {200}


def test_a_changed_rule_holds_for_tokens_in_use(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """A rule that is taken away takes its right from tokens that were granted it; given back, they have it again."""
    path, scope = "/v2/private/app/manifests/1.0", "repository:private/app:pull"
    rule = people.rule(f"user:{alice[0]}", "private/**", "pull")
    until(lambda: "pull" in str(read(registry, token(registry, alice, scope))), what="the rule holds")
    headers = bearer(registry, alice, scope)
    assert asked(registry, path, headers) == {200}
    people.drop_rule(rule)
    time.sleep(SECOND)  # what is promised
    assert asked(registry, path, headers) == {401}
    refused = registry.client().get(path, headers=headers)
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert f"no rule allows {alice[0]!r} {scope} from 127.0.0.1" in refused.json()["errors"][0]["detail"]
    people.rule(f"user:{alice[0]}", "private/app", "pull")
    time.sleep(SECOND)  # what is promised
    assert asked(registry, path, headers) == {200}


def test_rules_know_addresses(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """A token had at one address is worth nothing at another, where no rule speaks for it."""
    path, scope = "/v2/private/app/manifests/1.0", "repository:private/app:pull"
    people.rule(f"user:{alice[0]}", "private/**", "pull", network="127.0.2.0/24")
    with from_address(registry, "127.0.2.7") as inside, from_address(registry, "127.0.3.7") as outside:
        until(lambda: inside.get(path, auth=alice).status_code == 200, what="the rule holds")
        headers = {
            "Authorization": f"Bearer {inside.get('/auth/token', auth=alice, params={'scope': scope}).json()['token']}"
        }
        assert inside.get(path, headers=headers).status_code == 200
        assert outside.get(path, headers=headers).status_code == 401
        assert outside.get(path, auth=alice).status_code == 403


def test_robots(registry: Server, people: People) -> None:
    """A robot logs in by name and token, does what its rules say, and its last use is written down."""
    robot = people.robot("builder")
    people.rule("robot:builder", "private/**", "pull")
    client = with_basic(registry, robot)
    until(lambda: client.get("/v2/private/app/manifests/1.0").status_code == 200, what="the rule holds")
    assert client.post("/v2/private/app/blobs/uploads/").status_code == 403
    assert (
        with_token(registry, robot, "repository:private/app:pull").get("/v2/private/app/tags/list").status_code == 200
    )
    until(lambda: people.account("builder").used_at is not None, what="its last use is written")
    used = people.account("builder").used_at
    assert used is not None
    assert abs(time.time() - used) < 10
    with from_address(registry, "127.0.1.4") as stranger:
        assert stranger.get("/v2/", auth=("builder", "ept_wrong")).status_code == 401


def test_a_robot_expires(registry: Server, people: People) -> None:
    """At its end all of its credentials are worth nothing, at once: the token itself, what it was given for it."""
    robot = people.robot("shortlived", expires_at=time.time() + 4)
    client = with_basic(registry, robot)
    until(lambda: client.get("/v2/").status_code == 200, what="the robot is known")
    document = client.get("/auth/token", params={"offline_token": "true"}).json()
    headers = {"Authorization": f"Bearer {document['token']}"}
    refresh = {"grant_type": "refresh_token", "refresh_token": document["refresh_token"]}
    assert asked(registry, "/v2/", headers) == {200}
    assert document["expires_in"] <= 4
    ended = people.account("shortlived").expires_at
    assert ended is not None
    until(lambda: time.time() > ended, what="its end has come")
    assert asked(registry, "/v2/", headers) == {401}
    assert registry.client().post("/auth/token", data=refresh).status_code == 401
    with from_address(registry, "127.0.1.5") as stranger:
        answer = stranger.get("/auth/token", auth=robot)
        assert answer.status_code == 401
        assert "expired" in answer.json()["details"]


def test_guesses_keep_nobody_out(registry: Server, people: People) -> None:
    """While somebody guesses a robot's token, the robot itself is let in at once."""
    robot = people.robot("target")
    client = with_basic(registry, robot)
    until(lambda: client.get("/v2/").status_code == 200, what="the robot is known")
    with from_address(registry, "127.0.1.6") as guesser:
        for number in range(4):
            assert guesser.get("/v2/", auth=("target", f"ept_{number}")).status_code == 401
        began = time.monotonic()
        assert guesser.get("/v2/", auth=robot).status_code == 200
        assert time.monotonic() - began < 0.1


def test_mounting_needs_pull_on_the_source(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """What somebody may not pull cannot be mounted: it becomes an upload, as if it were not there; with the right, by
    token and by password, it is mounted.
    """
    made = transfer.push(as_root(registry), "private/source", images.image(layers=1), "1.0")
    mount = {"mount": made.blobs[0].digest, "from": "private/source"}
    people.rule(f"user:{alice[0]}", "mine/**", "pull", "push")
    scopes = ("repository:mine/app:pull,push", "repository:private/source:pull")
    until(lambda: "push" in str(read(registry, token(registry, alice, *scopes))), what="the rule holds")
    for client in (with_basic(registry, alice), with_token(registry, alice, *scopes)):
        assert client.post("/v2/mine/app/blobs/uploads/", params=mount).status_code == 202
        gone = {**mount, "from": "private/none"}
        assert client.post("/v2/mine/app/blobs/uploads/", params=gone).status_code == 202
        anywhere = {"mount": made.blobs[0].digest}
        assert client.post("/v2/mine/app/blobs/uploads/", params=anywhere).status_code == 202
    people.rule(f"user:{alice[0]}", "private/source", "pull")
    until(lambda: "private/source" in str(read(registry, token(registry, alice, *scopes))), what="the rule holds")
    half = with_token(registry, alice, scopes[0])
    assert half.post("/v2/mine/half/blobs/uploads/", params=mount).status_code == 401
    assert half.post("/v2/mine/app/blobs/uploads/", params=mount).status_code == 202
    whole = with_token(registry, alice, *scopes)
    assert whole.post("/v2/mine/app/blobs/uploads/", params=mount).status_code == 201


def test_an_upload_outlives_its_token(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """With the token of its beginning its owner goes on after the token expired: on that upload, for a day, and unless
    the epoch changed. Nobody else does, and nowhere else.
    """
    people.rule(f"user:{alice[0]}", "slow/**", "pull", "push")
    bob = people.user(f"bob{next(_NUMBERS)}")
    people.rule(f"user:{bob[0]}", "slow/**", "pull", "push")
    scope = "repository:slow/app:pull,push"
    until(lambda: "push" in str(read(registry, token(registry, bob, scope))), what="the rules hold")

    def expired(who: tuple[str, str], seconds: float, name: str = "slow/app") -> dict[str, str]:
        issuer = people.issuer(300, lambda: time.time() - 300 - seconds)
        granted = [Access("repository", name, frozenset({"pull", "push"}))]
        raw = issuer.issue_access(who[0], find_epoch(people.account(who[0])), granted).token
        return {"Authorization": f"Bearer {raw}"}

    client = registry.client()
    begun = client.post("/v2/slow/app/blobs/uploads/", headers=bearer(registry, alice, scope))
    place = transfer.location(begun)
    late, too_late = expired(alice, 3600), expired(alice, 25 * 3600)
    assert client.patch(place, content=b"first", headers=late).status_code == 202
    assert client.get(place, headers=late).status_code == 204
    for headers in (too_late, expired(bob, 3600), expired(alice, 3600, "slow/other")):
        assert client.patch(place, content=b"x", headers=headers).status_code == 401
    assert client.post("/v2/slow/app/blobs/uploads/", headers=late).status_code == 401
    assert client.get("/v2/slow/app/tags/list", headers=late).status_code == 401
    unsealed = place.copy_remove_param("_state")
    assert client.patch(unsealed, content=b"x", headers=late).status_code == 401
    forged = place.copy_set_param("_state", "A" * 32)
    assert client.patch(forged, content=b"x", headers=late).status_code == 401
    digest = images.digest_of(b"first")
    other = transfer.location(client.post("/v2/slow/app/blobs/uploads/", headers=bearer(registry, alice, scope)))
    assert client.put(place.copy_add_param("digest", digest), headers=late).status_code == 201
    people.change_password(alice[0], PASSWORD)
    time.sleep(SECOND)  # what is promised
    assert client.patch(other, content=b"x", headers=late).status_code == 401
    assert client.patch(other, content=b"x", headers=bearer(registry, alice, scope)).status_code == 202


def test_one_pair_for_all_workers(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """Every worker signs and checks with the same pair: a token of one is good at the other."""
    raw = token(registry, alice)
    assert people.issuer().read_access(raw).subject == alice[0]
    assert asked(registry, "/v2/", {"Authorization": f"Bearer {raw}"}) == {200}


def test_who_did_it_is_for_those_who_say_who_they_are(registry: Server, people: People, alice: tuple[str, str]) -> None:
    """History, trash and events name the actor to whoever has an account, and to nobody else."""
    name = f"public/{alice[0]}"
    people.rule(f"user:{alice[0]}", name, "pull", "push", "delete")
    client, known = registry.client(), with_basic(registry, alice)
    everywhere(registry, lambda: known.get(f"/v2/{name}/tags/list").status_code == 404, what="the rule holds")
    made = transfer.push(known, name, images.image(layers=0), "1.0")
    transfer.push(known, name, images.image(layers=0), "1.0")
    assert known.delete(f"/v2/{name}/manifests/{made.digest}").status_code == 202

    def find_actors(asking: httpx.Client) -> list[object]:
        moves = asking.get(f"/api/v1/repositories/{name}/-/tags/1.0/history").json()["moves"]
        trash = asking.get(f"/api/v1/repositories/{name}/-/trash").json()["manifests"]
        events = [one for one in walk(asking)[0] if one["target"].get("repository") == name]
        assert moves
        assert trash
        assert events
        return [*(one["actor"] for one in (*moves, *trash)), *(one["actor"].get("name", "") for one in events)]

    until(lambda: any(one["target"].get("repository") == name for one in walk(known)[0]), what="the feed tells")
    assert set(find_actors(known)) == {alice[0]}
    assert set(find_actors(client)) == {""}
