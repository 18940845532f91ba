# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in a measurement, with a sentence that a person can act on; it stands in the row it spoiled."""


class BenchError(RuntimeError):
    """A measurement that cannot be made or cannot be trusted; its text says why, and what to do about it."""
