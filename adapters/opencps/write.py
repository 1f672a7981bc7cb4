"""A picture of a dossier as LGSP messages: pure, no clock, no network.

``project`` says what of a picture the format can carry, as comparable values by canonical name; ``write`` prints them
in the format's order. Nothing is invented: an unknown text is an empty string, an unknown date the sentinel that
OpenCPS itself writes, and what the receiver must have is ``Unrenderable`` until somebody states it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.opencps import tables
from adapters.opencps.fields import (
    BEFORE_RECEPTION,
    KEPT,
    MANDATORY,
    RECORD,
    SUBMISSION_TEXTS,
    TRACE,
)
from adapters.opencps.members import (
    COMPARED,
    MEMBER_LOSSES,
    Printer,
    any_loses,
    attachment,
    fee,
    is_number,
    millis,
    paper,
    supplementary,
)
from contracts.delivery import Rendering, Unrenderable
from contracts.facts import FACT_TYPES, VALUE_FIELDS
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
            carried[name] = millis(value)
    kind = get("applicant_type")
    if kind:
        carried["applicant_type"] = tables.applicant_code(kind)
    way = get("return_method")
    if way and is_number(way):
        carried["return_method"] = int(way)
    for name, of in COMPARED:
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
    printed = Printer(profile)
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
        "Attachments": [attachment(item) for item in picture.fields.get("documents") or ()],
        "DocFees": [fee(item) for item in picture.fields.get("fees") or ()],
        "DocPapers": [paper(item) for item in picture.fields.get("other_papers") or ()],
        "Supplementaries": [supplementary(item, printed) for item in picture.fields.get("supplements") or ()],
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
        "DateCreated": Printer(profile)(millis(taken.at)),
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
            carried["closed_at"] = millis(at)
    elif state == "submitted":
        carried.pop("received_at", None)
    for name in _ENDINGS.get(state, ()):
        value = picture.fields.get(name)
        if value:
            carried[name] = millis(value) if isinstance(value, Moment) else value


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
    losses.extend(_LOSSES[name] for name, is_lost in MEMBER_LOSSES if any_loses(fields.get(name), is_lost))
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
