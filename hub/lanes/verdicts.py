"""What a target's answer makes of the dossiers of an attempt: the table of transitions put into effect.

Every outcome is placed on the log before the dossiers it is about may be taken up again. A culprit is found by halving;
what we did not learn is asked for; where the target can not be asked, the same goes once more and says so (*doubt*).
"""

from collections.abc import Sequence

from contracts.delivery import Outcome
from contracts.delivery import Standing as Answer
from contracts.errors import TargetUnavailable
from contracts.ports import Remote
from hub.lanes.bounds import Limits, Target, Watcher
from hub.lanes.circuit import Circuit
from hub.lanes.docket import Docket
from hub.lanes.scribe import Attempt, Scribe
from hub.lanes.transitions import MOST_TURNS, TRANSITIONS, Move, park_code
from hub.lanes.work import Batch, Segment, Work
from ledger.events import SyncItem

SPLIT_EVERY = 3
"""A batch that was retried this often is halved: one record may be what makes the target fail."""
MISSING = "park.missing_for_target"
ASKED = "asked"
ASSERTED = "asserted"
"""Phrases of a confirmation that came from asking, or from the target's own message, not from sending."""


class Verdicts:
    """Puts answers into effect for one lane."""

    def __init__(
        self,
        target: Target,
        *,
        docket: Docket,
        circuit: Circuit,
        scribe: Scribe,
        limits: Limits,
        watcher: Watcher,
    ) -> None:
        self._target = target
        self._docket = docket
        self._circuit = circuit
        self._scribe = scribe
        self._limits = limits
        self._watcher = watcher
        self._confirmations = 0

    # ── an attempt ended ─────────────────────────────────────────────────────────────────────────

    async def conclude(self, batch: Batch, outcome: Outcome, sent_at: int) -> None:
        """Do what the table says for this batch."""
        move = TRANSITIONS[batch.context][outcome.verdict]
        attempt = Attempt(batch, outcome, id=self._scribe.new_id(), sent_at=sent_at)
        if move not in {"wait", "ask"}:
            self._circuit.answered()
        if move == "confirm":
            await self._confirm(attempt)
        elif move == "split":
            await self._scribe.refused(attempt)
            self._docket.first(*batch.halves())
        elif move in {"wait", "ask"}:
            await self._fail(attempt, move)
        else:
            await self._turn(attempt, move)

    async def _confirm(self, attempt: Attempt) -> None:
        works = attempt.batch.works
        items = [self._scribe.item(work, work.segment, attempt.id) for work in works]
        now = self._scribe.now()
        segments = [self._confirm_one(work, now) for work in works]
        self._confirmations += 1
        await self._scribe.confirmed(
            segments, works, items, attempt_id=attempt.id, sent_at=attempt.sent_at, phrase=attempt.outcome.phrase
        )
        for work in works:
            if work.segments:
                self._docket.enqueue(work)

    def _confirm_one(self, work: Work, now: int) -> Segment:
        self._refresh(work)
        segment = work.confirm()
        work.sent = False
        if not work.segments:
            self._done(work, now)
        return segment

    def _done(self, work: Work, now: int) -> None:
        self._docket.settle(work.stream)
        if work.mark.source not in {"", self._target.party}:
            seconds = max(0, now - work.mark.accepted_at) / 1_000_000
            self._watcher.confirmed(work.mark.source, self._target.party, seconds)

    async def _fail(self, attempt: Attempt, move: Move) -> None:
        """The target did not take it, or we did not learn whether it did."""
        batch, asked_s = attempt.batch, attempt.outcome.retry_after_s
        await self._scribe.refused(attempt)
        self._circuit.failed(asked_s=asked_s)
        for work in batch.works:
            work.tries += 1
            if work.failed_since < 0:
                work.failed_since = self._confirmations
        if await self._gives_up(attempt):
            return
        if move == "ask":
            for work in batch.works:
                work.ask = True
                self._docket.enqueue(work)
            return
        parts = batch.halves() if len(batch.works) > 1 and batch.tries % SPLIT_EVERY == 0 else (batch,)
        moment = self._circuit.later(batch.tries, asked_s=asked_s)
        for part in parts:
            self._docket.postpone(moment, part)

    async def _gives_up(self, attempt: Attempt) -> bool:
        """A dossier that fails alone for long while the target takes others parks; no dossier of a dead target does."""
        work = attempt.batch.works[0]
        spent = work.tries >= self._limits.patience.limit and self._confirmations > work.failed_since
        if len(attempt.batch.works) > 1 or not spent:
            return False
        await self.park(work, "sync.retries_exhausted", detail=attempt.outcome.phrase)
        return True

    async def _turn(self, attempt: Attempt, move: Move) -> None:
        """One dossier goes in another way, or not at all."""
        work = attempt.batch.works[0]
        work.turns += 1
        if move == "park" or work.turns > MOST_TURNS:
            code = park_code(attempt.outcome.verdict, turns=work.turns)
            await self.park(work, code, detail=attempt.outcome.phrase, attempt=attempt)
            return
        await self._scribe.refused(attempt)
        if move == "as_update":
            work.change(known=True, steps=work.due.steps)
        else:
            work.change(record=True, known=False, steps=work.due.steps)
        await self._render_again(work)

    async def _render_again(self, work: Work) -> None:
        wanting = work.render(self._target.adapter, self._target.profile, self._docket.most)
        if wanting is not None:
            code = MISSING if work.due.known else "park.target_missing"
            await self.park(work, code, detail=",".join(wanting.missing))
        elif not work.segments:
            self._done(work, self._scribe.now())
        elif work.tries > 1:
            self._docket.postpone(self._circuit.later(work.tries), Batch((work,)))
        else:
            self._docket.enqueue(work)

    async def park(self, work: Work, code: str, *, detail: str = "", attempt: Attempt | None = None) -> None:
        """This dossier stops for this target alone."""
        self._refresh(work)
        self._docket.settle(work.stream)
        await self._scribe.parked(work.known, work.position, code, detail=detail, attempt=attempt)
        self._watcher.parked(self._target.party, code)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def ask(self, remote: Remote, works: Sequence[Work]) -> None:
        """Learn what the target holds for dossiers whose delivery is uncertain, then go on from there."""
        for number, work in enumerate(works):
            if self._proven(work):
                await self._learned(work, _as_answer(work), phrase=ASSERTED)
                continue
            if self._circuit.holds():
                self._docket.ask_again(works[number:])
                return
            self._circuit.in_flight += 1
            try:
                answer = await remote.ask(work.due.code)
            except TargetUnavailable as away:
                self._docket.ask_again(works[number:])
                self._circuit.failed(asked_s=away.retry_after_s)
                return
            except Exception as error:  # noqa: BLE001  # a fault in a client: as if the target could not be asked
                self._watcher.failed(self._target.party, "ask", error)
                answer = Answer(askable=False)
            finally:
                self._circuit.in_flight -= 1
            await self._learned(work, answer)

    def _refresh(self, work: Work) -> None:
        """Take in what a message of the target made known while this delivery was under way."""
        standing = self._scribe.standing(work.stream) if work.watched else None
        if standing is not None:
            work.learn(standing)

    def _proven(self, work: Work) -> bool:
        """Whether the target repeated what is under way, so that nobody need ask."""
        if work.uncertain or not work.watched:
            return False
        self._refresh(work)
        segment = work.segment
        held = work.known
        return set(held.rows).issuperset(segment.rows) if segment.rows else held.through >= work.position

    async def _learned(self, work: Work, answer: Answer, *, phrase: str = ASKED) -> None:
        segment = work.segment
        record_open = work.due.record and (work.uncertain or not segment.rows)
        rows_open = work.uncertain or bool(segment.rows)
        work.ask = work.uncertain = work.sent = False
        if not answer.askable:
            work.doubt_record, work.doubt_rows = record_open, rows_open
            await self._render_again(work)
            return
        self._circuit.answered()
        if not answer.known:
            work.change(record=True, known=False, steps=work.due.steps)
            await self._render_again(work)
            return
        if record_open:
            await self._learned_record(work, answer, phrase)
        if rows_open and work.due.steps:
            await self._learned_rows(work, answer, phrase)
        await self._render_again(work)

    async def _learned_record(self, work: Work, answer: Answer, phrase: str) -> None:
        segment = work.segment
        if not segment.rows and answer.record == segment.renderings[0].body:
            attempt_id = self._scribe.new_id()
            item = self._scribe.item(work, segment, attempt_id)
            work.confirm()
            work.change(record=False, known=True, steps=work.due.steps)
            await self._note_learned(work, segment, item, attempt_id, phrase)
        else:
            work.change(known=True, steps=work.due.steps)

    async def _learned_rows(self, work: Work, answer: Answer, phrase: str) -> None:
        if answer.rows is None:
            work.doubt_rows = True
            return
        held = frozenset(answer.rows)
        rows = tuple(step.position for step in work.due.steps if step.digest in held)
        # Other rows of this dossier are there but not ours: perhaps ours in another spelling, so a double is possible.
        work.doubt_rows = len(rows) < len(work.due.steps) and bool(held)
        if rows:
            segment = next((one for one in work.segments if one.rows), work.segment)
            attempt_id = self._scribe.new_id()
            item = self._scribe.item(work, segment, attempt_id, rows=rows)
            work.confirm_rows(rows)
            await self._note_learned(work, segment, item, attempt_id, phrase)

    async def _note_learned(self, work: Work, segment: Segment, item: SyncItem, attempt_id: str, phrase: str) -> None:
        self._refresh(work)
        now = self._scribe.now()
        await self._scribe.confirmed([segment], (work,), [item], attempt_id=attempt_id, sent_at=now, phrase=phrase)


def _as_answer(work: Work) -> Answer:
    """What the target said of its own accord, as if it had been asked."""
    rows = tuple(step.digest for step in work.due.steps if step.position in work.known.rows)
    record = b"" if work.segment.rows else work.segment.renderings[0].body
    return Answer(askable=True, known=True, record=record, rows=rows)
