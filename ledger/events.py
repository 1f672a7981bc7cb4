"""What is stored: facts of dossiers, of messages, of synchronisation, of governance.

Every class is written out by hand, frozen, with an explicit ``TOPIC`` and ``VERSION``; its stored state is the JSON of
its fields. ``upcast`` (ledger/upcast.py) turns older versions into today's; a stored specimen of every version lies
under ``tests/ledger/specimens`` and must stay readable.

No event of a party, target or governance stream holds a dossier code, a name or a value of a message: those streams
are never erased. Dossiers are named there by stream id (32 hex digits).
"""

from typing import ClassVar, Final, TypeAlias

import msgspec

from contracts.errors import FieldError
from contracts.facts import AnyFact
from contracts.reading import Note


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Base of all stored events."""

    TOPIC: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1


# ── dossier streams ──────────────────────────────────────────────────────────────────────────────


class FactRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact of a dossier was applied. Its stored topic is the fact's own TOPIC (``dossier.received`` …).

    ``message`` is the position of the ``MessageAccepted`` that brought it, ``item`` the record's index there.
    ``at_us`` is the business time it sorts by (``accepted_at`` where none was stated, then ``at_assumed``).
    ``settles`` names the position of the ``TransitionQuestioned`` this event applies after all.
    ``values_only``: its values count, the state it usually leads to does not (the sender's record names another state).
    ``authority`` says on what ground where it is not the ordinary one: ``owner`` (configured), ``gap`` (the origin left
    the value open), ``agreed`` (not its to say, but it stands already). ``raced``: the party said this while a delivery
    to it through that position was under way, so which of the two stands there now is not known.
    """

    TOPIC: ClassVar[str] = "dossier.fact"

    party: str
    message: int
    fact: AnyFact
    at_us: int
    item: int = 0
    at_assumed: bool = False
    service: str = ""
    settles: int = 0
    values_only: bool = False
    authority: str = ""
    raced: int = 0
    warnings: tuple[Note, ...] = ()


class TransitionQuestioned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact was recorded but not applied. ``reason``: illegal_transition · not_authoritative · possible_replay.

    Judged again whenever an earlier fact lands; a question is never final while the dossier is open.
    """

    TOPIC: ClassVar[str] = "dossier.transition-questioned"

    party: str
    message: int
    fact: AnyFact
    at_us: int
    reason: str
    item: int = 0
    at_assumed: bool = False
    service: str = ""
    state_before: str = ""
    values_only: bool = False
    raced: int = 0
    warnings: tuple[Note, ...] = ()


class RecordParked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A record waits for a mapping (``MessageParked`` for one record of a packet), in its dossier's stream."""

    TOPIC: ClassVar[str] = "dossier.record-parked"

    party: str
    message: int
    code: str
    """The reason, from the closed list (``park.…``)."""
    dossier: str
    path: str = ""
    word: str = ""
    item: int = 0
    at_us: int = 0


class RecordDismissed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person settled that a parked record will not be mapped; it stays on the log and is nobody's open work.

    ``parked`` is the position of its ``RecordParked``.
    """

    TOPIC: ClassVar[str] = "dossier.record-dismissed"

    party: str
    message: int
    parked: int
    dossier: str
    dismissed_at: int
    item: int = 0
    by: str = ""
    note: str = ""


# ── party streams: messages ──────────────────────────────────────────────────────────────────────


class AcceptedItem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of one record of an accepted message; the state words are those of the receipt."""

    index: int
    stream: str
    state: str
    codes: tuple[str, ...] = ()
    position: int = 0
    """Position of the last event this record caused, or of the one that already says it; 0 = none."""


class MessageAccepted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message is durable and ours. Rev n of the party's stream is the source's own sequence number.

    ``parts`` and ``parts_root``: the RFC 6962 root over the commitments of its parts, committed by the leaf too.
    """

    TOPIC: ClassVar[str] = "message.accepted"

    message_id: str
    party: str
    adapter: str
    standard: str
    edition: str
    service: str
    accepted_at: int
    body_bytes: int
    transport: str = "http"
    has_source_id: bool = False
    items: tuple[AcceptedItem, ...] = ()
    refused: tuple["RefusedItem", ...] = ()
    warnings: tuple[Note, ...] = ()
    traceparent: str = ""


class RefusedItem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A refused record of an accepted packet: its errors, without values."""

    index: int
    errors: tuple[FieldError, ...]


class MessageRefused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A whole message was refused: reasons, size and the first 64 KiB as a part under a key of its own."""

    TOPIC: ClassVar[str] = "message.refused"

    message_id: str
    party: str
    adapter: str
    refused_at: int
    body_bytes: int
    errors: tuple[FieldError, ...]
    service: str = ""


class ConflictDetected(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The same message id came with other content; the first stands at ``first_position``, both are kept."""

    TOPIC: ClassVar[str] = "message.conflict"

    message_id: str
    party: str
    first_position: int
    detected_at: int
    body_bytes: int


class MessageReinterpreted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A parked record of an accepted message was read again, by today's mapping, because a person asked for it.

    What it says follows in its dossier's stream under the original ``message`` and its time. ``item`` is the record's
    index there and ``stream`` the dossier it waited in, ``mapping_hash`` that of the mapping it was read by, ``state``
    the receipt's word for the record.
    """

    TOPIC: ClassVar[str] = "message.reinterpreted"

    party: str
    message: int
    item: int
    stream: str
    mapping_hash: str
    at: int
    state: str = ""
    by: str = ""


# ── target streams: synchronisation ──────────────────────────────────────────────────────────────


class SyncItem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One dossier of one delivery attempt.

    ``through`` is the position of the dossier's newest event that the rendering took in; ``rows`` the progress rows
    it carried. ``commitment`` (hex) is the salted commitment of the record's exact rendered bytes.
    ``doubt``: sent once more after an outcome we never learned (decisions.md §5).
    """

    stream: str
    through: int
    commitment: str = ""
    rows: tuple[int, ...] = ()
    doubt: bool = False
    code: str = ""
    """Reason from the closed list where this item failed, "" otherwise."""


class SyncConfirmed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The target confirmed one attempt. ``complete_through``: outcomes to this target are complete up to here."""

    TOPIC: ClassVar[str] = "sync.confirmed"

    target: str
    service: str
    updating: bool
    items: tuple[SyncItem, ...]
    sent_at: int
    confirmed_at: int
    mapping_hash: str = ""
    phrase: str = ""
    complete_through: int = 0
    batch_id: str = ""


class SyncRefused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One delivery attempt failed: ``verdict`` as understood, retried or parked by later events."""

    TOPIC: ClassVar[str] = "sync.refused"

    target: str
    service: str
    updating: bool
    items: tuple[SyncItem, ...]
    sent_at: int
    refused_at: int
    verdict: str
    phrase: str = ""
    attempt: int = 1
    complete_through: int = 0
    batch_id: str = ""


class SyncParked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier cannot be delivered to one target; it waits there alone."""

    TOPIC: ClassVar[str] = "sync.parked"

    target: str
    stream: str
    through: int
    code: str
    parked_at: int
    detail: str = ""


class SyncRequeued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A parked delivery was put back, by a person (``note``) or because an event supplied what was missing."""

    TOPIC: ClassVar[str] = "sync.requeued"

    target: str
    stream: str
    requeued_at: int
    by: str = ""
    note: str = ""


class SyncDismissed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person settled that a parked delivery is nobody's open work. It stays parked as it was.

    A requeue, or an event that supplies what was missing, still takes it up again.
    """

    TOPIC: ClassVar[str] = "sync.dismissed"

    target: str
    stream: str
    dismissed_at: int
    by: str = ""
    note: str = ""


# ── governance streams ───────────────────────────────────────────────────────────────────────────


class PartyRegistered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A connected system entered the directory; no credential is stored here."""

    TOPIC: ClassVar[str] = "party.registered"

    party: str
    adapter: str
    agencies: tuple[str, ...] = ()
    registered_at: int = 0


class PartyChanged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Its entry changed; ``change`` names what (disabled, enabled, agencies, address)."""

    TOPIC: ClassVar[str] = "party.changed"

    party: str
    change: str
    changed_at: int = 0


class KeyAdded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A key may sign from here on; ``vkey`` is its C2SP verifier key, ``purpose`` log · heads · witness · source.

    ``by`` names the key (its vkey) that allows it and ``signature`` is that key's signature, base64, over the statement
    of ``ledger/registry.py``; both are empty for the first key of a log.
    """

    TOPIC: ClassVar[str] = "key.added"

    vkey: str
    purpose: str
    added_at: int = 0
    by: str = ""
    signature: str = ""


class KeyRetired(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A key ended in order: it signs no tree larger than ``last_size`` (0 = it signs nothing from this leaf on)."""

    TOPIC: ClassVar[str] = "key.retired"

    vkey: str
    purpose: str
    retired_at: int
    last_size: int = 0
    by: str = ""
    signature: str = ""


class KeyRevoked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A key is not to be believed from ``since`` (microseconds UTC) on; ``reason``: compromised · lost · superseded."""

    TOPIC: ClassVar[str] = "key.revoked"

    vkey: str
    purpose: str
    since: int
    reason: str
    revoked_at: int
    by: str = ""
    signature: str = ""


class CheckpointAnchored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody outside testified to a tree: everything after this leaf came after that, everything before, before.

    ``kind``: witness (a C2SP cosignature) · timestamp (an RFC 3161 token). ``origin``, ``size`` and ``root`` (hex) name
    the tree, ``by`` the witness' vkey or the authority's name, ``at`` the time the testimony states (microseconds UTC),
    ``evidence`` the SHA-256 (hex) of its exact bytes, which are kept beside the log.
    """

    TOPIC: ClassVar[str] = "checkpoint.anchored"

    kind: str
    origin: str
    size: int
    root: str
    by: str
    at: int
    evidence: str
    anchored_at: int


class IntakeOverridden(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person let messages in until ``until`` although the outside testimony the configuration asks for is too old."""

    TOPIC: ClassVar[str] = "intake.overridden"

    by: str
    reason: str
    until: int
    overridden_at: int


class ItemErased(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Content is erased for ever: its keys are destroyed and with them the salts; what remains confirms no guess.

    ``stream`` (32 hex digits) is the dossier, "" where single messages are erased; ``items`` name what went:
    ``dossier`` (every event and part under the dossier's key), ``message/<position>/<part>`` (a part under a key of its
    own), ``message/<position>/glue`` (all glue of a message).
    ``ground`` is the legal ground in the operator's words without personal data; ``retention`` where a term ran out.
    """

    TOPIC: ClassVar[str] = "item.erased"

    stream: str
    items: tuple[str, ...]
    ground: str
    by: str
    erased_at: int


class ConfigurationChanged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The effective configuration, by hash: mappings, tables, routes, authority."""

    TOPIC: ClassVar[str] = "configuration.changed"

    config_hash: str
    mappings: dict[str, str] = {}  # msgspec copies mutable defaults
    changed_at: int = 0


class ClockStepped(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The system clock jumped against the loop's time by more than the permitted amount."""

    TOPIC: ClassVar[str] = "clock.stepped"

    before_us: int
    after_us: int
    accepted_by: str = ""


class EvidenceAccessed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Sealed content was opened for a person."""

    TOPIC: ClassVar[str] = "evidence.accessed"

    by: str
    role: str
    stream: str
    what: str
    at: int


AnyEvent: TypeAlias = (
    FactRecorded
    | TransitionQuestioned
    | RecordParked
    | RecordDismissed
    | MessageAccepted
    | MessageRefused
    | ConflictDetected
    | MessageReinterpreted
    | SyncConfirmed
    | SyncRefused
    | SyncParked
    | SyncRequeued
    | SyncDismissed
    | PartyRegistered
    | PartyChanged
    | KeyAdded
    | KeyRetired
    | KeyRevoked
    | CheckpointAnchored
    | IntakeOverridden
    | ItemErased
    | ConfigurationChanged
    | ClockStepped
    | EvidenceAccessed
)

EVENT_TYPES: Final[tuple[type[Event], ...]] = (
    FactRecorded,
    TransitionQuestioned,
    RecordParked,
    RecordDismissed,
    MessageAccepted,
    MessageRefused,
    ConflictDetected,
    MessageReinterpreted,
    SyncConfirmed,
    SyncRefused,
    SyncParked,
    SyncRequeued,
    SyncDismissed,
    PartyRegistered,
    PartyChanged,
    KeyAdded,
    KeyRetired,
    KeyRevoked,
    CheckpointAnchored,
    IntakeOverridden,
    ItemErased,
    ConfigurationChanged,
    ClockStepped,
    EvidenceAccessed,
)


def topic_of(event: Event) -> str:
    """The stored topic: a recorded fact is stored under the fact's own name."""
    return event.fact.TOPIC if isinstance(event, FactRecorded) else event.TOPIC


def version_of(event: Event) -> int:
    """The stored version beside the topic."""
    return event.fact.VERSION if isinstance(event, FactRecorded) else event.VERSION
