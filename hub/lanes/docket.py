"""What a lane has under way, by what must happen next: to be sent, to be asked, to be tried again later.

No I/O and no clock: moments are given. Every work belongs to exactly one of: a bin (by ``Rendering.lane``), the batches
that are ready, the batches that wait for a moment, the works to be asked about, or a worker's hands.
"""

from collections import deque
from collections.abc import Collection, Iterable
from heapq import heapify, heappop, heappush

from hub.lanes.backlog import Backlog, Mark
from hub.lanes.work import Batch, Work


class Docket:
    """The works of one target. ``most`` is the size of a full batch in renderings, ``most_open`` bounds the works."""

    def __init__(self, *, most: int, most_open: int) -> None:
        self.backlog = Backlog()
        self.most = most
        self._most_open = most_open
        self._works: dict[bytes, Work] = {}
        self._bins: dict[str, deque[Work]] = {}
        self._asks: deque[Work] = deque()
        self._ready: deque[Batch] = deque()
        self._later: list[tuple[float, int, Batch]] = []
        self._serial = 0

    def find(self, stream: bytes) -> Work | None:
        """The delivery under way for a dossier."""
        return self._works.get(stream)

    def take(self) -> tuple[bytes, Mark] | None:
        """The next dossier to render; None when nothing waits or enough is under way."""
        if len(self._works) >= self._most_open:
            return None
        return self.backlog.take()

    def open(self, work: Work) -> None:
        """A dossier's delivery begins."""
        self._works[work.stream] = work

    def settle(self, stream: bytes) -> None:
        """A dossier's delivery ended."""
        self._works.pop(stream, None)
        self.backlog.settle(stream)

    def enqueue(self, work: Work) -> None:
        """The work's present segment is to be sent, or asked about first."""
        if work.ask:
            self._asks.append(work)
        else:
            self._bins.setdefault(work.segment.lane, deque()).append(work)

    def ask_again(self, works: Iterable[Work]) -> None:
        """Works that could not be asked about stay first in line, in order."""
        self._asks.extendleft(reversed(tuple(works)))

    def take_asks(self, most: int) -> list[Work]:
        """Works to ask the target about."""
        return [self._asks.popleft() for _ in range(min(most, len(self._asks)))]

    @property
    def asks(self) -> int:
        """Works to ask the target about, how many."""
        return len(self._asks)

    def first(self, *batches: Batch) -> None:
        """These batches go next, in this order."""
        self._ready.extendleft(reversed(batches))

    def postpone(self, moment: float, batch: Batch) -> None:
        """This batch goes again as it is, not before ``moment``."""
        self._serial += 1
        heappush(self._later, (moment, self._serial, batch))

    def ripen(self, now: float) -> None:
        """Postponed batches whose moment has come are ready."""
        while self._later and self._later[0][0] <= now:
            self._ready.append(heappop(self._later)[2])

    def next_ripe(self) -> float | None:
        """When the next postponed batch is ready."""
        return self._later[0][0] if self._later else None

    def withdraw(self, streams: Collection[bytes]) -> list[bytes]:
        """Drop the works of these dossiers, none of which may be in a worker's hands; those there were, in order."""
        gone = [stream for stream in self._works if stream in streams]
        if not gone:
            return []
        kept = [work for work in self._asks if work.stream not in streams]
        self._asks = deque(kept)
        for name, bin_ in self._bins.items():
            self._bins[name] = deque([work for work in bin_ if work.stream not in streams])
        self._ready = deque([left for batch in self._ready if (left := _without(batch, streams)) is not None])
        later = [(moment, serial, _without(batch, streams)) for moment, serial, batch in self._later]
        self._later = [(moment, serial, batch) for moment, serial, batch in later if batch is not None]
        heapify(self._later)
        for stream in gone:
            self.settle(stream)
        return gone

    @property
    def has_ready(self) -> bool:
        """Whether a batch is ready as it is."""
        return bool(self._ready)

    @property
    def full(self) -> bool:
        """Whether some bin fills a batch."""
        return any(len(bin_) >= self.most for bin_ in self._bins.values())

    def next_batch(self) -> Batch | None:
        """A ready batch, else one packed from the bin whose first dossier has waited longest."""
        if self._ready:
            return self._ready.popleft()
        chosen: deque[Work] | None = None
        for bin_ in self._bins.values():
            if bin_ and (chosen is None or bin_[0].mark.position < chosen[0].mark.position):
                chosen = bin_
        if chosen is None:
            return None
        works = [chosen.popleft()]
        room = self.most - len(works[0].segment.renderings)
        while chosen and len(chosen[0].segment.renderings) <= room:
            room -= len(chosen[0].segment.renderings)
            works.append(chosen.popleft())
        return Batch(works)


def _without(batch: Batch, streams: Collection[bytes]) -> Batch | None:
    """A batch without the works of some dossiers; None when nothing is left of it."""
    if all(work.stream not in streams for work in batch.works):
        return batch
    left = [work for work in batch.works if work.stream not in streams]
    return Batch(left) if left else None
