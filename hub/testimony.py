"""The fail-closed switch: no message is taken while nobody outside has vouched for the log for too long.

Off by default. Turned on (``[testimony] max_age_s``), intake stops with ``testimony.stale`` when the newest quorum of
witnesses or the newest timestamp is older than that, whichever of the two is configured and older: events that nobody
outside could have noticed are then never promised to anybody. An operator may let messages in until a stated time; who,
why and how long is an event on the log before the first of them is taken.

On the way of a message this is one comparison of two integers.
"""

from typing import Final

from contracts.envelope import Envelope
from contracts.errors import MessageRefused, Overloaded
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Admit, Admitted, Clock
from ledger.anchors import Kind
from ledger.events import IntakeOverridden
from ledger.port import Ledger
from ledger.unit import NewEvent, Unit

LONGEST_OVERRIDE_S: Final = 7 * 86_400
_RETRY_AFTER_S: Final = 30.0
_STREAM: Final = ("governance", "testimony")
_NEVER: Final = 1 << 62


class Freshness:
    """How fresh the testimony of one hub is. ``kinds`` are those that are configured."""

    def __init__(self, clock: Clock, ledger: Ledger, *, kinds: tuple[Kind, ...], max_age_s: float) -> None:
        self._clock = clock
        self._ledger = ledger
        self._max_age_us = int(max_age_s * MICROS_PER_SECOND)
        self.kinds: Final = kinds
        self._newest: dict[Kind, int] = dict.fromkeys(kinds, 0)
        self._overridden_until = 0
        self._closes_at = _NEVER
        self._settle()

    @property
    def is_on(self) -> bool:
        """Whether intake depends on testimony at all."""
        return self._max_age_us > 0 and bool(self.kinds)

    @property
    def overridden_until(self) -> int:
        """Until when (µs UTC) an operator lets messages in whatever its age; 0 = nobody ever did."""
        return self._overridden_until

    def recover(self) -> None:
        """Take over the newest override from the log."""
        for entry in self._ledger.read_stream(self._ledger.named_stream(*_STREAM)):
            if isinstance(entry.event, IntakeOverridden):
                self._overridden_until = entry.event.until
        self._settle()

    def heard(self, kind: Kind, at_us: int) -> None:
        """Testimony states this time. One ahead of our clock counts as of now: it keeps nothing fresh for longer."""
        if kind in self._newest:
            self._newest[kind] = max(self._newest[kind], min(at_us, self._clock.now()))
            self._settle()

    def newest(self, kind: Kind) -> int:
        """The newest time of a kind (µs UTC), 0 before the first."""
        return self._newest.get(kind, 0)

    def _settle(self) -> None:
        closes_at = min(self._newest.values(), default=0) + self._max_age_us
        self._closes_at = max(closes_at, self._overridden_until) if self.is_on else _NEVER

    def check(self) -> None:
        """Raise ``Overloaded`` ``testimony.stale`` when no message may be taken now."""
        if self._clock.now() > self._closes_at:
            raise Overloaded("testimony.stale", retry_after_s=_RETRY_AFTER_S)

    def ailment(self) -> str:
        """Why testimony keeps the hub from being ready, "" when it does not."""
        return "the newest testimony from outside is too old" if self._clock.now() > self._closes_at else ""

    async def override(self, *, until_us: int, by: str, reason: str) -> int:
        """Let messages in until then; effective once it is durable on the log. Returns its position.

        Raises:
            MessageRefused: ``query.invalid`` without a reason, for a time that is past or more than a week ahead.
        """
        now = self._clock.now()
        if not reason.strip():
            raise MessageRefused("query.invalid", "say why; it goes on the log", name="reason")
        if not now < until_us <= now + LONGEST_OVERRIDE_S * MICROS_PER_SECOND:
            raise MessageRefused("query.invalid", "a time within the next seven days", name="until")
        event = IntakeOverridden(by=by, reason=reason, until=until_us, overridden_at=now)
        placed = self._ledger.submit(Unit(events=(NewEvent(self._ledger.named_stream(*_STREAM), event),)))
        await self._ledger.durable(placed.positions[-1])
        self._overridden_until = until_us
        self._settle()
        return placed.positions[-1]


class VouchedAdmit:
    """The door for messages, closed while testimony is too old. It is before everything else: nothing is kept."""

    def __init__(self, admit: Admit, testimony: Freshness) -> None:
        self._admit = admit
        self._testimony = testimony

    async def __call__(self, envelope: Envelope) -> Admitted:
        """Take one message; see ``contracts.ports.Admit``."""
        self._testimony.check()
        return await self._admit(envelope)
