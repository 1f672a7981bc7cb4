"""Which records of a packet repeat what its sender said: one dossier's list against what was accepted before.

A record that was parked keeps its place in that list, so that what was said before and after it is not taken for one
repetition. Sent again once it can be read, it is news: only its bytes were known, never its meaning.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from contracts.errors import FieldError
from contracts.reading import ParkedRecord, Record
from hub.intake import (
    already_exists,
    fingerprint_material,
    lane_of,
    parked_lane_of,
    parked_material,
    reread_lane_of,
    verdicts,
)
from hub.judgement import Verdict
from ledger.port import Ledger


class Compared(NamedTuple):
    """What intake makes of one record; ``error`` where its sender must send it otherwise."""

    verdict: Verdict
    fingerprint: bytes
    error: FieldError | None = None


def compare(
    ledger: Ledger,
    party: str,
    stream: bytes,
    seen: Mapping[str, Sequence[bytes]],
    group: Sequence[Record | ParkedRecord],
) -> list[Compared]:
    """Judge the records of one dossier and service, in the packet's order; ``seen`` is what was accepted, by lane."""
    offered = [ledger.fingerprint(stream, fingerprint_material(record, party)) for record in group]
    service = group[0].service
    accepted = seen.get(lane_of(party, service), ())
    parked = seen.get(parked_lane_of(party, service), ())
    creating = [isinstance(record, Record) and record.updating is False for record in group]
    if not parked:
        words = verdicts(accepted, offered, creating)
        return [
            Compared(word, fingerprint, _refusal(record, accepted, word))
            for record, fingerprint, word in zip(group, offered, words, strict=True)
        ]
    reread = seen.get(reread_lane_of(party), ())
    waiting = [
        fingerprint
        for fingerprint in parked
        if fingerprint not in reread and accepted.count(fingerprint) <= parked.count(fingerprint)
    ]
    taken = [fingerprint for fingerprint in accepted if fingerprint not in waiting]
    for number, record in enumerate(group):
        if offered[number] not in accepted:
            other = ledger.fingerprint(stream, parked_material(record, party))
            offered[number] = other if other in parked else offered[number]
    compared = []
    for record, fingerprint, word in zip(group, offered, verdicts(accepted, offered, creating), strict=True):
        if isinstance(record, Record) and fingerprint in waiting:
            word = "new"  # noqa: PLW2901  # it can be read for the first time
        compared.append(Compared(word, fingerprint, _refusal(record, taken, word)))
    return compared


def _refusal(record: Record | ParkedRecord, taken: Sequence[bytes], word: Verdict) -> FieldError | None:
    return already_exists(record, taken, word) if isinstance(record, Record) else None
