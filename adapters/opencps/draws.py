"""Reproducible draws for invented people and drawn faults: the same seed and purpose give the same sequence everywhere.

Not randomness: nothing secret or unguessable may come from here.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, TypeVar

_T = TypeVar("_T")
_SPAN: Final = 2**64


class Draws:
    """One sequence of draws, the nth being a hash of (seed, purpose, n)."""

    __slots__ = ("_count", "_key")

    def __init__(self, seed: int, purpose: str) -> None:
        self._key: Final = f"{seed}/{purpose}/".encode()
        self._count = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit`` - 1."""
        self._count += 1
        digest = blake2b(self._key + str(self._count).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % limit

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def chance(self, share: float) -> bool:
        """True in this share of draws."""
        return self.below(_SPAN) < share * _SPAN

    def digits(self, count: int) -> str:
        """So many decimal digits."""
        return f"{self.below(10**count):0{count}d}"
