# SPDX-License-Identifier: Apache-2.0
"""Moments as the JSON API writes them."""

from datetime import UTC, datetime

LAST = 253_402_300_799.0
"""The end of the year 9999, in Unix seconds: a later moment cannot be written (``trash.age`` may be 10,000 years)."""


def write_moment(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds, of Unix seconds."""
    moment = datetime.fromtimestamp(min(seconds, LAST), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
