"""One ``SyncDocument`` as facts: the submission, the reception, and the state as far as the format truly states it.

``Status`` folds ten states into two. What it hides is derived only from members that say it (``IsReturned``,
``Supplementaries``, a stated ``SuccessDate``); the rest is the reception, which did happen, and a declared loss. A
sender that knows more says it in ``DossierStatus``, an extension.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from adapters.opencps import tables
from adapters.opencps.fields import KEPT, RECEPTION, SUBMISSION_TEXTS
from adapters.opencps.lists import attachments, fees, papers, supplements
from adapters.opencps.values import Parked, Scene, flag, moment, text, whole, written
from contracts.facts import (
    AnyFact,
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    DossierWithdrawn,
    PaymentRequested,
    ProcessingFinished,
    ProcessingStepRecorded,
    ProcessingStopped,
    ResultHandedOver,
    State,
    Supplement,
    SupplementProvided,
    SupplementRequested,
)
from contracts.moment import Moment

_FINISHED: Final = 2
_OPEN: Final = 1
_PLAIN: Final[dict[str, Callable[..., AnyFact]]] = {
    "processing": ProcessingStepRecorded,
    "payment_requested": PaymentRequested,
    "withdrawn": DossierWithdrawn,
    "stopped": ProcessingStopped,
}


class Stated(msgspec.Struct, frozen=True):
    """What one record says about where its dossier stands. ``state`` "" = received or anything after it, folded."""

    state: State
    received: Moment | None
    due: Moment | None
    finished: Moment | None
    returned: Moment | None
    closed: Moment | None
    rounds: tuple[Supplement, ...]


def facts_of(record: Mapping[str, Any], code: str, procedure: str, scene: Scene) -> tuple[AnyFact, ...]:
    """What a record says, in the order it happened, the state it ends in last.

    Faults and doubts are left with ``scene``. Raises ``Parked`` where a code or status word has no mapping.
    """
    extra: dict[str, str] = {}
    stated = _stated(record, scene)
    facts: list[AnyFact] = []
    if stated.received is not None and stated.state != "submitted":
        facts.append(_received(record, code, stated, scene))
    else:
        _keep(record, RECEPTION, extra)
    later = _state_facts(record, code, stated, extra, scene)
    # A round of supplementing may end before reception, or with a new reception.
    facts = [*later, *facts] if stated.state == "received" else [*facts, *later]
    submitted = _submitted(record, code, procedure, stated, extra, scene)
    return (*facts, submitted) if stated.state == "submitted" else (submitted, *facts)


def state_of(record: Mapping[str, Any], scene: Scene) -> tuple[State, str]:
    """The state a sender names in its own words, and the word; ("", "") where it names none.

    Raises ``Parked`` for a word that neither the profile nor the table knows.
    """
    value = record.get("DossierStatus")
    word = text(value, "DossierStatus", scene).strip() if value is not None else ""
    if not word:
        return "", ""
    sub = text(record.get("DossierSubStatus"), "DossierSubStatus", scene).strip()
    for one in (f"{word}/{sub}", word) if sub else (word,):
        if one in scene.statuses:
            return scene.statuses[one], one
    known = tables.STATE_OF_WORD
    state = known.get((word, sub)) or known.get((word, ""))
    if state is None:
        raise Parked("park.status_unmapped", "DossierStatus", f"{word}/{sub}" if sub else word)
    return state, f"{word}/{sub}" if sub else word


# ── where the dossier stands ─────────────────────────────────────────────────────────────────────


def _stated(record: Mapping[str, Any], scene: Scene) -> Stated:
    get = record.get
    items = get("Supplementaries")
    rounds = supplements(items, scene) if items else ()
    returned = flag(get("IsReturned"), "IsReturned", scene)
    stated = Stated(
        state=state_of(record, scene)[0],
        received=moment(get("DateReceived"), "DateReceived", scene),
        due=moment(get("DateAppointed"), "DateAppointed", scene),
        finished=moment(get("SuccessDate"), "SuccessDate", scene),
        # While nothing was returned this member holds the due date or 1970, and says nothing.
        returned=moment(get("ReturnedDate"), "ReturnedDate", scene) if returned else None,
        closed=moment(get("FinishedDate"), "FinishedDate", scene),
        rounds=rounds,
    )
    status = _status(get("Status"), scene)
    if stated.state:
        return stated
    return msgspec.structs.replace(stated, state=status or _derived(record, stated, scene, returned=bool(returned)))


def _status(value: Any, scene: Scene) -> State:
    """The state ``Status`` names by itself: *finished* for 2, none for 1, what the profile says for any other."""
    number = whole(value, "Status", scene)
    if number == _FINISHED:
        return "finished"
    if number in {_OPEN, None}:
        return ""
    state = scene.statuses.get(f"Status={number}")
    if state is None:
        raise Parked("park.status_unmapped", "Status", str(number))
    return state


def _derived(record: Mapping[str, Any], stated: Stated, scene: Scene, *, returned: bool) -> State:
    """The state that other members say while ``Status`` is 1."""
    if returned:
        return "handed_over"
    if stated.closed is not None:
        # Cancelled and denied dossiers look alike here; which one it was nobody can read.
        if not scene.closed:
            scene.lose("loss.state_folded", "FinishedDate")
        return scene.closed
    if stated.finished is not None and flag(record.get("IsSuccess"), "IsSuccess", scene):
        return "finished"
    if stated.rounds and stated.rounds[-1].done:
        return "processing"
    if stated.rounds or flag(record.get("HasSupplementary"), "HasSupplementary", scene):
        return "supplement_requested"
    scene.lose("loss.state_folded", "Status")
    return "" if stated.received is not None else "submitted"


def _state_facts(
    record: Mapping[str, Any], code: str, stated: Stated, extra: dict[str, str], scene: Scene
) -> list[AnyFact]:
    """The facts after the reception; a dossier handed over was finished before."""
    state, rounds = stated.state, stated.rounds
    facts: list[AnyFact] = []
    if rounds and state != "supplement_requested":
        last = rounds[-1]
        facts.append(SupplementProvided(dossier=code, at=last.received_at or last.requested_at, supplements=rounds))
    if state == "supplement_requested":
        facts.append(_supplement_requested(record, code, rounds, scene))
    elif state in _PLAIN:
        if state != "processing" or not rounds:
            facts.append(_PLAIN[state](dossier=code, at=stated.closed if state in {"withdrawn", "stopped"} else None))
    elif state == "refused":
        facts.append(DossierRefused(dossier=code, at=stated.closed, refused_at=stated.closed or UNSET))
    elif state == "finished" or (state == "handed_over" and stated.finished is not None):
        at = stated.finished
        facts.append(ProcessingFinished(dossier=code, at=at, finished_at=at or UNSET))
    if state == "handed_over":
        at = stated.returned or stated.closed
        note = text(record.get("ReturnNote"), "ReturnNote", scene)
        facts.append(ResultHandedOver(dossier=code, at=at, returned_at=at or UNSET, return_info=note or UNSET))
    else:
        _keep(record, ("ReturnNote",), extra)
        if state != "finished" and stated.finished is not None:
            _keep(record, ("SuccessDate",), extra)
        if stated.closed is not None and state not in {"refused", "withdrawn", "stopped"}:
            _keep(record, ("FinishedDate",), extra)
    return facts


def _supplement_requested(
    record: Mapping[str, Any], code: str, rounds: tuple[Supplement, ...], scene: Scene
) -> SupplementRequested:
    asked = moment(record.get("RequireSupplementaryDate"), "RequireSupplementaryDate", scene)
    if rounds:
        asked = rounds[-1].requested_at or asked
    return SupplementRequested(dossier=code, at=asked, supplements=rounds or UNSET)


# ── values ───────────────────────────────────────────────────────────────────────────────────────


def _submitted(
    record: Mapping[str, Any], code: str, procedure: str, stated: Stated, extra: dict[str, str], scene: Scene
) -> DossierSubmitted:
    get = record.get
    values: dict[str, Any] = {"dossier": code, "procedure_code": procedure}
    for wire, name in SUBMISSION_TEXTS:
        value = get(wire)
        if value.__class__ is str:
            if value and (value[0] > " " or value.strip()):
                values[name] = value
        elif value is not None:
            values[name] = text(value, wire, scene)
    kind = str(whole(get("ApplicantsType"), "ApplicantsType", scene))
    known = tables.applicant_types()
    if kind not in known:
        raise Parked("park.code_unmapped", "ApplicantsType", kind)
    values["applicant_type"] = known[kind]
    for wire, name, read in _LISTS:
        items = get(wire)
        if items:
            values[name] = read(items, wire, scene)
    _keep(record, KEPT, extra)
    organ = get("OrganInchargeName")
    if organ and organ != get("ProcessingOrganName"):
        _keep(record, ("OrganInchargeName",), extra)
    _unknown(record, extra, scene)
    if extra:
        values["extra"] = extra
    return DossierSubmitted(at=stated.received, **values)


def _received(record: Mapping[str, Any], code: str, stated: Stated, scene: Scene) -> DossierReceived:
    get = record.get
    way = whole(get("ReturnedType"), "ReturnedType", scene)
    return DossierReceived(
        dossier=code,
        at=stated.received,
        received_at=stated.received or UNSET,
        due_at=stated.due or UNSET,
        processing_agency=text(get("ProcessingOrganName"), "ProcessingOrganName", scene) or UNSET,
        processing_agency_code=text(get("OrganInchargeIdLevel1"), "OrganInchargeIdLevel1", scene) or UNSET,
        return_method=UNSET if way is None else str(way),
    )


def _keep(record: Mapping[str, Any], names: tuple[str, ...], extra: dict[str, str]) -> None:
    """Values that have no canonical place here are kept under their wire name: not applied, not lost."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            kept = written(value)
            if kept:
                extra[name] = kept


def _unknown(record: Mapping[str, Any], extra: dict[str, str], scene: Scene) -> None:
    """Members outside the format: reported, and kept where they are single values."""
    for name in scene.unknown:
        kept = written(record[name])
        if kept:
            extra[name] = kept


_LISTS: Final = (
    ("Attachments", "documents", attachments),
    ("DocFees", "fees", fees),
    ("DocPapers", "other_papers", papers),
)
