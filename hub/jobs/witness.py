"""Has the newest published checkpoint cosigned, every few seconds, by all configured witnesses at once.

When a quorum has, the checkpoint with their lines is published as ``log/cosigned``, and now and then their cosignatures
become leaves. No message waits for any of it. Only one answer ends this job, and with it the hub: a witness that holds
a newer or another tree of this log. What it said is kept in ``witness/finding.json``; while that lies there, no start
signs anything.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from contracts.errors import IntegrityViolation, Overloaded
from contracts.moment import MICROS_PER_SECOND, rfc3339
from contracts.ports import Clock, Files
from hub.testimony import Freshness
from ledger.anchors import Anchors, of_cosignature
from ledger.cosignature import Cosignature, split_note, with_lines
from ledger.policy import Policy
from ledger.witness import Contradiction, Outcome, WitnessClient
from monitoring.logs import get_logger

COSIGNED_FILE: Final = "log/cosigned"
FINDING_FILE: Final = "witness/finding.json"
_REWRITE_S: Final = 60.0
"""A newer time alone, for the same tree, is written at most this often."""


class Observer(Protocol):
    """What operations want to see of witnesses. Called on the loop; MUST be cheap and MUST NOT raise."""

    def on_witness(self, witness: str, outcome: Outcome) -> None:
        """A witness was asked."""
        ...

    def on_contradiction(self, witness: str) -> None:
        """A witness holds a newer or another tree of this log."""
        ...


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Why this hub signs nothing more, as kept for whoever looks into it."""

    witness: str
    finding: str
    detail: str
    found_at: str
    our_checkpoint: str


class Halting(Protocol):
    """What this job needs of the ledger."""

    def halt(self, why: IntegrityViolation) -> None:
        """Sign nothing more."""
        ...


class WitnessJob:
    """The witnesses of one log."""

    def __init__(  # noqa: PLR0913  # everything from outside comes in here, by name
        self,
        clients: Sequence[WitnessClient],
        *,
        policy: Policy,
        newest: Callable[[], str],
        ledger: Halting,
        files: Files,
        clock: Clock,
        anchors: Anchors,
        testimony: Freshness,
        observer: Observer,
        interval_s: float,
        anchor_interval_s: float,
    ) -> None:
        """``newest`` gives the newest published checkpoint (signed note), "" before the first."""
        self.clients: Final = tuple(clients)
        self._policy = policy
        self._newest = newest
        self._ledger = ledger
        self._files = files
        self._clock = clock
        self._anchors = anchors
        self._testimony = testimony
        self._observer = observer
        self._interval_s = interval_s
        self._anchor_interval_s = anchor_interval_s
        self._turn = asyncio.Lock()
        self._written = ("", 0.0)
        self._anchored = (-1, 0.0)
        self._log = get_logger("witness")

    def refuse_after_finding(self) -> None:
        """A contradiction that nobody settled keeps the hub from signing.

        Raises:
            IntegrityViolation: ``ledger.rollback`` with what was found and how it is settled.
        """
        try:
            text = self._files.read(FINDING_FILE).decode("utf-8", "replace")
        except FileNotFoundError:
            return
        raise IntegrityViolation(
            "ledger.rollback",
            f"{text} Put the newest ledger.db and keys.db back; then, or when the witness was shown to be wrong, "
            f"remove {FINDING_FILE} and start.",
        )

    async def run(self) -> None:
        """Ask for ever; a round begins no sooner than one interval after the last one began.

        Raises:
            Contradiction: signing has stopped.
        """
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self.round()
            await asyncio.sleep(max(0.0, started + self._interval_s - loop.time()))

    async def look(self, budget_s: float) -> None:
        """One round before anything is signed: a witness that knows better is heard first. Not answered in time, go on.

        Raises:
            Contradiction: signing has stopped.
        """
        try:
            async with asyncio.timeout(budget_s):
                await self.round()
        except TimeoutError:
            self._log.warning("witnesses did not answer before the start", budget_s=budget_s)

    async def round(self, *, anchor: bool = False) -> bool:
        """Ask every witness once; whether a quorum cosigned. ``anchor``: append their cosignatures whatever the time.

        Raises:
            Contradiction: signing has stopped.
        """
        async with self._turn:
            signed = self._newest()
            if not signed:
                return False
            found = await self._ask_all(signed)
            met_s = self._policy.met_at(found)
            if met_s is None:
                return False
            self._testimony.heard("witness", met_s * MICROS_PER_SECOND)
            self._publish(signed, found)
            await self._anchor(signed, found, at_once=anchor)
            return True

    async def _ask_all(self, signed: str) -> list[Cosignature]:
        answers = await asyncio.gather(*(client.ask(signed) for client in self.clients), return_exceptions=True)
        found = []
        for client, answer in zip(self.clients, answers, strict=True):
            if isinstance(answer, Contradiction):
                self._stop(answer, signed)
            if isinstance(answer, BaseException):
                raise answer
            self._observer.on_witness(client.witness.name, answer.outcome)
            if answer.cosignature is not None:
                found.append(answer.cosignature)
            elif answer.outcome == "refused":
                self._log.warning("witness refused", witness=client.witness.name, reason=answer.reason)
        return found

    def _stop(self, error: Contradiction, signed: str) -> None:
        """Keep what was found, then sign nothing more. The order matters: a crash here must not forget it."""
        finding = Finding(
            witness=error.witness,
            finding=error.finding,
            detail=error.detail,
            found_at=rfc3339(self._clock.now()),
            our_checkpoint=signed,
        )
        self._observer.on_contradiction(error.witness)
        self._log.error("a witness contradicts the log", witness=error.witness, finding=error.finding)
        try:
            self._files.write_durable(FINDING_FILE, msgspec.json.encode(finding))
        finally:
            self._ledger.halt(error)
        raise error

    def _publish(self, signed: str, found: Sequence[Cosignature]) -> None:
        now = asyncio.get_running_loop().time()
        text, since = self._written
        if signed != text or now - since >= _REWRITE_S:
            self._files.write_durable(COSIGNED_FILE, with_lines(signed, found).encode())
            self._written = (signed, now)

    async def _anchor(self, signed: str, found: Sequence[Cosignature], *, at_once: bool) -> None:
        """Leaves for these cosignatures, unless only anchors were appended since the last, or it was just done."""
        now = asyncio.get_running_loop().time()
        others, since = self._anchored
        is_due = now - since >= self._anchor_interval_s or others < 0
        if not self._anchors.is_open or (not at_once and (not is_due or self._anchors.others() == others)):
            return
        try:
            await self._anchors.anchor(*(of_cosignature(one, signed) for one in found))
        except Overloaded:
            return  # kept; its leaf comes with the next
        self._anchored = (self._anchors.others(), now)

    def newest_cosigned_size(self) -> int:
        """How many entries the newest cosigned checkpoint covers, 0 before the first."""
        if not self._written[0]:
            return 0
        return int(split_note(self._written[0])[0].split("\n")[1])
