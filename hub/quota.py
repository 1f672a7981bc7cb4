"""How much a party may send: one bucket of tokens each, a token per record, refilled by the loop's time."""

import asyncio
from typing import Final

from contracts.errors import Overloaded
from hub.parties import Party

_LONGEST_WAIT_S: Final = 60.0


class Quota:
    """The buckets of all parties. A message costs a token before it is read and one for every further record after.

    A bucket may go below zero by one message: what was read is taken, the next one waits.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[float, float]] = {}

    def charge(self, party: Party, tokens: int) -> None:
        """Take tokens, without asking."""
        left, at = self._filled(party)
        self._tokens[party.id] = (left - tokens, at)

    def admit(self, party: Party) -> None:
        """Take one token; ``Overloaded`` ``hub.quota`` with the time to wait when none is left."""
        left, at = self._filled(party)
        if left < 1.0:
            wait = min(_LONGEST_WAIT_S, (1.0 - left) / party.quota_per_s)
            raise Overloaded("hub.quota", retry_after_s=wait)
        self._tokens[party.id] = (left - 1.0, at)

    def _filled(self, party: Party) -> tuple[float, float]:
        now = asyncio.get_running_loop().time()
        burst = float(party.quota_burst)
        left, at = self._tokens.get(party.id, (burst, now))
        return min(burst, left + (now - at) * party.quota_per_s), now
