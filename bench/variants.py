# SPDX-License-Identifier: Apache-2.0
"""The same registry in other configurations: behind passwords, behind tokens, with accounts, over TLS.

The keys are distribution's, but for those of accounts, which only entrepot has.
"""

from dataclasses import replace
from pathlib import Path

import bcrypt

from bench.certificates import Pair
from bench.servers import Program
from bench.tokens import ISSUER, SERVICE, Issuer

BCRYPT_COST = 10

_HTPASSWD = """\
auth:
  htpasswd:
    realm: benchmark
    path: {file}
"""

_BEARER = """\
auth:
  token:
    realm: https://issuer.invalid/token
    service: {service}
    issuer: {issuer}
    rootcertbundle: {bundle}
"""

_ACCOUNTS = """\
auth:
  accounts:
    service: {service}
    expiration: 1h
"""

_TLS = """\
http:
  tls:
    certificate: {certificate}
    key: {key}
"""


def named(program: Program, label: str) -> Program:
    """Told from the same registry in another configuration."""
    return replace(program, name=f"{program.name}, {label}")


def with_htpasswd(program: Program, directory: Path, user: str, password: str) -> Program:
    """Behind `auth.htpasswd`, with one user."""
    file = directory / "htpasswd"
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
    file.write_text(f"{user}:{hashed}\n", encoding="utf-8")
    return _with(program, _HTPASSWD.format(file=file))


def with_token(program: Program, issuer: Issuer) -> Program:
    """Behind `auth.token`, with tokens of an issuer elsewhere."""
    return _with(program, _BEARER.format(service=SERVICE, issuer=ISSUER, bundle=issuer.pair.certificate))


def with_accounts(program: Program) -> Program:
    """Behind `auth.accounts`, with tokens of its own."""
    return _with(program, _ACCOUNTS.format(service=SERVICE))


def with_tls(program: Program, pair: Pair) -> Program:
    """Over TLS. `http` stands in the template already, and a key stands once in YAML."""
    section = _literal(_TLS.format(certificate=pair.certificate, key=pair.private))
    return replace(program, template=program.template.replace("http:\n", section, 1), trust=pair.trust())


def _with(program: Program, section: str) -> Program:
    return replace(program, template=program.template + _literal(section))


def _literal(text: str) -> str:
    """As a template has it, whose braces are doubled."""
    return text.replace("{", "{{").replace("}", "}}")
