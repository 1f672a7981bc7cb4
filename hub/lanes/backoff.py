"""How long to wait before the same is tried again: exponential, with jitter, never shorter than the target asked.

Pure but for the jitter, which comes from an ``Entropy`` stream; durations are seconds of the loop's time.
"""

from typing import Final

import msgspec

from contracts.ports import Entropy

_DOUBLINGS: Final = 32
"""Beyond this many failures the longest pause is reached for any sane setting; a larger power would only overflow."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of retrying: first pause, longest pause (seconds), tries granted to one dossier that fails alone."""

    first_s: float = 0.5
    longest_s: float = 60.0
    limit: int = 50


def pause(patience: Patience, failures: int, jitter: Entropy, *, asked_s: float = 0.0) -> float:
    """The pause after ``failures`` (≥ 1) failures in a row: between half and all of the exponential step.

    ``asked_s`` is what the target asked for (Retry-After); it is a lower bound, itself bounded by the longest pause so
    that a target can not switch itself off for ever by mistake.
    """
    step = min(patience.longest_s, patience.first_s * 2.0 ** min(max(failures, 1) - 1, _DOUBLINGS))
    return max(step * (0.5 + 0.5 * jitter.random()), min(asked_s, patience.longest_s))
