"""What is appended together: the unit of atomicity that the hub hands to the writer.

A unit is one accepted (or refused) message with everything it caused, or one delivery outcome, or one act of
governance. It is on the log whole or not at all; positions inside a unit are consecutive.
"""

from typing import Literal

import msgspec

from ledger.events import Event


class NewPart(msgspec.Struct, frozen=True, gc=False):
    """One part of a message's exact bytes, in order: concatenated, the parts of a message are its body.

    ``owner`` is the dossier stream under whose key the part is sealed; None = a key of its own.
    """

    role: Literal["glue", "dossier", "secret", "attachment", "refused"]
    content: bytes
    owner: bytes | None = None


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """One event to append. ``stream`` is the 16-byte stream id under whose key its state is sealed.

    ``part`` is the index (into the unit's parts) of the dossier's own part, committed by this event's leaf.
    """

    stream: bytes
    event: Event
    part: int | None = None


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An accepted record's fingerprint: ``lane`` is party/service of a dossier; kept in acceptance order for ever."""

    stream: bytes
    lane: str
    fingerprint: bytes


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What is known at one target for one dossier after this unit: an upsert, in the same transaction.

    ``through``: the dossier's position whose record the target confirmed (0 = no record confirmed).
    ``rows_through``/``rows``: progress rows confirmed; ``parked``: reason code or "".
    """

    stream: bytes
    target: str
    through: int
    rows: tuple[int, ...] = ()
    parked: str = ""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic append.

    The first event of a message's unit is its ``MessageAccepted`` or ``MessageRefused``; the ``parts`` belong to it.
    ``source_id`` (with ``content`` = the bytes compared for conflict) claims the party's own message id, for ever.
    ``codes`` link lookup keys to dossier streams (``n:<normalised national code>``, ``p:<party>:<code>``).
    ``cursor`` moves a target's "outcomes complete through" position.
    """

    events: tuple[NewEvent, ...]
    parts: tuple[NewPart, ...] = ()
    source_id: tuple[str, str] | None = None
    """(party, id)"""
    content: bytes = b""
    codes: tuple[tuple[str, bytes], ...] = ()
    seen: tuple[Seen, ...] = ()
    standings: tuple[Standing, ...] = ()
    cursor: tuple[str, int] | None = None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where the events of a unit stand: positions are final once ``Writer.durable`` returned."""

    positions: tuple[int, ...]
    leaf_hashes: tuple[bytes, ...]
