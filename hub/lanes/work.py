"""One dossier on its way to one target: the rendered segments, in order, and what is uncertain about them.

A segment is a run of renderings that may travel together (equal ``Rendering.lane``). The record's segment comes before
the rows', and the next segment is sent only when the one before is confirmed.
"""

from collections.abc import Iterable, Sequence

import msgspec

from contracts.delivery import Rendering, Unrenderable
from contracts.picture import Due, StepTaken
from contracts.ports import Adapter, Profile
from hub.lanes.backlog import Mark
from hub.lanes.transitions import Context, context_of
from ledger.unit import Standing


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Renderings of one dossier that travel in one request. ``rows`` are the row positions they carry together."""

    lane: str
    service: str
    updating: bool
    renderings: tuple[Rendering, ...]
    rows: tuple[int, ...]


def segments_of(renderings: Sequence[Rendering], most: int) -> tuple[Segment, ...]:
    """Cut renderings into segments of equal lane, at most ``most`` renderings each, order kept."""
    if len(renderings) == 1:
        only = renderings[0]
        return (Segment(only.lane, only.service, only.updating, (only,), only.rows),)
    found: list[Segment] = []
    start = 0
    for end in range(1, len(renderings) + 1):
        first = renderings[start]
        if end < len(renderings) and renderings[end].lane == first.lane and end - start < most:
            continue
        run = tuple(renderings[start:end])
        rows = tuple(row for rendering in run for row in rendering.rows)
        found.append(Segment(first.lane, first.service, first.updating, run, rows))
        start = end
    return tuple(found)


class Work:
    """One dossier's delivery under way. Mutable: it belongs to one lane and to one step of it at a time.

    ``ask``: before anything is sent, the target is asked what it holds. ``uncertain``: a process before this one may
    have sent all of it. ``doubt_record`` / ``doubt_rows``: sent once more although an earlier sending may have arrived.
    ``tries`` counts retries, ``turns`` changes between create and update. ``watched``: a message of the target itself
    was judged against this delivery, so what is known at the target may have changed beside it.
    """

    __slots__ = (
        "ask",
        "doubt_record",
        "doubt_rows",
        "due",
        "failed_since",
        "known",
        "mark",
        "segments",
        "sent",
        "stream",
        "tries",
        "turns",
        "uncertain",
        "watched",
    )

    def __init__(self, mark: Mark, due: Due, known: Standing) -> None:
        self.stream = known.stream
        self.mark = mark
        self.due = due
        self.known = known
        self.segments: tuple[Segment, ...] = ()
        self.ask = False
        self.uncertain = False
        self.doubt_record = False
        self.doubt_rows = False
        self.sent = False
        self.watched = False
        self.tries = 0
        self.turns = 0
        self.failed_since = -1

    @property
    def segment(self) -> Segment:
        """The segment that is next to be confirmed."""
        return self.segments[0]

    @property
    def position(self) -> int:
        """The position of the dossier's newest event that the rendering takes in."""
        return self.due.picture.position

    def render(self, adapter: Adapter, profile: Profile, most: int) -> Unrenderable | None:
        """Render what is due; None when that went well (``segments`` may be empty: nothing to say)."""
        written = adapter.write(self.due, profile)
        if isinstance(written, Unrenderable):
            return written
        self.segments = segments_of(written, most)
        return None

    def change(self, *, record: bool | None = None, known: bool | None = None, steps: Sequence[StepTaken] = ()) -> None:
        """State anew what is due: as a create or an update, with fewer rows; it must be rendered again."""
        due = self.due
        self.due = Due(
            picture=due.picture,
            code=due.code,
            record=due.record if record is None else record,
            steps=tuple(steps),
            known=due.known if known is None else known,
        )

    def confirm(self) -> Segment:
        """The present segment is known at the target."""
        segment, self.segments = self.segments[0], self.segments[1:]
        if segment.rows:
            self.confirm_rows(segment.rows)
            if self.due.record and not self.segments:
                # The format has no record beside its rows: with the last of them it knows the dossier as rendered.
                self._know(self.due.picture.position, self.known.rows)
        else:
            self._know(self.due.picture.position, self.known.rows)
            if self.segments:
                self.change(record=False, known=True, steps=self.due.steps)
        self.tries = 0
        return segment

    def confirm_rows(self, rows: Iterable[int]) -> None:
        """These rows are known at the target."""
        held = frozenset(rows)
        self._know(self.known.through, tuple(sorted(held.union(self.known.rows))))
        self.change(steps=[step for step in self.due.steps if step.position not in held])

    def learn(self, standing: Standing) -> None:
        """Take in what became known at the target beside this delivery."""
        rows = tuple(sorted({*standing.rows, *self.known.rows}))
        self._know(max(standing.through, self.known.through), rows)

    def _know(self, through: int, rows: tuple[int, ...]) -> None:
        self.known = Standing(stream=self.stream, target=self.known.target, through=through, rows=rows)


class Batch:
    """Works whose present segments travel in one request; equal lane, so one service and one create-or-update."""

    __slots__ = ("renderings", "service", "updating", "works")

    def __init__(self, works: Sequence[Work]) -> None:
        first = works[0].segment
        self.works = tuple(works)
        self.service = first.service
        self.updating = first.updating
        self.renderings: tuple[Rendering, ...] = tuple(r for work in works for r in work.segment.renderings)

    @property
    def context(self) -> Context:
        """What a verdict on this batch can be about."""
        first = self.works[0].segment
        return context_of(len(self.works), updating=first.updating, rows=bool(first.rows))

    @property
    def tries(self) -> int:
        """How often the most retried of its works was retried."""
        return max(work.tries for work in self.works)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of half the works each, order kept."""
        middle = (len(self.works) + 1) // 2
        return Batch(self.works[:middle]), Batch(self.works[middle:])
