# SPDX-License-Identifier: Apache-2.0
"""Bytes as people read them."""


def describe_size(size: int) -> str:
    """Bytes in the unit that gives up to four digits: ``17 bytes``, ``3.2 MiB``."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"
