"""Reproducible draws for invented people and drawn faults: one seed and purpose, one sequence, on every machine.

Nothing secret or unguessable may come from here.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeVar

_T = TypeVar("_T")
_WIDTH: Final = 2**48


class Draws:
    """A sequence of draws named by seed and purpose."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._name = f"{purpose}:{seed}:"
        self._drawn = 0

    def share(self) -> float:
        """A number in [0, 1)."""
        self._drawn += 1
        digest = sha256(f"{self._name}{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / _WIDTH

    def one_of(self, choices: Sequence[_T]) -> _T:
        """One of the choices."""
        return choices[int(self.share() * len(choices))]

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.share() * (high - low + 1))

    def happens(self, share: float) -> bool:
        """True in this share of draws."""
        return share > 0 and self.share() < share
