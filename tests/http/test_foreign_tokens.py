# SPDX-License-Identifier: Apache-2.0
"""A registry that trusts an issuer elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from entrepot.auth.key_names import find_thumbprint
from entrepot.oci.digests import Digest
from support import images, transfer
from support.forging import ABSENT, Forge, to_jwk
from support.issuer import Issuer, seconds_ago
from support.signers import Authority
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartServer
    from support.server import Server

USERS = {"alice": "sec:ret"}


@pytest.fixture(params=["RSA", "EC"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    """An issuer with a key of each kind."""
    key = rsa.generate_private_key(65537, 2048) if request.param == "RSA" else ec.generate_private_key(ec.SECP256R1())
    with Issuer(USERS, key=key, public=["public/"]) as running:
        yield running


@pytest.fixture
def bundle(issuer: Issuer, tmp_path: Path) -> Path:
    """Its certificate."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(issuer.authority.pem)
    return path


@pytest.fixture
def guarded(start_server: StartServer, issuer: Issuer, bundle: Path) -> Server:
    """A registry that trusts it."""
    return start_server({"auth": {"token": issuer.settings(bundle)}}, workers=2)


def bearing(guarded: Server, token: str) -> httpx.Client:
    """A client that sends this token."""
    client = guarded.client()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def ask(issuer: Issuer, refused: httpx.Response, auth: tuple[str, str] | None) -> str:
    """The token that a challenge leads to."""
    words = dict(part.split("=", 1) for part in refused.headers["www-authenticate"].removeprefix("Bearer ").split('",'))
    query = {name: value.strip('"') for name, value in words.items()}
    assert query.pop("realm") == issuer.realm
    return str(httpx.get(issuer.realm, params=query, auth=auth).json()["token"])


def test_the_dance(guarded: Server, issuer: Issuer) -> None:
    """A challenge, a token from where it leads, and the request again; what the token does not say is refused."""
    client = guarded.client()
    base = client.get("/v2/")
    assert base.status_code == 401
    assert base.headers["www-authenticate"] == f'Bearer realm="{issuer.realm}",service="tests\' registry"'
    start = client.post("/v2/team/app/blobs/uploads/")
    assert start.headers["www-authenticate"].endswith(',scope="repository:team/app:pull,push"')
    token = ask(issuer, start, ("alice", "sec:ret"))
    signed_in = bearing(guarded, token)
    made = transfer.push(signed_in, "team/app", images.image(layers=2), "1.0")
    assert transfer.pull_manifest(signed_in, "team/app", "1.0").digest == made.digest
    elsewhere = signed_in.get("/v2/team/other/tags/list")
    assert elsewhere.status_code == 401
    assert elsewhere.headers["www-authenticate"].endswith('error="insufficient_scope"')
    assert elsewhere.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert signed_in.delete(f"/v2/team/app/manifests/{made.digest}").status_code == 401
    catalog = signed_in.get("/v2/_catalog")
    assert 'scope="registry:catalog:*"' in catalog.headers["www-authenticate"]
    seeing = bearing(guarded, ask(issuer, catalog, ("alice", "sec:ret")))
    assert seeing.get("/v2/_catalog").json() == {"repositories": ["team/app"]}


def test_anonymous_tokens(guarded: Server, issuer: Issuer) -> None:
    """What the issuer gives to nobody opens what is public, and no more."""
    writer = bearing(guarded, issuer.token("alice", "repository:public/app:pull,push"))
    transfer.push(writer, "public/app", images.image(layers=1), "1.0")
    refused = guarded.client().get("/v2/public/app/manifests/1.0")
    nobody = bearing(guarded, ask(issuer, refused, None))
    assert nobody.get("/v2/public/app/manifests/1.0").status_code == 200
    assert nobody.post("/v2/public/app/blobs/uploads/").status_code == 401
    private = guarded.client().get("/v2/team/app/manifests/1.0")
    assert bearing(guarded, ask(issuer, private, None)).get("/v2/team/app/manifests/1.0").status_code == 401


@pytest.mark.parametrize("form", ["libtrust", "thumbprint", "x5c", "jwk"])
def test_names_of_keys(guarded: Server, issuer: Issuer, form: str) -> None:
    """Each way in which issuers name their keys."""
    key = issuer.authority.key
    headers: dict[str, dict[str, object]] = {
        "libtrust": {},
        "thumbprint": {"kid": find_thumbprint(key.public_key())},
        "x5c": {"kid": ABSENT, "x5c": "chain"},
        "jwk": {"kid": ABSENT, "jwk": to_jwk(key)},
    }
    issuer.header = headers[form]
    token = issuer.token("alice", "repository:team/app:pull,push")
    transfer.push(bearing(guarded, token), "team/app", images.image(layers=1), "1.0")


def test_mounting_needs_pull_on_the_source(guarded: Server, issuer: Issuer) -> None:
    """Without it the blob is as if not there: an upload begins instead."""
    both = bearing(guarded, issuer.token("alice", "repository:one/app:pull,push", "repository:two/app:pull,push"))
    made = transfer.push(both, "one/app", images.image(layers=1), "1.0")
    query = {"mount": made.blobs[0].digest, "from": "one/app"}
    only = bearing(guarded, issuer.token("alice", "repository:two/app:pull,push"))
    assert only.post("/v2/two/app/blobs/uploads/", params=query).status_code == 202
    assert both.post("/v2/two/app/blobs/uploads/", params=query).status_code == 201


def test_an_expired_token_finishes_its_upload(guarded: Server, issuer: Issuer) -> None:
    """A layer over a slow line is finished by its owner with the token it began with; nothing else is."""
    blob = b"x" * 1000
    scope = "repository:team/app:pull,push"
    client = bearing(guarded, issuer.token("alice", scope, exp=seconds_ago(57)))
    begun = client.post("/v2/team/app/blobs/uploads/")
    assert begun.status_code == 202
    until(lambda: client.get("/v2/").status_code == 401, what="the token expires", seconds=15)
    location = begun.headers["location"]
    other = bearing(guarded, issuer.token("bob", scope, exp=seconds_ago(100)))
    assert other.patch(location, content=blob).status_code == 401
    without_state = location.partition("?")[0]
    assert client.patch(without_state, content=blob).status_code == 401
    sent = client.patch(location, content=blob)
    assert sent.status_code == 202
    assert client.post("/v2/team/app/blobs/uploads/").status_code == 401
    digest = Digest.of(blob)
    where = httpx.URL(sent.headers["location"]).copy_merge_params({"digest": str(digest)})
    assert client.put(where).status_code == 201
    assert client.head(f"/v2/team/app/blobs/{digest}").status_code == 401
    fresh = bearing(guarded, issuer.token("alice", scope))
    assert fresh.head(f"/v2/team/app/blobs/{digest}").status_code == 200


def test_a_changed_bundle(guarded: Server, issuer: Issuer, bundle: Path) -> None:
    """Another issuer's certificate counts within a second on all workers; a broken file changes nothing."""

    def statuses(token: str) -> set[int]:
        headers = {"Authorization": f"Bearer {token}"}
        return {httpx.get(f"{guarded.url}/v2/", headers=headers).status_code for _ in range(16)}

    old = issuer.token("alice")
    assert statuses(old) == {200}
    bundle.write_text("broken")
    until(lambda: statuses(old) == {200} and "a file of auth cannot be used" in guarded.log(), what="said")
    other = Authority("issuer")
    bundle.write_bytes(other.pem + b"\n")
    until(lambda: statuses(old) == {401}, what="the old issuer is not trusted any more", seconds=2)
    assert statuses(Forge(other.key, issuer.name, issuer.service).token()) == {200}


def test_autoredirect(start_server: StartServer, issuer: Issuer, bundle: Path) -> None:
    """The realm is on the host that was asked for."""
    settings = {**issuer.settings(bundle), "autoredirect": True}
    guarded = start_server({"auth": {"token": settings}}, workers=1)
    client = guarded.client()
    challenge = client.get("/v2/", headers={"Host": "registry.test:5000"}).headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="https://registry.test:5000/auth/token",service=')
    odd = client.get("/v2/", headers={"Host": 'evil",service="x'}).headers.get("www-authenticate", "")
    assert "evil" not in odd
