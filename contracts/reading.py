"""What an adapter understood of one message: records, refusals, parked records and declared losses.

A message of many records is read record by record: one bad record never holds up the good ones of its
packet. Byte ranges are half-open ``(start, end)`` offsets into ``Envelope.body``; what no range covers is glue.
"""

from typing import Final, TypeAlias

import msgspec

from contracts.errors import FieldError
from contracts.facts import AnyFact

Span: TypeAlias = tuple[int, int]


class Note(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A warning (suspicious but accepted) or a loss (not carried). ``code`` is from the closed list of errors.py.

    Never holds a value of the message, only where and what: notes are kept outside the dossier's key.
    """

    code: str
    path: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one record of a message says about one dossier.

    ``row`` is true for a progress row: it carries its own time and is known for ever by content; a snapshot is
    compared as a list with what was accepted before (decisions.md §1, *Idempotency*).
    ``material`` is what its fingerprint is taken over: the record's raw bytes, less the values that the contract
    declares volatile. ``code_scope`` is "national" where the code is a national form, else "party".
    ``updating`` is what the message said about create or update (None where it said nothing).
    """

    index: int
    span: Span
    dossier: str
    facts: tuple[AnyFact, ...]
    material: bytes
    service: str
    row: bool = False
    updating: bool | None = None
    aliases: tuple[str, ...] = ()
    agency: str = ""
    """Agency the dossier code names (normalised), "" where it names none."""
    code_scope: str = "national"
    warnings: tuple[Note, ...] = ()
    losses: tuple[Note, ...] = ()


class RefusedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record the sender must mend; ``dossier`` is its code where one could be read."""

    index: int
    span: Span
    errors: tuple[FieldError, ...]
    dossier: str = ""


class ParkedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record whose fault is ours (unmapped code): durable, waits for a human or a new mapping."""

    index: int
    span: Span
    dossier: str
    code: str
    path: str
    word: str
    """The value no table knows, so that a human can map it; kept sealed under the dossier's key."""
    service: str
    material: bytes
    code_scope: str = "national"
    row: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of one message. ``secrets`` and ``attachments`` are byte ranges kept under keys of their own."""

    standard: str
    edition: str
    service: str
    records: tuple[Record, ...] = ()
    refused: tuple[RefusedRecord, ...] = ()
    parked: tuple[ParkedRecord, ...] = ()
    secrets: tuple[Span, ...] = ()
    attachments: tuple[Span, ...] = ()
    source_id: str = ""
    agency: str = ""
    """Agency the envelope speaks for (``madonvi``, ``MaDinhDanhDV``), normalised; "" where it names none."""
    warnings: tuple[Note, ...] = ()


MAX_RECORDS: Final = 1_000
