"""A picture of a dossier as LGSP messages: pure, no clock, no network.

``project`` says what of a picture the format can carry, as comparable values by canonical name; ``write`` prints them
in the format's order. Nothing is invented: an unknown text is an empty string, an unknown date the sentinel that
OpenCPS itself writes, and what the receiver must have is ``Unrenderable`` until somebody states it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from adapters.opencps import tables
from adapters.opencps.fields import (
    BEFORE_RECEPTION,
    KEPT,
    MANDATORY,
    RECORD,
    SENTINEL,
    SUBMISSION_TEXTS,
    TRACE,
)
from contracts import dates
from contracts.delivery import Rendering, Unrenderable
from contracts.facts import FACT_TYPES, VALUE_FIELDS, Document, Fee, Paper, Supplement
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.reading import Note

_json: Final = msgspec.json.Encoder().encode
_TEXTS: Final = (
    *(name for _, name in SUBMISSION_TEXTS),
    "procedure_code",
    "processing_agency",
    "processing_agency_code",
)
_DATES: Final = ("received_at", "due_at")
_ENDINGS: Final = {"finished": ("finished_at",), "handed_over": ("finished_at", "returned_at", "return_info")}
"""Values that mean something only in these states."""

_CLOSED: Final = frozenset(("refused", "withdrawn", "stopped"))
_FOLDED: Final = Note(code="loss.state_folded", path="state")
_LOSSES: Final = {name: Note(code="loss.not_carried", path=name) for kind in FACT_TYPES for name in VALUE_FIELDS[kind]}


def project(picture: Picture, profile: Profile) -> Mapping[str, Any]:
    """What a record can carry of a picture, by canonical name; ``state`` is the word or what stands for it.

    Times are cut to milliseconds. The content of a file is not carried, but its hash tells that it changed.
    """
    fields = picture.fields
    carried: dict[str, Any] = {}
    get = fields.get
    for name in _TEXTS:
        value = get(name)
        if value:
            carried[name] = value
    for name in _DATES:
        value = get(name)
        if value:
            carried[name] = _millis(value)
    kind = get("applicant_type")
    if kind:
        carried["applicant_type"] = tables.applicant_code(kind)
    way = get("return_method")
    if way and _is_number(way):
        carried["return_method"] = int(way)
    for name, of in _LISTS:
        items = get(name)
        if items:
            carried[name] = tuple(of(item) for item in items)
    extra = get("extra")
    if extra:
        kept = {wire: extra[wire] for wire in KEPT if extra.get(wire)}
        if kept:
            carried["extra"] = kept
    if picture.state:
        _project_state(picture, profile, carried)
    return carried


def write(due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
    """Render the record, where it is due, and then the rows the target lacks, each as one rendering."""
    renderings: list[Rendering] = []
    if due.record:
        missing = _missing(due.picture)
        if missing:
            return Unrenderable(code="park.missing_for_target", missing=missing)
        carried = project(due.picture, profile)
        body = _json(record_members(due.code, due.picture, carried, profile))
        renderings.append(
            Rendering(
                lane=RECORD,
                service=RECORD,
                updating=due.known,
                code=due.code,
                body=body,
                losses=_losses(due.picture, carried, profile),
            )
        )
    for taken in due.steps:
        row = row_members(due.code, taken, due.picture, profile)
        renderings.append(
            Rendering(
                lane=TRACE,
                service=TRACE,
                updating=False,
                code=due.code,
                body=_json(row),
                rows=(taken.position,),
                losses=_row_losses(taken, profile),
            )
        )
    return tuple(renderings)


def record_members(code: str, picture: Picture, carried: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """A record in the format's order."""
    get = carried.get
    state = picture.state
    printed = _Printer(profile)
    finished = state == "finished"
    returned = state == "handed_over"
    extra: Mapping[str, str] = get("extra") or {}
    agency = get("processing_agency") or ""
    record: dict[str, Any] = {
        "DocTypeCode": get("procedure_code"),
        "DocTypeName": get("procedure_name", ""),
        "DocCode": code,
        "CitizenName": get("applicant_name"),
        "CitizenInfo": get("other_info", ""),
        "ApplicantsId": get("applicant_paper_number", ""),
        "ApplicantsType": get("applicant_type"),
        "Address": get("address", ""),
        "Email": get("email", ""),
        "Phone": get("phone", ""),
        "Compendium": get("subject", ""),
        "DateReceived": printed(get("received_at")),
        "DateAppointed": printed(get("due_at")),
        "IsSuccess": finished,
        "SuccessDate": printed(get("finished_at")),
        "ApproverName": extra.get("ApproverName", ""),
        "ApproverPosition": extra.get("ApproverPosition", ""),
        "SuccessNote": extra.get("SuccessNote", ""),
        "IsReturned": returned,
        "ReturnedDate": printed(get("returned_at")),
        "ReturnNote": get("return_info", ""),
        "Status": tables.TOLD[state].status,
        "ProcessingOrganName": agency,
        "HasSupplementary": state == "supplement_requested",
        "Note": get("remark", ""),
        "Attachments": [_attachment(item) for item in picture.fields.get("documents") or ()],
        "DocFees": [_fee(item) for item in picture.fields.get("fees") or ()],
        "DocPapers": [_paper(item) for item in picture.fields.get("other_papers") or ()],
        "Supplementaries": [_round(item, printed) for item in picture.fields.get("supplements") or ()],
        "OrganInchargeIdLevel1": get("processing_agency_code") or profile.options.get("agency", ""),
        "OrganInchargeName": agency,
    }
    if "return_method" in carried:
        record["ReturnedType"] = carried["return_method"]
    closed = get("closed_at")
    if closed is not None or returned:
        record["FinishedDate"] = printed(closed if closed is not None else get("returned_at"))
    for wire in KEPT:
        if wire in extra:
            record[wire] = extra[wire]
    if _is_fine(profile):
        record["DossierStatus"] = tables.TOLD[state].word
    return record


def row_members(code: str, taken: StepTaken, picture: Picture, profile: Profile) -> dict[str, Any]:
    """One row of progress; ``Status`` is the format's constant, ``DocumentId`` the code, for want of a number."""
    step = taken.step
    row: dict[str, Any] = {
        "DocumentId": code,
        "DocCode": code,
        "UserName": step.officer,
        "UserPosition": step.title,
        "DateCreated": _Printer(profile)(_millis(taken.at)),
        "Comment": step.content,
        "Status": 0,
        "OrganizationInchargeIdLevel1": picture.fields.get("processing_agency_code")
        or profile.options.get("agency", ""),
        "OrganizationInchargeName": step.department,
    }
    if _is_fine(profile) and taken.state in tables.TOLD:
        row["DossierStatus"] = tables.TOLD[taken.state].word
    return row


# ── the state ────────────────────────────────────────────────────────────────────────────────────


def _project_state(picture: Picture, profile: Profile, carried: dict[str, Any]) -> None:
    """The state as the receiver will be able to tell it, and the closing date, which stands for the state itself."""
    state = picture.state
    told = tables.TOLD[state]
    if _is_fine(profile):
        carried["state"] = told.word
    elif state in _CLOSED:
        carried["state"] = "closed"
    else:
        carried["state"] = told.status if told.folded or state == "received" else told.word
    if state in _CLOSED:
        at = picture.fields.get("refused_at") if state == "refused" else None
        at = at or picture.state_at
        if at is not None:
            carried["closed_at"] = _millis(at)
    elif state == "submitted":
        carried.pop("received_at", None)
    for name in _ENDINGS.get(state, ()):
        value = picture.fields.get(name)
        if value:
            carried[name] = _millis(value) if isinstance(value, Moment) else value


def _is_fine(profile: Profile) -> bool:
    return profile.options.get("fine_states") == "true"


def _missing(picture: Picture) -> tuple[str, ...]:
    fields = picture.fields
    missing = [name for name in MANDATORY if not fields.get(name)]
    if not picture.state:
        missing.append("state")
    elif picture.state not in BEFORE_RECEPTION and not fields.get("received_at"):
        missing.append("received_at")
    return tuple(missing)


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


def _document_told(item: Document) -> tuple[Any, ...]:
    """As the wire can tell it: an id that is no number and the hash of a file that is not sent stay behind."""
    return (item.id if _is_number(item.id) else "", item.name, item.deleted)


def _fee_told(item: Fee) -> tuple[Any, ...]:
    return (item.name, item.kind if _is_number(item.kind) else "", _price(item.amount))


def _round_told(item: Supplement) -> tuple[Any, ...]:
    return (
        item.id if _is_number(item.id) else "0",
        item.requested_by,
        item.request,
        _millis(item.requested_at),
        item.received_by,
        item.answer,
        _millis(item.received_at),
        item.done,
        item.papers,
        tuple(_fee_told(fee) for fee in item.fees),
        _millis(item.due_before),
        _millis(item.due_after),
    )


def _as_it_is(item: Any) -> Any:
    return item


_LISTS: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("documents", _document_told),
    ("fees", _fee_told),
    ("other_papers", _as_it_is),
    ("supplements", _round_told),
)


def _attachment(item: Document) -> dict[str, Any]:
    """A paper by name; the file itself is with whoever issued it."""
    told: dict[str, Any] = {"AttachmentName": item.name, "IsDeleted": item.deleted}
    return {"AttachmentId": int(item.id), **told} if _is_number(item.id) else told


def _fee(item: Fee) -> dict[str, Any]:
    told: dict[str, Any] = {"FeeName": item.name}
    if _is_number(item.kind):
        told["FeeType"] = int(item.kind)
    price = _price(item.amount)
    if price is not None:
        told["Price"] = price
    return told


def _paper(item: Paper) -> dict[str, Any]:
    return {"PaperName": item.name, "Amount": item.copies, "PaperType": item.kind}


def _round(item: Supplement, printed: "_Printer") -> dict[str, Any]:
    return {
        "SupplementaryId": int(item.id) if _is_number(item.id) else 0,
        "SendUser": item.requested_by,
        "SendComment": item.request,
        "SendDate": printed(_millis(item.requested_at)),
        "ReceivedUser": item.received_by,
        "ReceivedComment": item.answer,
        "ReceivedDate": printed(_millis(item.received_at)),
        "IsReceived": item.done,
        "Papers": [_paper(paper) for paper in item.papers],
        "Fees": [_fee(fee) for fee in item.fees],
        "OldDateAppointed": printed(_millis(item.due_before)),
        "NewDateAppointed": printed(_millis(item.due_after)),
    }


def _price(amount: str) -> int | float | None:
    """An amount as a JSON number, exactly or not at all."""
    if _is_number(amount):
        return int(amount)
    try:
        price = float(amount)
    except ValueError:
        return None
    return price if repr(price) == amount else None


def _is_number(text: str) -> bool:
    """Whether a text is a whole number in the one way it prints, small enough for every receiver."""
    return text.isascii() and text.isdigit() and len(text) <= 18 and (text == "0" or text[0] != "0")  # noqa: PLR2004  # 64 bits


# ── times ────────────────────────────────────────────────────────────────────────────────────────


def _millis(moment: Moment | None) -> int | None:
    return None if moment is None else moment.us // 1_000


class _Printer:
    """Prints milliseconds since 1970 as the receiver expects: ``+0700``, or a literal Z after local time."""

    __slots__ = ("_tail", "_zone")

    def __init__(self, profile: Profile) -> None:
        self._zone = profile.date_zone
        self._tail = "Z" if profile.options.get("date_tail") == "Z" else "+0700"

    def __call__(self, millis: int | None) -> str:
        return SENTINEL if millis is None else _printed(millis, self._zone, self._tail)


@lru_cache(maxsize=4_096)
def _printed(millis: int, zone: str, tail: str) -> str:
    moment = Moment(millis * 1_000)
    if tail == "Z":
        return dates.print_iso(moment, zone, tail="Z")
    return dates.print_iso(moment, zone, tail="+0700")


# ── losses ───────────────────────────────────────────────────────────────────────────────────────


def _losses(picture: Picture, carried: Mapping[str, Any], profile: Profile) -> tuple[Note, ...]:
    """Everything known that the record does not say."""
    fields = picture.fields
    losses = [
        _LOSSES[name]
        for name, value in fields.items()
        if value
        and name not in carried
        and name in _LOSSES
        and not (name == "refused_at" and picture.state == "refused")
    ]
    kind = fields.get("applicant_type")
    if kind and tables.is_folded(kind):
        losses.append(_LOSSES["applicant_type"])
    losses.extend(_LOSSES[name] for name, is_lost in _MEMBER_LOSSES if _any(fields.get(name), is_lost))
    extra = fields.get("extra")
    if extra and len(extra) > len(carried.get("extra", ())) and "extra" in carried:
        losses.append(_LOSSES["extra"])
    if tables.TOLD[picture.state].folded and not _is_fine(profile):
        losses.append(_FOLDED)
    return tuple(losses)


def _row_losses(taken: StepTaken, profile: Profile) -> tuple[Note, ...]:
    step = taken.step
    losses: tuple[Note, ...] = ()
    if step.started_at is not None:
        losses = (Note(code="loss.not_carried", path="step/started_at"),)
    if step.due_at is not None:
        losses = (*losses, Note(code="loss.not_carried", path="step/due_at"))
    if not _is_fine(profile) and taken.state != "processing":
        losses = (*losses, _FOLDED)
    return losses


def _any(items: Iterable[Any] | None, is_lost: Callable[[Any], bool]) -> bool:
    return items is not None and any(is_lost(item) for item in items)


def _document_loses(item: Document) -> bool:
    return bool(
        item.url
        or item.content_sha256
        or item.component_code
        or item.digitised
        or item.reused
        or item.from_personal_store
        or item.replaces_result_code
        or (item.id and not _is_number(item.id))
    )


def _fee_loses(item: Fee) -> bool:
    return bool(
        item.code
        or item.collected_at
        or (item.amount and _price(item.amount) is None)
        or (item.kind and not _is_number(item.kind))
    )


def _round_loses(item: Supplement) -> bool:
    return not _is_number(item.id) or any(_fee_loses(fee) for fee in item.fees)


_MEMBER_LOSSES: Final[tuple[tuple[str, Callable[[Any], bool]], ...]] = (
    ("documents", _document_loses),
    ("fees", _fee_loses),
    ("supplements", _round_loses),
)
