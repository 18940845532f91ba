# SPDX-License-Identifier: Apache-2.0
"""Credentials that must be refused: header by header, each with a name that says what is wrong with it.

``known``: who sends it is known all the same, and only what is asked for is not allowed.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support import forging
from support.forging import ABSENT, Forge, encode, public_der, public_pem, sign_hmac, sign_raw, write
from support.signers import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography import x509

    from support.forging import SigningKey


NAME = "team/app"
"""The repository that is asked for."""

FULL = [
    {"type": "repository", "name": NAME, "actions": ["pull", "push", "delete"]},
    {"type": "registry", "name": "catalog", "actions": ["*"]},
]
"""What a good token holds."""


@dataclass(frozen=True)
class Hostile:
    """One header; several lines where it is sent more than once."""

    name: str
    lines: tuple[bytes, ...]
    known: bool = False


def _one(name: str, line: str | bytes, *, known: bool = False) -> Hostile:
    return Hostile(name, (line if isinstance(line, bytes) else line.encode("latin-1", "replace"),), known)


def malformed(user: str, password: str) -> Iterator[Hostile]:
    """Headers that no kind of authentication takes; ``user`` and ``password`` would be right if written properly."""
    right = base64.b64encode(f"{user}:{password}".encode()).decode()
    schemes = [
        "",
        " ",
        "Basic",
        "Basic ",
        "Bearer",
        "Bearer ",
        "Digest",
        "Negotiate",
        "NTLM",
        "Token",
        "AWS4-HMAC-SHA256",
    ]
    for scheme in schemes:
        yield _one(f"the scheme {scheme!r} alone", scheme)
    for scheme in ("Digest", "Negotiate", "NTLM", "Token", "Basi", "Basicc", "B asic", "Bas\xefc", "Basic,", "Basic:"):
        yield _one(f"right credentials under {scheme!r}", f"{scheme} {right}")
    for text in ("!!!", "====", "%%%", "YQ", "a", "\x7f\x7f", "YTpi YTpi", right[:-1] + "!", "." * 40, right[1:]):
        yield _one(f"Basic with {text[:12]!r}", f"Basic {text}")
    raws: list[tuple[str, bytes]] = [
        ("no colon", user.encode()),
        ("nothing", b""),
        ("a colon alone", b":"),
        ("an empty user", f":{password}".encode()),
        ("an empty password", f"{user}:".encode()),
        ("a NUL before", f"\0{user}:{password}".encode()),
        ("a NUL within", f"{user}\0:{password}".encode()),
        ("a NUL behind", f"{user}:{password}\0".encode()),
        ("a line break before", f"\n{user}:{password}".encode()),
        ("a line break in the user", f"{user}\r\nX-A: b:{password}".encode()),
        ("a blank before the user", f" {user}:{password}".encode()),
        ("a blank behind the user", f"{user} :{password}".encode()),
        ("a blank behind the password", f"{user}:{password} ".encode()),
        ("the user in capitals", f"{user.upper()}:{password}".encode()),
        ("the password in other letters", f"{user}:{password.swapcase()}".encode()),
        ("user and password swapped", f"{password}:{user}".encode()),
        ("the password twice", f"{user}:{password}{password}".encode()),
        ("half the password", f"{user}:{password[: len(password) // 2]}".encode()),
        ("octets that are no text", b"\xff\xfe\xfd:\xff"),
        ("UTF-16", f"{user}:{password}".encode("utf-16")),
        ("letters that look alike", f"{user.replace('a', chr(0x430))}:{password}".encode()),
        ("wide letters", f"{''.join(chr(0xFEE0 + ord(c)) for c in user)}:{password}".encode()),
        ("a user of 10 kB", b"u" * 10_240 + b":" + password.encode()),
        ("a password of 10 kB", user.encode() + b":" + b"p" * 10_240),
        ("a path for a user", f"../../etc/passwd:{password}".encode()),
        ("SQL for a user", f"' OR '1'='1:{password}".encode()),
        ("SQL for a password", f"{user}:' OR '1'='1".encode()),
        ("LDAP for a user", f"*)(uid=*:{password}".encode()),
        ("a template for a user", f"{{{{7*7}}}}:{password}".encode()),
        ("a comment for a user", f"#{user}:{password}".encode()),
        ("the hash for a password", f"{user}:$2y$05$aaaaaaaaaaaaaaaaaaaaaeSP".encode()),
    ]
    for name, raw in raws:
        yield _one(f"Basic with {name}", f"Basic {base64.b64encode(raw).decode()}")
    good = f"Basic {right}".encode()
    yield Hostile("right credentials twice", (good, good))
    yield Hostile("right credentials after others", (b"Basic YTpi", good))
    yield Hostile("right credentials before others", (good, b"Bearer x"))
    yield _one("two in one line", good + b", " + good)


def tokens(forge: Forge) -> Iterator[Hostile]:
    """Tokens that are wrong in one thing."""
    yield from _structures(forge)
    yield from _signatures(forge)
    yield from _keys(forge)
    yield from _claims(forge)
    yield from _accesses(forge)


def _bearer(name: str, token: str, *, known: bool = False) -> Hostile:
    return _one(name, f"Bearer {token}", known=known)


def _structures(forge: Forge) -> Iterator[Hostile]:
    good = forge.token(FULL)
    header, claims, signature = good.split(".")
    parts = {
        "one part": header,
        "two parts": f"{header}.{claims}",
        "two parts and a dot": f"{header}.{claims}.",
        "four parts": f"{good}.{signature}",
        "five parts, as an encrypted one": f"{header}.{claims}.{signature}.{claims}.{signature}",
        "dots alone": "..",
        "many dots": "." * 1000,
        "an empty header": f".{claims}.{signature}",
        "empty claims": f"{header}..{signature}",
        "a blank within": f"{header}. {claims}.{signature}",
        "octets that are not base64": f"{header}.{claims}.{'!' * 86}",
        "the header in standard base64 with padding": f"{header}==.{claims}.{signature}",
        "quotes around it": f'"{good}"',
        "a comma behind it": f"{good},",
        "the scheme twice": f"Bearer {good}",
        "the parts in another order": f"{claims}.{header}.{signature}",
        "text": "let-me-in",
        "null": "null",
        "a number": "0",
        "20 kB of letters": "A" * 20_000,
        "70 kB of claims": forge.token(FULL, pad="x" * 50_000),
    }
    for name, token in parts.items():
        yield _bearer(name, token)

    def sign(message: bytes) -> bytes:
        return sign_raw(forge.key, message)

    shapes: list[object] = [None, [], "x", 7, True, {}, b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"a":' * 2000, b"NaN"]
    for shape in shapes:
        text = repr(shape)[:20]
        yield _bearer(f"the header {text}", write(shape, forge.claims(FULL), sign))
        yield _bearer(f"the claims {text}", write(forge.header(), shape, sign))
    yield _bearer("the alg twice", write(b'{"alg":"none","alg":"none"}', forge.claims(FULL), lambda _: b""))
    for changes in ({"crit": ["exp"]}, {"crit": ["x"], "x": 1}, {"b64": False, "crit": ["b64"]}, {"crit": "exp"}):
        yield _bearer(f"the header with {changes}", forge.token(FULL, header=changes))


def _signatures(forge: Forge) -> Iterator[Hostile]:
    yield from _algorithms(forge)
    yield from _symmetric(forge)
    yield from _changed_signatures(forge)


def _algorithms(forge: Forge) -> Iterator[Hostile]:
    for word in ("none", "None", "NONE", "nOnE", " none", "none ", "", "null"):
        for name, sign in (("no signature", lambda _: b""), ("the good one", lambda m: sign_raw(forge.key, m))):
            yield _bearer(f"alg {word!r} with {name}", forge.token(FULL, header={"alg": word}, sign=sign))
    for alg in (ABSENT, None, 256, [], ["ES256"], {"alg": "ES256"}, True, "HS1", "ES256K", "XX256", "A" * 5000):
        yield _bearer(f"alg {str(alg)[:20]}", forge.token(FULL, header={"alg": alg}))
    for alg in ("RS256", "RS384", "PS256", "ES384", "ES512", "EdDSA", "HS256"):
        if alg != forge.algorithm:
            yield _bearer(f"alg {alg} over a signature of another", forge.token(FULL, header={"alg": alg}))


def _symmetric(forge: Forge) -> Iterator[Hostile]:
    secrets = {
        "the public key as PEM": public_pem(forge.key),
        "the public key as PEM without the last line break": public_pem(forge.key).rstrip(),
        "the public key as DER": public_der(forge.key),
        "nothing": b"",
        "a NUL": b"\0",
        "the issuer": forge.issuer.encode(),
        "the word secret": b"secret",
        "the key's id": forging.libtrust_id(forge.key).encode(),
        **{
            f"certificate {number} as PEM": one.public_bytes(serialization.Encoding.PEM)
            for number, one in enumerate(forge.chain)
        },
    }
    for name, secret in secrets.items():
        for bits in ("256", "384", "512"):
            sign = partial(sign_hmac, secret, name=f"sha{bits}")
            yield _bearer(f"HS{bits} with {name} as secret", forge.token(FULL, header={"alg": f"HS{bits}"}, sign=sign))


def _changed_signatures(forge: Forge) -> Iterator[Hostile]:
    def good(message: bytes) -> bytes:
        return sign_raw(forge.key, message)

    other = ec.generate_private_key(ec.SECP256R1())
    changed: dict[str, Callable[[bytes], bytes]] = {
        "of another key": lambda m: sign_raw(other, m),
        "of another message": lambda m: good(m + b"x"),
        "cut by one octet": lambda m: good(m)[:-1],
        "with one octet more": lambda m: good(m) + b"\0",
        "with its first bit changed": lambda m: bytes([(one := good(m))[0] ^ 0x80]) + one[1:],
        "twice": lambda m: good(m) * 2,
        "of zeros": lambda m: bytes(len(good(m))),
        "of ones": lambda m: b"\xff" * len(good(m)),
        "of r and s zero and one": lambda m: bytes(len(good(m)) - 1) + b"\1",
        "as text": lambda m: encode(good(m)).encode(),
    }
    for name, sign in changed.items():
        yield _bearer(f"a signature {name}", forge.token(FULL, sign=sign))
    if isinstance(forge.key, ec.EllipticCurvePrivateKey):
        in_der = forge.key.sign
        yield _bearer("a signature in DER", forge.token(FULL, sign=lambda m: in_der(m, ec.ECDSA(hashes.SHA256()))))
    header, _, signature = forge.token(FULL).split(".")
    claims = encode(json.dumps(forge.claims(FULL, sub="admin")).encode())
    yield _bearer("claims of somebody else under a good signature", f"{header}.{claims}.{signature}")


def _keys(forge: Forge) -> Iterator[Hostile]:
    mine = ec.generate_private_key(ec.SECP256R1())

    def by_me(message: bytes) -> bytes:
        return sign_raw(mine, message)

    kids: list[object] = [
        forging.libtrust_id(mine), "", "x", None, 7, [], {}, ABSENT, "../../../dev/null", "/etc/passwd", "' OR 1=1 --",
        "http://127.0.0.1:1/key", "A" * 5000, forging.libtrust_id(forge.key), "\0",
    ]  # fmt: skip
    for kid in kids:
        text = str(kid)[:24]
        yield _bearer(f"my key under kid {text!r}", forge.token(FULL, header={"alg": "ES256", "kid": kid}, sign=by_me))
    chains: dict[str, object] = {
        "of my own": forge.x5c([_certify(mine, "me")]),
        "of my own in the issuer's name": forge.x5c([_certify(mine, forge.issuer)]),
        "that has expired": forge.x5c([_certify(mine, "me", days=-9)]),
        "that begins tomorrow": forge.x5c([_certify(mine, "me", days=2)]),
        "of my own before the issuer's": forge.x5c([_certify(mine, "me"), *forge.chain]),
        "that is empty": [],
        "that is text": "x",
        "of numbers": [1, 2],
        "of text": ["x"],
        "of an empty text": [""],
        "of null": [None],
        "of half a certificate": [text[:100] for text in forge.x5c([_certify(mine, "me")])],
        "of a thousand": forge.x5c([_certify(mine, "me")]) * 20,
    }
    for name, chain in chains.items():
        yield _bearer(f"an x5c {name}", forge.token(FULL, header={"alg": "ES256", "x5c": chain}, sign=by_me))
        without = {"alg": "ES256", "x5c": chain, "kid": ABSENT}
        yield _bearer(f"an x5c {name}, without kid", forge.token(FULL, header=without, sign=by_me))
    jwk = forging.to_jwk(mine)
    for name, value in {
        "of my own": jwk,
        "of my own under a good kid": {**jwk, "kid": forging.libtrust_id(forge.key)},
        "that is text": "x",
        "that is empty": {},
        "of a symmetric key": {"kty": "oct", "k": encode(b"secret")},
    }.items():
        header = {"alg": "ES256", "jwk": value, "kid": ABSENT}
        yield _bearer(f"a jwk {name}", forge.token(FULL, header=header, sign=by_me))
    for word in ("jku", "x5u"):
        header = {"alg": "ES256", word: "http://127.0.0.1:1/keys", "kid": ABSENT}
        yield _bearer(f"a {word}", forge.token(FULL, header=header, sign=by_me))


def _claims(forge: Forge) -> Iterator[Hostile]:
    now = int(time.time())
    issuers: list[object] = [ABSENT, None, "", "x", 7, [], [forge.issuer], {}, forge.issuer.upper() + "X",
                             f"{forge.issuer}/", f" {forge.issuer}", f"{forge.issuer}\0"]  # fmt: skip
    for issuer in issuers:
        yield _bearer(f"iss {issuer!s:.30}", forge.token(FULL, iss=issuer))
    audiences: list[object] = [ABSENT, None, "", "x", 7, [], ["x"], [7], {}, f"{forge.service}x", f"{forge.service} ",
                               [f"{forge.service}x", "y"]]  # fmt: skip
    for audience in audiences:
        yield _bearer(f"aud {audience!s:.30}", forge.token(FULL, aud=audience))
    ends: list[object] = [ABSENT, None, "", "x", str(now + 300), 0, -1, now - 61, now - 3600, now - 10**8, [], {},
                          [now + 300], float("nan"), float("-inf")]  # fmt: skip
    for end in ends:
        yield _bearer(f"exp {end!s:.30}", forge.token(FULL, exp=end))
    begins: list[object] = [now + 120, now + 3600, now + 10**8, "x", [], {}, float("inf"), float("nan")]
    for begin in begins:
        yield _bearer(f"nbf {begin!s:.30}", forge.token(FULL, nbf=begin))
    subjects: list[object] = [7, [], {}, True, ["alice"]]
    for subject in subjects:
        yield _bearer(f"sub {subject!s:.30}", forge.token(FULL, sub=subject))


def _accesses(forge: Forge) -> Iterator[Hostile]:
    """Tokens that hold, but not for what is asked."""
    whole: list[object] = [
        ABSENT,
        None,
        [],
        {},
        "repository:team/app:*",
        7,
        [None],
        [[]],
        ["repository:team/app:*"],
        [{}],
    ]
    for access in whole:
        yield _bearer(f"access {access!s:.30}", forge.token(access=access), known=True)
    actions = ["pull", "push", "delete", "*"]
    names: list[object] = [
        "", "team", "app", "team/ap", "team/app2", "team/app/x", "team/app/", "/team/app", "TEAM/APP", "team%2Fapp",
        "team/../team/app", "..", "../..", "*", "**", "team/*", "team/app\0", " team/app", "team/app ", None, 7, [],
        [NAME], {"name": NAME}, "x" * 5000,
    ]  # fmt: skip
    for name in names:
        entry = {"type": "repository", "name": name, "actions": actions}
        yield _bearer(f"access to {name!s:.30}", forge.token([entry]), known=True)
    for kind in ("", "repositories", "Repository", "repository(plugin)", "registry", "*", None, 7, [], ["repository"]):
        entry = {"type": kind, "name": NAME, "actions": actions}
        yield _bearer(f"access of type {kind!s:.30}", forge.token([entry]), known=True)
    values: list[object] = [[], None, "pull,push", "*", {}, ["PULL"], ["pull "], [""], [None], [["pull"]], ["read"], 7]
    for action in values:
        entry = {"type": "repository", "name": NAME, "actions": action}
        yield _bearer(f"actions {action!s:.30}", forge.token([entry]), known=True)


def _certify(key: SigningKey, name: str, *, days: int = 0) -> x509.Certificate:
    """Good around so many days from now."""
    return Authority(name, key=key, begins=timedelta(days=days - 1), ends=timedelta(days=days + 1)).certificate
