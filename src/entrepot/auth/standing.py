# SPDX-License-Identifier: Apache-2.0
"""Whether an account can be used at all."""

from entrepot.index.directory import Account


def find_bar(account: Account, now: float) -> str | None:
    """Why an account cannot be used, in words; None where it can."""
    if account.locked:
        return f"the account {account.name!r} is locked; an administrator can unlock it"
    if account.expires_at is not None and account.expires_at <= now:
        return f"the account {account.name!r} is expired; an administrator can renew it"
    return None
