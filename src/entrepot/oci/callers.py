# SPDX-License-Identifier: Apache-2.0
"""Who asked for something, as history and events tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """One request. ``actor``: the account, "" where nobody had to say who they are; ``rule``: what allowed it, in
    words; the others are empty where the registry acts by itself. ``address``: of the connection's other end.
    ``remote``: what a proxy in front calls the client, which anybody can claim, else address and port.
    ``origin``: scheme and host under which the client sees the registry, as in ``https://registry.example.com``.
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
