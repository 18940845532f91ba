# SPDX-License-Identifier: Apache-2.0
"""Who asked for something, as history and events tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """One request. ``actor``: the account, "" where nobody had to say who they are; ``rule``: what allowed it, in
    words; the others are empty where the registry acts by itself. ``address``: of the client, as far as it can be
    believed. ``remote``: the same with its port where that is known. ``origin``: scheme and host under which the client
    sees the registry, as in ``https://registry.example.com``, and the path that a proxy in front strips.
    """

    actor: str = ""
    rule: str = ""
    request_id: str = ""
    address: str = ""
    host: str = ""
    method: str = ""
    user_agent: str = ""
    remote: str = ""
    origin: str = ""


THE_REGISTRY = Caller()
"""The registry itself: its jobs and commands."""
