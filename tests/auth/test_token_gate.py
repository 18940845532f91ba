# SPDX-License-Identifier: Apache-2.0
"""Tokens of an issuer elsewhere: good ones open what they name, others get 401 with the challenge."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from entrepot.auth.gate import OpenUpload
from entrepot.auth.key_names import find_thumbprint
from entrepot.auth.remembered import LONGEST
from entrepot.auth.seals import Seals
from entrepot.auth.settings import TokenSettings
from entrepot.auth.token_gate import TokenGate
from entrepot.oci.access import ADMINISTRATION, CATALOG, CATALOG_SEARCH, PULL, to_repository
from entrepot.oci.errors import Denied, RegistryError, Unauthorized
from entrepot.oci.names import RepositoryName
from support import forging
from support.approaches import APP, HERE, TO_DELETE, TO_PULL, TO_PUSH, Told, approach
from support.forging import ABSENT, Forge
from support.hostile import tokens
from support.signers import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from entrepot.auth.gate import Admission
    from entrepot.oci.access import Access

TO_ALL = [{"type": "repository", "name": "team/app", "actions": ["*"]}]
TO_READ = [{"type": "repository", "name": "team/app", "actions": ["pull"]}]
UPLOAD, OTHER_UPLOAD = UUID(int=1), UUID(int=2)
RSA_KEY = rsa.generate_private_key(65537, 2048)
DAY = 86400


class Bench:
    """A gate with a clock that is set by hand, and a forge of the issuer it trusts."""

    def __init__(self, home: Path, key: forging.SigningKey | None = None, **settings: Any) -> None:
        self.root = Authority("issuer", key=key)
        self.bundle = home / "bundle.pem"
        self.bundle.write_bytes(self.root.pem)
        self.forge = Forge(self.root.key, "issuer", "registry", self.root.chain)
        self.told = Told()
        self.ahead = self.ticks = 0.0
        self.settings = TokenSettings("https://auth.test/token", "registry", "issuer", self.bundle)
        self.settings = replace(self.settings, **settings)
        self.gate = TokenGate(
            self.settings, Seals(b"secret"), self.told, structlog.get_logger(), self.now, lambda: self.ticks
        )

    def now(self) -> float:
        """Real time and what the test adds to it."""
        return time.time() + self.ahead

    async def admit(self, token: str, *needs: Access, **changes: Any) -> Admission:
        """Ask the gate."""
        return await self.gate.admit(approach(f"Bearer {token}", **changes), needs)

    async def refusal(self, token: str, *needs: Access, **changes: Any) -> str:
        """The challenge that a token gets."""
        with pytest.raises(Unauthorized) as refused:
            await self.admit(token, *needs, **changes)
        return refused.value.headers["WWW-Authenticate"]


@pytest.fixture(params=["EC", "RSA"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A gate that trusts a key of each kind."""
    return Bench(tmp_path, RSA_KEY if request.param == "RSA" else None)


async def test_good(bench: Bench) -> None:
    """A token opens what it names, to whom it is for, and is remembered."""
    token = bench.forge.token(TO_ALL)
    admission = await bench.admit(token)
    for needs in ([TO_PULL], [TO_PUSH, TO_DELETE]):
        assert await bench.admit(token, *needs) is admission
        assert (admission.actor, admission.rule, admission.owner) == ("alice", "auth.token", "alice")
    remembered = bench.gate.recall(approach(f"Bearer {token}"), TO_PUSH)
    assert remembered is admission
    assert bench.gate.recall(approach(f"Bearer {token}"), CATALOG) is None
    assert admission.allows(TO_DELETE) == "auth.token"
    assert admission.allows(CATALOG) is None
    assert admission.allows(to_repository(RepositoryName("team/app2"), PULL)) is None


async def test_long_tokens_are_not_remembered(bench: Bench) -> None:
    """They are good, and read anew each time: an issuer that gives to anybody would let them fill the memory."""
    long = bench.forge.token([*TO_ALL, {"type": "repository", "name": "x" * LONGEST, "actions": ["pull"]}])
    assert len(long) > LONGEST
    assert (await bench.admit(long)).actor == "alice"
    assert bench.gate.recall(approach(f"Bearer {long}"), TO_PULL) is None
    assert not bench.gate._seen._found


async def test_challenge_without_a_token(bench: Bench) -> None:
    """Realm, service and the scope that is needed; no error, since none came."""
    for header in (None, "", "Basic YTpi", "Bearer", "Digest x"):
        with pytest.raises(Unauthorized) as refused:
            await bench.gate.admit(approach(header), [TO_PUSH, TO_PULL])
        assert refused.value.headers["WWW-Authenticate"] == (
            'Bearer realm="https://auth.test/token",service="registry",'
            'scope="repository:team/app:pull,push repository:team/app:pull"'
        )
    assert bench.told.refusals == []


async def test_too_little(bench: Bench) -> None:
    """401 insufficient_scope, not 403 (compat.md 4.1); the base needs a token and no scope."""
    token = bench.forge.token(TO_READ)
    await bench.admit(token, TO_PULL)
    await bench.admit(token)
    challenge = await bench.refusal(token, TO_PUSH)
    assert challenge.endswith(',scope="repository:team/app:pull,push",error="insufficient_scope"')
    assert bench.told.refusals[0][0] == "alice"
    with pytest.raises(Unauthorized) as refused:
        await bench.admit(token, TO_PULL, TO_DELETE)
    assert refused.value.detail == "the token was not granted repository:team/app:delete; ask for one that is"


@pytest.mark.parametrize(
    ("access", "need", "good"),
    [
        ([{"type": "registry", "name": "catalog", "actions": ["*"]}], CATALOG, True),
        ([{"type": "registry", "name": "catalog", "actions": ["*"]}], CATALOG_SEARCH, True),
        ([{"type": "registry", "name": "catalog", "actions": ["search"]}], CATALOG_SEARCH, True),
        ([{"type": "registry", "name": "catalog", "actions": ["search"]}], CATALOG, False),
        ([{"type": "registry", "name": "catalog", "actions": ["pull"]}], CATALOG, False),
        ([{"type": "repository", "name": "catalog", "actions": ["*"]}], CATALOG, False),
        ([{"type": "repository(plugin)", "name": "team/app", "actions": ["*"]}], TO_PULL, False),
        ([{"type": "repository", "name": "team/app", "actions": ["push"]}], TO_PUSH, False),
        ([{"type": "repository", "class": "plugin", "name": "team/app", "actions": ["pull"]}], TO_PULL, True),
        (
            [
                {"type": "repository", "name": "team/app", "actions": ["push"]},
                {"type": "repository", "name": "team/app", "actions": ["pull"]},
            ],
            TO_PUSH,
            True,
        ),
        ([{"type": "repository", "name": "..", "actions": ["*"]}], TO_PULL, False),
    ],
)
async def test_access(bench: Bench, access: object, need: Access, good: bool) -> None:
    """Types and names match exactly; ``*`` is every action."""
    if good:
        await bench.admit(bench.forge.token(access), need)
    else:
        assert "insufficient_scope" in await bench.refusal(bench.forge.token(access), need)


async def test_nobody_administers_by_a_token(bench: Bench) -> None:
    """Not even one that says so."""
    token = bench.forge.token([{"type": "registry", "name": "administration", "actions": ["*"]}])
    with pytest.raises(Denied):
        await bench.admit(token, ADMINISTRATION)
    admission = await bench.admit(token)
    assert admission.allows(ADMINISTRATION) is None
    assert bench.gate.recall(approach(f"Bearer {token}"), ADMINISTRATION) is None


async def test_hostile(bench: Bench) -> None:
    """Every token of the table is refused with the challenge; those whose credentials hold, for lack of scope."""
    count = 0
    for hostile in tokens(bench.forge):
        count += 1
        header = hostile.lines[0].decode("latin-1") if len(hostile.lines) == 1 else ""
        with pytest.raises(Unauthorized) as refused:
            await bench.gate.admit(approach(header), [TO_PULL])
        challenge = refused.value.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="https://auth.test/token",service="registry",scope='), hostile.name
        assert bench.gate.recall(approach(header), TO_PULL) is None, hostile.name
    assert count > 100
    assert all(actor in {"", "alice"} for actor, *_ in bench.told.refusals)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"}, {"iss": ABSENT}, {"aud": "other"}, {"aud": ["a", "b"]}, {"aud": ABSENT}, {"aud": {}},
        {"exp": ABSENT}, {"exp": "tomorrow"}, {"exp": True}, {"exp": 0}, {"exp": -5}, {"exp": 10**400},
        {"exp": float("inf")}, {"exp": float("nan")}, {"nbf": "x"}, {"nbf": 10**400}, {"sub": 1}, {"sub": "a\0b"},
        {"sub": "\ud800"}, {"sub": "x" * 2000}, {"access": "x"}, {"access": {"a": 1}}, {"access": [1]},
        {"access": [{"type": 1, "name": "x", "actions": []}]}, {"access": [{"type": "x", "name": None}]},
        {"access": [{"type": "repository", "name": "team/app", "actions": "pull"}]},
        {"access": [{"type": "repository", "name": "team/app", "actions": [1]}]},
    ],
)  # fmt: skip
async def test_claims(bench: Bench, changes: dict[str, Any]) -> None:
    """What a good token does not say: invalid_token, for every need."""
    await bench.admit(bench.forge.token(TO_ALL), TO_PULL)
    token = bench.forge.token(**{"access": TO_ALL, **changes})
    for needs in ([], [TO_PULL]):
        assert 'error="invalid_token"' in await bench.refusal(token, *needs)


async def test_audience_may_be_a_list(bench: Bench) -> None:
    """Text or list; without ``sub``, ``nbf`` or ``access`` a token is good, too."""
    await bench.admit(bench.forge.token(TO_ALL, aud=["other", "registry"]), TO_PULL)
    assert (await bench.admit(bench.forge.token(None, sub=ABSENT, nbf=ABSENT))).actor == ""


async def test_times(bench: Bench) -> None:
    """60 seconds of leeway at both ends; what is remembered is forgotten at the same moment."""
    now = int(time.time())
    token = bench.forge.token(TO_ALL, exp=now + 100, nbf=now + 50)
    await bench.admit(token, TO_PULL)
    bench.ahead = 150
    assert bench.gate.recall(approach(f"Bearer {token}"), TO_PULL) is not None
    bench.ahead = 170
    assert bench.gate.recall(approach(f"Bearer {token}"), TO_PULL) is None
    assert "invalid_token" in await bench.refusal(token, TO_PULL)
    assert "invalid_token" in await bench.refusal(bench.forge.token(TO_ALL, nbf=now + 400, exp=now + 500), TO_PULL)


async def test_an_expired_token_finishes_its_upload(bench: Bench) -> None:
    """The owner's, on that upload's address only, for a day; nobody else's and nothing else."""
    token = bench.forge.token(TO_ALL)
    state = bench.gate.seal(UPLOAD, await bench.admit(token, TO_PUSH))
    mine = OpenUpload(UPLOAD, state)
    bench.ahead = 3600
    assert (await bench.admit(token, TO_PUSH, upload=mine)).actor == "alice"
    assert "invalid_token" in await bench.refusal(token, TO_PUSH)
    assert bench.gate.recall(approach(f"Bearer {token}"), TO_PUSH) is None
    for upload in (OpenUpload(OTHER_UPLOAD, state), OpenUpload(UPLOAD, ""), OpenUpload(UPLOAD, state + "x")):
        assert "invalid_token" in await bench.refusal(token, TO_PUSH, upload=upload)
    elsewhere = to_repository(RepositoryName("other/app"), PULL)
    assert "insufficient_scope" in await bench.refusal(token, elsewhere, upload=mine)
    bobs = bench.forge.token(TO_ALL, sub="bob")
    assert "invalid_token" in await bench.refusal(bobs, TO_PUSH, upload=mine)
    assert "invalid_token" in await bench.refusal(bench.forge.token(TO_ALL, aud="x"), TO_PUSH, upload=mine)
    bench.ahead = DAY + 400
    assert "invalid_token" in await bench.refusal(token, TO_PUSH, upload=mine)


@pytest.mark.parametrize(("subject", "shown"), [("", False), ("ann", True)])
async def test_nobody_sees_no_names(bench: Bench, subject: str, *, shown: bool) -> None:
    """Who did something is shown to whom the token names."""
    assert (await bench.admit(bench.forge.token(TO_ALL, sub=subject), TO_PUSH)).sight.actors is shown


async def test_uploads_of_nobody_have_no_seal(bench: Bench) -> None:
    """A token without ``sub`` owns nothing that it could finish later."""
    token = bench.forge.token(TO_ALL, sub="")
    state = bench.gate.seal(UPLOAD, await bench.admit(token, TO_PUSH))
    assert state == ""
    bench.ahead = 3600
    assert "invalid_token" in await bench.refusal(token, TO_PUSH, upload=OpenUpload(UPLOAD, state))


async def test_names_of_keys(bench: Bench) -> None:
    """By the names of both versions, by a copy, by a chain."""
    key, jwk = bench.root.key, forging.to_jwk(bench.root.key)
    headers: list[dict[str, object]] = [
        {"kid": forging.libtrust_id(key)},
        {"kid": find_thumbprint(key.public_key())},
        {"kid": ABSENT, "jwk": jwk},
        {"kid": ABSENT, "jwk": {**jwk, "kid": "whatever"}},
        {"kid": "unknown", "x5c": bench.forge.x5c()},
        {"kid": ABSENT, "x5c": bench.forge.x5c()},
        {"kid": ABSENT, "jwk": {**jwk, "x5c": bench.forge.x5c()}},
    ]
    for header in headers:
        await bench.admit(bench.forge.token(TO_ALL, header=header), TO_PULL)
    for kid in (ABSENT, "unknown", "", None, 7, [], {}):
        assert "invalid_token" in await bench.refusal(bench.forge.token(TO_ALL, header={"kid": kid}), TO_PULL)


async def test_keys_that_the_bundle_vouches_for(bench: Bench) -> None:
    """A chain brings a key that the bundle does not hold; the token must be signed with the chain's first."""
    signer = Authority("signer", Authority("middle", bench.root), ca=False)
    forge = Forge(signer.key, "issuer", "registry", signer.chain)
    header = {"kid": ABSENT, "x5c": forge.x5c()}
    await bench.admit(forge.token(TO_ALL, header=header), TO_PULL)
    assert "invalid_token" in await bench.refusal(forge.token(TO_ALL), TO_PULL)
    stranger = Authority("stranger")
    assert "invalid_token" in await bench.refusal(
        forge.token(TO_ALL, header=header, sign=lambda message: forging.sign_raw(stranger.key, message)), TO_PULL
    )
    bench.ahead = 2 * DAY
    late = forge.token(TO_ALL, header=header, exp=int(time.time()) + 3 * DAY)
    assert "invalid_token" in await bench.refusal(late, TO_PULL), "the chain has expired"


async def test_an_unfit_chain_is_not_passed_over(bench: Bench) -> None:
    """Where a chain comes it counts, and no other name of the key (compat.md 4.3)."""
    other = Forge(bench.root.key, "issuer", "registry", Authority("other").chain)
    assert "invalid_token" in await bench.refusal(other.token(TO_ALL, header={"x5c": other.x5c()}), TO_PULL)


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_algorithms_of_rsa(tmp_path: Path, alg: str) -> None:
    """By a library's hand."""
    bench = Bench(tmp_path, RSA_KEY)
    headers = {"kid": forging.libtrust_id(RSA_KEY)}
    await bench.admit(jwt.encode(bench.forge.claims(TO_ALL), RSA_KEY, alg, headers), TO_PULL)


@pytest.mark.parametrize(
    ("alg", "curve"), [("ES256", ec.SECP256R1()), ("ES384", ec.SECP384R1()), ("ES512", ec.SECP521R1())]
)
async def test_algorithms_of_curves(tmp_path: Path, alg: str, curve: ec.EllipticCurve) -> None:
    """Each curve has its own; that of another is refused."""
    key = ec.generate_private_key(curve)
    bench = Bench(tmp_path, key)
    claims, kid = bench.forge.claims(TO_ALL), forging.libtrust_id(key)
    good = jwt.encode(claims, key, alg, {"kid": kid})
    await bench.admit(good, TO_PULL)
    for other in {"ES256", "ES384", "ES512"} - {alg}:
        parts = good.split(".")
        parts[0] = forging.encode(json.dumps({"alg": other, "kid": kid}).encode())
        assert "invalid_token" in await bench.refusal(".".join(parts), TO_PULL)


async def test_allowed_algorithms(tmp_path: Path) -> None:
    """Those of the configuration only."""
    bench = Bench(tmp_path, RSA_KEY, signingalgorithms=("RS512",))
    headers = {"kid": forging.libtrust_id(RSA_KEY)}
    for alg, good in (("RS512", True), ("RS256", False)):
        token = jwt.encode(bench.forge.claims(TO_ALL), RSA_KEY, alg, headers)
        if good:
            await bench.admit(token, TO_PULL)
        else:
            assert "invalid_token" in await bench.refusal(token, TO_PULL)


async def test_jwks(tmp_path: Path) -> None:
    """Keys and secrets of a set, by their kid; a key's own ``alg`` is the only one."""
    secret, edwards, key = b"s" * 64, ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    edwards_jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(edwards.public_key()))
    keys = [
        {"kty": "oct", "kid": "secret", "k": urlsafe_b64encode(secret).decode().rstrip("=")},
        {**edwards_jwk, "kid": "edwards"},
        {**forging.to_jwk(key), "kid": "curve"},
        {**forging.to_jwk(RSA_KEY), "kid": "rsa", "alg": "RS384"},
    ]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    bench = Bench(tmp_path, rootcertbundle=None, jwks=path)
    claims = bench.forge.claims(TO_ALL)
    for made, alg, kid in (
        (secret, "HS256", "secret"), (secret, "HS512", "secret"), (edwards, "EdDSA", "edwards"),
        (key, "ES256", "curve"), (RSA_KEY, "RS384", "rsa"),
    ):  # fmt: skip
        await bench.admit(jwt.encode(claims, made, alg, {"kid": kid}), TO_PULL)
    for made, alg, kid in (
        (b"t" * 64, "HS256", "secret"), (secret, "HS256", "edwards"), (secret, "HS256", "curve"),
        (RSA_KEY, "RS256", "rsa"), (key, "ES256", "edwards"), (edwards, "EdDSA", "curve"),
    ):  # fmt: skip
        assert "invalid_token" in await bench.refusal(jwt.encode(claims, made, alg, {"kid": kid}), TO_PULL)
    none = forging.write({"alg": "none", "kid": "secret"}, claims, lambda _: b"")
    assert "invalid_token" in await bench.refusal(none, TO_PULL)


async def test_a_changed_bundle(bench: Bench) -> None:
    """A new issuer counts half a second later and the old one no more, however well its tokens were remembered; a
    broken file changes nothing.
    """
    old = bench.forge.token(TO_ALL)
    await bench.admit(old, TO_PULL)
    bench.bundle.write_text("broken")
    bench.ticks += 0.5
    await bench.admit(old, TO_PULL)
    other = Authority("issuer")
    bench.bundle.write_bytes(other.pem + b"\n")
    bench.ticks += 0.5
    assert bench.gate.recall(approach(f"Bearer {old}"), TO_PULL) is None
    assert "invalid_token" in await bench.refusal(old, TO_PULL)
    await bench.admit(Forge(other.key, "issuer", "registry").token(TO_ALL), TO_PULL)


async def test_structures(bench: Bench) -> None:
    """What is no token at all, nested or large beyond measure: 401 without delay."""
    nested = forging.encode(b"[" * 20_000)
    deep = forging.encode(b'{"a":' * 4_000)
    header = forging.encode(json.dumps(bench.forge.header()).encode())
    before = time.monotonic()
    for token in (
        "x", ".", "..", "...", "a.b.c", "a.b.c.d", f"{nested}.x.x", f"{deep}.e30.x", f"{header}.{nested}.AAAA",
        f"{header}.e30.", f"{header}.e30", "e30.e30.e30", f"{header}.bnVsbA.AAAA", "A" * 60_000,
        "A" * 20_000 + "." + "A" * 20_000 + ".", f"{header}.____.AAAA",
        forging.encode(b'{"alg":"RS256","alg":"none"}') + ".e30.", forging.encode(b"\xff\xfe{}") + ".e30.AAAA",
        bench.forge.token(TO_ALL, header={"crit": ["b64"], "b64": False}),
    ):  # fmt: skip
        assert 'error="invalid_token"' in await bench.refusal(token, TO_PULL)
    with pytest.raises(RegistryError):
        await bench.admit("A" * 1_000_000)
    assert time.monotonic() - before < 5


async def test_many_scopes(bench: Bench) -> None:
    """A token for 100 repositories is not too large."""
    access = [{"type": "repository", "name": f"team/app{n}", "actions": ["pull", "push"]} for n in range(100)]
    await bench.admit(bench.forge.token(access), to_repository(RepositoryName("team/app99"), PULL))


async def test_autoredirect(tmp_path: Path) -> None:
    """The realm is on the host that was asked, and never what an attacker writes for it."""
    bench = Bench(tmp_path, autoredirect=True, autoredirectpath="/tokens")
    for origin, realm in {
        "http://registry.test:5000": "https://registry.test:5000/tokens",
        "https://registry.test": "https://registry.test/tokens",
        'https://evil",service="x': "/tokens",
        "https://": "/tokens",
        "": "/tokens",
    }.items():
        assert (await bench.refusal("x", origin=origin)).startswith(f'Bearer realm="{realm}",service="registry"')


async def test_secrets_stay_out_of_what_is_told(bench: Bench) -> None:
    """Neither answer nor audit repeats a token."""
    token = bench.forge.token(TO_ALL, iss="other")
    with pytest.raises(Unauthorized) as refused:
        await bench.admit(token, TO_PULL)
    told = f"{refused.value.detail} {refused.value.headers} {bench.told.refusals}"
    assert not any(part in told for part in token.split("."))
    assert bench.told.refusals[0][1] == HERE
    assert str(APP) in bench.told.refusals[0][3]
