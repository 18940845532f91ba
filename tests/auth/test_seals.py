# SPDX-License-Identifier: Apache-2.0
"""A seal fits one upload of one owner."""

from uuid import UUID

from entrepot.auth.seals import Seals

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_fits() -> None:
    """The same upload, owner and secret, and nothing else."""
    seals = Seals(b"secret")
    made = seals.make(ONE, "alice")
    assert seals.fits(ONE, "alice", made)
    assert Seals(b"secret").fits(ONE, "alice", made)
    assert not seals.fits(OTHER, "alice", made)
    assert not seals.fits(ONE, "bob", made)
    assert not Seals(b"another").fits(ONE, "alice", made)
    for state in ("", made[:-1], made + "x", "☂", "\udc80"):
        assert not seals.fits(ONE, "alice", state)


def test_nobody_owns() -> None:
    """Without an owner there is no seal, and none fits."""
    seals = Seals(b"secret")
    assert seals.make(ONE, "") == ""
    assert not seals.fits(ONE, "", "")
