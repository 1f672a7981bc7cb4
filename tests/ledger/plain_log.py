"""A log of invented entries, held in a list: what tiles and proofs are made from where no ledger is needed."""

from collections.abc import Sequence

from hub.world_seeded import MemoryFiles, SeededEntropy
from ledger import merkle
from ledger.checkpoint import Scribe
from ledger.keys import log_signer
from ledger.publication import Publication

ORIGIN = "mau.example/log"


def entry(number: int) -> bytes:
    """The invented entry of this index; no two are of the same bytes, lengths differ."""
    return f'{{"idx":{number},"mau":"{"ẫ" * (number % 7)}"}}'.encode()


class PlainLog:
    """A growing log with a key of its own; every growth is a commit with a checkpoint."""

    def __init__(self, size: int = 0, *, origin: str = ORIGIN, seed: str = "mau") -> None:
        self.origin = origin
        self.scribe = Scribe(log_signer(MemoryFiles(), SeededEntropy(seed), origin, create=True))
        self.vkey = self.scribe.key.text()
        self.kept: list[bytes] = []
        self.nodes: list[bytes] = []
        self.frontier = merkle.Frontier()
        self.notes: dict[int, str] = {}
        if size:
            self.grow_to(size)

    def grow_to(self, size: int) -> None:
        """Append invented entries up to a size and sign it."""
        self.append([entry(number) for number in range(len(self.kept), size)])

    def append(self, entries: Sequence[bytes]) -> None:
        """Append entries and sign the new size."""
        self.kept += entries
        self.nodes += self.frontier.extend([merkle.leaf_hash(one) for one in entries])
        self.notes[len(self.kept)] = self.scribe.sign(len(self.kept), self.frontier.root())

    def node(self, level: int, index: int) -> bytes:
        """One complete node."""
        return self.nodes[merkle.node_number(level, index)]

    def root_at(self, size: int) -> bytes:
        """The root of the first ``size`` entries."""
        peaks = [self.node(level, index) for level, index in merkle.peaks_of(size)]
        return merkle.Frontier(size, peaks).root()

    def head(self) -> str:
        return self.notes[len(self.kept)] if self.kept else ""

    def entries(self, first: int, count: int) -> list[bytes]:
        return self.kept[first : first + count]

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        return [self.node(level, index) for index in range(first, first + count)]


def publish(publication: Publication) -> int:
    """Publish all there is; how many steps it took."""
    return sum(1 for _ in publication.steps())
