"""Whether a target may be sent to now: pauses after failures, and one probe at a time while it is down."""

import asyncio

from contracts.ports import Entropy
from hub.lanes.backoff import Patience, pause


class Circuit:
    """The health of one target as its lane sees it. Moments are of the running loop's time, seconds.

    A single failure pauses only the batch that failed. From ``opens_after`` failures in a row the lane pauses as a
    whole and then probes with one batch; any answer (a refusal too) closes the circuit. A pause that the target itself
    asked for counts at once.
    """

    def __init__(self, patience: Patience, jitter: Entropy, *, opens_after: int) -> None:
        self._patience = patience
        self._jitter = jitter
        self._opens_after = opens_after
        self._failures = 0
        self._resume_at = 0.0
        self.in_flight = 0

    @property
    def open(self) -> bool:
        """Whether the target counts as down."""
        return self._failures >= self._opens_after

    @property
    def resume_at(self) -> float:
        """When the present pause ends; in the past when there is none."""
        return self._resume_at

    def holds(self) -> bool:
        """Whether nothing may be sent now."""
        if self._resume_at and asyncio.get_running_loop().time() < self._resume_at:
            return True
        return self.in_flight > 0 and self.open

    def answered(self) -> None:
        """The target understood a request, whatever it said."""
        self._failures = 0
        self._resume_at = 0.0

    def failed(self, *, asked_s: float = 0.0) -> None:
        """The target took nothing, or we do not know. ``asked_s`` is the pause it asked for."""
        self._failures += 1
        if asked_s or self.open:
            self._resume_at = self.later(self._failures, asked_s=asked_s)

    def later(self, tries: int, *, asked_s: float = 0.0) -> float:
        """The moment at which something that failed ``tries`` times may be tried again."""
        return asyncio.get_running_loop().time() + pause(self._patience, tries, self._jitter, asked_s=asked_s)
