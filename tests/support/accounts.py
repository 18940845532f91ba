# SPDX-License-Identifier: Apache-2.0
"""Accounts and rules of a running registry, written beside it into its index; it notices within a second."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from entrepot.app.accounts import ensure_pair
from entrepot.app.opening import open_parts
from entrepot.auth.generated import hash_token, make_token
from entrepot.auth.issuing import Issuer
from entrepot.auth.passwords import hash_password
from entrepot.auth.settings import AccountsSettings
from entrepot.config.load import load
from entrepot.index.directory import ADMINISTRATORS, Account
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from entrepot.index.directory import Directory
    from entrepot.index.index import Index
    from support.registries import Registry

Result = TypeVar("Result")

PASSWORD = "correct horse"
ROOT = ("root", "battery staple")
"""An administrator that :func:`with_accounts` makes."""

ALL = ("pull", "push", "delete")


def accounts(**settings: Any) -> dict[str, Any]:
    """The configuration of a registry with accounts, to be merged with more."""
    return {"auth": {"accounts": {"service": "test registry", "issuer": "test issuer", **settings}}}


@dataclass
class People:
    """Who may do what at one registry."""

    registry: Registry

    def user(self, name: str, *roles: str, password: str = PASSWORD) -> tuple[str, str]:
        """A user; name and password."""
        made = Account(name, "user", hash_password(password), created_at=time.time(), roles=roles)
        self.do(lambda directory: directory.add_account(made))
        return name, password

    def robot(self, name: str, *, expires_at: float | None = None) -> tuple[str, str]:
        """A robot; name and token."""
        token = make_token()
        made = Account(name, "robot", hash_token(token), created_at=time.time(), expires_at=expires_at)
        self.do(lambda directory: directory.add_account(made))
        return name, token

    def rule(self, subject: str, pattern: str, *actions: str, network: str = "*") -> int:
        """Let ``subject`` do ``actions``; the rule's id."""
        return self.do(lambda directory: directory.add_rule(subject, pattern, network, frozenset(actions), "")).id

    def drop_rule(self, rule_id: int) -> None:
        """Take it away again."""
        self.do(lambda directory: directory.remove_rule(rule_id))

    def lock(self, name: str, *, locked: bool = True) -> None:
        """Lock or unlock."""
        self.do(lambda directory: directory.set_locked(name, locked=locked))

    def change_password(self, name: str, password: str) -> None:
        """Give a new one."""
        secret = hash_password(password)
        self.do(lambda directory: directory.set_secret(name, secret))

    def remove(self, name: str) -> None:
        """Remove an account."""
        self.do(lambda directory: directory.remove_account(name))

    def account(self, name: str) -> Account:
        """As it is kept."""
        found = self.do(lambda directory: directory.account(name))
        assert found is not None, name
        return found

    def do(self, work: Callable[[Directory], Coroutine[Any, Any, Result]]) -> Result:
        """One deed."""
        with self._index() as (index, _):
            return asyncio.run(work(index.directory))

    def issuer(self, lifetime: float = 300.0, now: Callable[[], float] = time.time) -> Issuer:
        """What signs as the registry does, with a clock of its own."""
        with self._index() as (index, settings):
            pair = asyncio.run(ensure_pair(settings, index))
        return Issuer(pair, settings.issuer, settings.service, lifetime, now)

    @contextmanager
    def _index(self) -> Iterator[tuple[Index, AccountsSettings]]:
        settings = load(self.registry.config_path, self.registry.env).settings
        assert isinstance(settings.auth, AccountsSettings)
        with open_parts(settings) as (_, index):
            yield index, settings.auth


@contextmanager
def from_address(registry: Registry, address: str) -> Iterator[httpx.Client]:
    """A client at another address of this machine: who fails at one is not made to wait at the next."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=registry.url, transport=transport, timeout=30, trust_env=False) as client:
        yield client


def token(registry: Registry, who: tuple[str, str] | None, *scopes: str, **query: str) -> str:
    """A token from its token service."""
    answer = registry.client().get("/auth/token", auth=who, params=_params(scopes, query))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def bearer(registry: Registry, who: tuple[str, str] | None, *scopes: str) -> dict[str, str]:
    """The header of a token from its token service."""
    return {"Authorization": f"Bearer {token(registry, who, *scopes)}"}


def _params(scopes: Sequence[str], query: Mapping[str, str]) -> list[tuple[str, str | int | float | bool | None]]:
    return [*(("scope", scope) for scope in scopes), *query.items()]


def make_administrator(registry: Registry) -> People:
    """People at a registry that runs, with :data:`ROOT` among them."""
    people = People(registry)
    people.user(ROOT[0], ADMINISTRATORS, password=ROOT[1])
    client = registry.client()
    until(lambda: client.get("/v2/", auth=ROOT).status_code == 200, what="the administrator is known")
    return people
