"""What a message is before it is decided: allowed, seen before, and cut into the parts that are kept. Pure.

A format without message ids is deduplicated by content: the records of one dossier in a packet are compared as a list
with what the same party sent for it before, so a packet sent again adds nothing, while a real return to an earlier
state (4 → 5 → 4) is three events. Rows of progress carry their own time and are known for ever by content
(``hub.decide``); they need no fingerprint.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from contracts.errors import FieldError, field_error
from contracts.identifiers import AgencyCode, DossierCode
from contracts.moment import MICROS_PER_SECOND
from contracts.reading import ParkedRecord, Reading, Record
from hub.judgement import Verdict
from hub.parties import Party
from ledger.unit import NewPart

ANY_AGENCY: Final = "*"
REFUSED_BYTES: Final = 64 * 1024
"""How much of a refused message is kept: enough to see what was wrong, too little to fill a disk."""
_DAY_US: Final = 86_400 * MICROS_PER_SECOND


# ── seen before? ─────────────────────────────────────────────────────────────────────────────────


def compare_with_tail(accepted: Sequence[bytes], offered: Sequence[bytes]) -> int:
    """How many of the first records of ``offered`` were the last ones accepted: those are duplicates, the rest is new.

    [4, 5] sent again after [4, 5] is wholly known; [5, 6] after [4, 5] brings 6; [4] after [4, 5] is news (or a late
    retry, which cannot be told apart).
    """
    for length in range(min(len(accepted), len(offered)), 0, -1):
        if list(accepted[-length:]) == list(offered[:length]):
            return length
    return 0


def verdicts(accepted: Sequence[bytes], offered: Sequence[bytes], creating: Sequence[bool]) -> list[Verdict]:
    """The verdict on each record of one dossier and lane in a packet.

    A record that creates (``creating``) is a duplicate whenever it was seen: nothing is created twice.
    """
    if not accepted:
        return ["new"] * len(offered)
    known = compare_with_tail(accepted, offered)
    words: list[Verdict] = ["duplicate"] * known
    for fingerprint, creates in zip(offered[known:], creating[known:], strict=True):
        if fingerprint not in accepted:
            words.append("new")
        else:
            words.append("duplicate" if creates else "possible_replay")
    return words


def lane_of(party: str, service: str) -> str:
    """The lane in which fingerprints of dossier records are kept."""
    return f"{party}/{service}"


def parked_lane_of(party: str, service: str) -> str:
    """The lane of parked records; apart, because the same bytes may be readable later."""
    return f"{party}/{service}/parked"


def said_lane_of(party: str) -> str:
    """The lane of places (``place_mark``) of what a party said of a dossier since a record of its was parked."""
    return f"{party}//said"


def reread_lane_of(party: str) -> str:
    """The lane of places of parked records that were read again since."""
    return f"{party}//reread"


def place_mark(message: int, item: int) -> bytes:
    """The place of a record on the log, its message's position and its index there, as 16 bytes that sort alike."""
    return message.to_bytes(8) + item.to_bytes(8)


def place_of(mark: bytes) -> tuple[int, int]:
    """The place that ``place_mark`` wrote down."""
    return int.from_bytes(mark[:8]), int.from_bytes(mark[8:])


def fingerprint_material(record: Record | ParkedRecord, party: str) -> bytes:
    """What a record's fingerprint is taken over: party, service, create or update, and its raw bytes."""
    updating = record.updating if isinstance(record, Record) else None
    mark = "" if updating is None else "u" if updating else "c"
    return f"{party}\0{record.service}\0{mark}\0".encode() + record.material


def parked_material(record: Record | ParkedRecord, party: str) -> bytes:
    """What the fingerprint of a parked record is taken over, whether it can be read by now or not."""
    return f"{party}\0{record.service}\0\0".encode() + record.material


def already_exists(record: Record, accepted: Sequence[bytes], verdict: Verdict) -> FieldError | None:
    """The refusal of a record that creates a dossier for which this party's record was accepted before."""
    if record.row or record.updating is not False or verdict == "duplicate" or not accepted:
        return None
    return field_error("intake.exists")


# ── allowed? ─────────────────────────────────────────────────────────────────────────────────────


def agency_allowed(agency: str, party: Party, credential: Sequence[str], on_us: int) -> bool:
    """Whether ``party`` may speak for ``agency`` at ``on_us`` (microseconds UTC), by itself or by its credential.

    A retired code counts as its successor. No agency named ("") forbids nothing; a national system speaks for any.
    """
    if not agency or party.national:
        return True
    allowed = (*party.agencies, *credential)
    return ANY_AGENCY in allowed or _covered(agency, allowed, on_us // _DAY_US)


@lru_cache(maxsize=4_096)
def _covered(agency: str, allowed: tuple[str, ...], day: int) -> bool:
    wanted = _agency(agency)
    if wanted is None:
        return agency in allowed
    return any(code.covers(wanted, day * _DAY_US) for code in map(_agency, allowed) if code is not None)


def _agency(text: str) -> AgencyCode | None:
    try:
        return AgencyCode.parse(text)
    except ValueError:
        return None


def agency_refusal(agency: str, path: str = "") -> FieldError:
    """The refusal of a record that speaks for an agency outside the credential."""
    return field_error("intake.agency_forbidden", path, agency=agency)


# ── whose dossier? ───────────────────────────────────────────────────────────────────────────────


def code_key(code: str, scope: str, party: str) -> str:
    """What a dossier code is looked up by: national forms for the whole hub, any other only within its party."""
    try:
        parsed = DossierCode.parse(code)
    except ValueError:
        return f"p:{party}:{code}"
    if scope == "national" and parsed.scope == "national":
        return "n:" + parsed.key
    return f"p:{party}:{parsed.key}"


def alias_key(code: str, party: str) -> str:
    """What an alias is looked up by: its own form says whether it is national."""
    return code_key(code, "national", party)


@lru_cache(maxsize=16_384)
def agency_of(code: str) -> str:
    """The agency a national dossier code names, normalised; "" where it names none."""
    try:
        agency = DossierCode.parse(code).agency
    except ValueError:
        return ""
    return "" if agency is None else agency.normalised


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


class Parts(NamedTuple):
    """The parts of a message, in order, and for each record (by its place in the packet) the index of its part."""

    parts: tuple[NewPart, ...]
    of_record: Mapping[int, int]


class _Piece(NamedTuple):
    start: int
    end: int
    role: str
    record: int


def parts_of(body: bytes, reading: Reading, streams: Mapping[int, bytes]) -> Parts:
    """Cut a message into parts that together are exactly its bytes.

    ``streams`` gives the dossier's stream of each record that was taken (accepted or parked), by record index; its
    part is sealed under that dossier's key. A refused record, a secret, an attachment and the glue between get keys of
    their own. A secret or an attachment inside a record splits it; the record's part is then the first piece.
    """
    parts: list[NewPart] = []
    of_record: dict[int, int] = {}
    for piece in _pieces(len(body), reading, streams):
        if piece.start == piece.end:
            continue
        content = body[piece.start : piece.end]
        if piece.role == "dossier":
            of_record.setdefault(piece.record, len(parts))
            parts.append(NewPart("dossier", content, streams[piece.record]))
        elif piece.role == "secret":
            parts.append(NewPart("secret", content))
        elif piece.role == "attachment":
            parts.append(NewPart("attachment", content))
        elif piece.role == "refused":
            parts.append(NewPart("refused", content))
        else:
            parts.append(NewPart("glue", content))
    return Parts(tuple(parts), of_record)


def _pieces(size: int, reading: Reading, streams: Mapping[int, bytes]) -> Iterator[_Piece]:
    """The body from start to end; what two spans claim belongs to the one that begins first."""
    done = 0
    for piece in _split(_records(size, reading, streams), _inner(size, reading)):
        start = max(piece.start, done)
        if start >= piece.end:
            continue
        if start > done:
            yield _Piece(done, start, "glue", -1)
        yield piece if start == piece.start else piece._replace(start=start)
        done = piece.end
    if done < size:
        yield _Piece(done, size, "glue", -1)


def _records(size: int, reading: Reading, streams: Mapping[int, bytes]) -> list[_Piece]:
    pieces = [
        _Piece(max(0, start), min(end, size), "dossier" if index in streams else "refused", index)
        for index, (start, end) in (
            *((record.index, record.span) for record in reading.records),
            *((parked.index, parked.span) for parked in reading.parked),
            *((refused.index, refused.span) for refused in reading.refused),
        )
    ]
    pieces.sort()
    return pieces


def _inner(size: int, reading: Reading) -> list[_Piece]:
    if not reading.secrets and not reading.attachments:
        return []
    pieces = [_Piece(max(0, start), min(end, size), "secret", -1) for start, end in reading.secrets]
    pieces += [_Piece(max(0, start), min(end, size), "attachment", -1) for start, end in reading.attachments]
    pieces.sort()
    return pieces


def _split(outer: list[_Piece], inner: list[_Piece]) -> Iterator[_Piece]:
    """Both lists as one in order, outer pieces cut wherever an inner one lies in them."""
    if not inner:
        yield from outer
        return
    waiting = iter(inner)
    cut = next(waiting, None)
    for piece in outer:
        start = piece.start
        while cut is not None and cut.start < piece.end:
            if cut.start > start:
                yield piece._replace(start=start, end=cut.start)
            yield cut
            start = max(start, cut.end)
            cut = next(waiting, None)
        if start < piece.end:
            yield piece._replace(start=start)
    while cut is not None:
        yield cut
        cut = next(waiting, None)
