"""The store against the ``eventsourcing`` library as it comes and against SQLite itself.

Everything is on disk with synchronous FULL. Ours signs a checkpoint over the RFC 6962 tree in every transaction; the
library is left as it comes (uuid4 streams, JSON, its own SQLite module), because that is what an application would use.
Every run of ours is checked from the stored bytes: dense positions, and the root that the checkpoint signed.
"""

from collections.abc import Iterator

from bench.peers import Field
from bench.store_commit import appending, committing, recording
from bench.store_read import feeding, reconstructing


def fields(*, quick: bool) -> Iterator[Field]:
    """All fields of the suite, made one after the other."""
    n = 4_000 if quick else 20_000
    yield appending(n)
    yield committing(n)
    yield recording(n, 100)
    yield recording(n, 500)
    yield reconstructing(400 if quick else 2_000)
    yield feeding(20 if quick else 100)
