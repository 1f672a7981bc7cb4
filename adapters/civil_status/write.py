"""Say a dossier to DVCLT: one status message (``TrangThai``) for each step or state the ministry lacks. Pure.

DVCLT has no record beside the status: applicant, papers and fees are its own already. So a picture is, to DVCLT, its
state in DVCLT's codes and the promised date; everything else is a declared loss of the format (README).
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from adapters.civil_status.tables import CODE_OF_STATE, StateCode
from adapters.civil_status.wire import EXTRA, PROCESSING_LEVEL, STATUS, StatusMessage
from contracts.dates import print_slashed
from contracts.delivery import Rendering, Unrenderable
from contracts.facts import Step
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.reading import Note

STEPS_LANE: Final = "trangthai"
STATE_LANE: Final = "trangthai/state"
"""A state without a step settles the record, a step only itself: they are never one run."""

SENT_TO_MINISTRY: Final = "7"
"""A step in the state *processing* whose sender said 7 goes as 7; every other one as 3."""


class _Message(NamedTuple):
    """One message to be rendered: under which code, when, and the step it tells (None: the state by itself)."""

    told: StateCode
    at: Moment
    taken: StepTaken | None


UNDER_WAY: Final = frozenset(("1", "2", "3", SENT_TO_MINISTRY))
"""Codes of a dossier that has no result yet: only then a promised date means anything."""

_UNTOLD: Final = StateCode(code="", folded=False)
_NO_STEP: Final = Step()
_encode = msgspec.json.Encoder().encode


def project(picture: Picture, profile: Profile) -> Mapping[str, Any]:
    """What DVCLT can hold of a picture: ``state`` as DVCLT's code and, until the end, ``due_at`` in microseconds UTC.

    A state DVCLT has no code for stands under its own name, so that it differs from every code.
    """
    if not picture.state:
        return {}
    code = state_code(picture.state, profile).code
    promised = _promised(picture) if code in UNDER_WAY else None
    return {"state": code or picture.state, "due_at": promised.us} if promised else {"state": code or picture.state}


def state_code(state: str, profile: Profile) -> StateCode:
    """DVCLT's code for a business state: the option ``state.<state>``, else ``tables/states.csv``."""
    if profile.options:
        code = profile.options.get("state." + state)
        if code is not None:
            return StateCode(code=code, folded=True)
    return CODE_OF_STATE.get(state, _UNTOLD)


def write(due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
    """Render what is due, oldest first.

    Stops before the first step whose state DVCLT has no code for: what comes before it is still said. With nothing to
    say before it the answer is ``Unrenderable`` (``park.status_unmapped``); without a procedure code
    ``park.missing_for_target``.
    """
    messages = _messages(due, profile)
    if not messages:
        return ()
    if not due.picture.fields.get("procedure_code"):
        return Unrenderable(code="park.missing_for_target", missing=("procedure_code",))
    renderings: list[Rendering] = []
    for message in messages:
        if not message.told.code:
            break
        renderings.append(_render(due, profile, message, last=message is messages[-1]))
    return tuple(renderings) or Unrenderable(code="park.status_unmapped", missing=("state",))


def _messages(due: Due, profile: Profile) -> list[_Message]:
    """The steps that are due and, where no step carries it, the state or the promised date by itself."""
    picture = due.picture
    messages = [
        _Message(state_code(taken.state or _state_in_force(picture, taken), profile), taken.at, taken)
        for taken in due.steps
    ]
    if due.record and picture.state and picture.state_at is not None:
        told = state_code(picture.state, profile)
        if not (messages[-1].told.code == told.code if messages else _told_by_steps(picture, told, profile)):
            messages.append(_Message(told, picture.state_at, None))
            messages.sort(key=_time)
    return messages


def _told_by_steps(picture: Picture, told: StateCode, profile: Profile) -> bool:
    """Whether the steps, all of which the target has, say the present state and the promised date already."""
    if not picture.steps or state_code(picture.steps[-1].state, profile).code != told.code:
        return False
    promised = _promised(picture)
    return (
        promised is None
        or told.code not in UNDER_WAY
        or any(taken.step.due_at is not None and taken.step.due_at.us == promised.us for taken in picture.steps)
    )


def _promised(picture: Picture) -> Moment | None:
    promised = picture.fields.get("due_at")
    return promised if isinstance(promised, Moment) else None


def _time(message: _Message) -> int:
    return message.at.us


def _state_in_force(picture: Picture, silent: StepTaken) -> str:
    """The state a silent step happened in: that of the newest step before it that names one, else of the picture."""
    for taken in reversed(picture.steps):
        if taken.state and (taken.at.us, taken.position) <= (silent.at.us, silent.position):
            return taken.state
    return picture.state


def _render(due: Due, profile: Profile, message: _Message, *, last: bool) -> Rendering:
    fields = due.picture.fields
    told, at, taken = message
    step = taken.step if taken is not None else _NO_STEP
    code = SENT_TO_MINISTRY if told.code == "3" and step.word == SENT_TO_MINISTRY else told.code
    own, foreign = _codes(due)
    promised = _promised(due.picture)
    body = _encode(
        StatusMessage(
            procedure=fields["procedure_code"],
            dvclt_code=foreign,
            level=_number(profile.options.get("coQuanXuLy", "")) or PROCESSING_LEVEL,
            code=own,
            status=_number(code) or code,
            at=print_slashed(at),
            remark=fields.get("reason") if code == "6" else None,
            officer=step.officer or None,
            title=step.title or None,
            department=step.department or None,
            content=step.content or None,
            started_at=_printed(step.started_at),
            due_at=_printed(step.due_at or (promised if code == "1" else None)),
            due_after=_printed(promised) if due.record and last and code in UNDER_WAY and code != "1" else None,
            supplement_due_at=_printed(fields.get("supplement_due_at")) if code == "2" else None,
        )
    )
    if profile.options.get("carrier") == "data":
        body = _carried(fields, own, body)
    return Rendering(
        lane=STEPS_LANE if taken is not None else STATE_LANE,
        service=STATUS,
        updating=False,
        code=due.code,
        body=body,
        rows=(taken.position,) if taken is not None else (),
        losses=_losses(fields, told, code),
    )


def _number(text: str) -> int:
    """A code as the number it is written as, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _codes(due: Due) -> tuple[str, str | None]:
    """(``maHoSo``, ``soHoSoLT``): for a dossier that DVCLT handed over, its own code is the second one."""
    extra = due.picture.fields.get("extra")
    if not extra or EXTRA + "module" not in extra:
        return due.code, None
    picture = due.picture
    for other in (picture.code, *picture.aliases):
        if other != due.code:
            return other, due.code
    return due.code, due.code


def _printed(moment: Any) -> str | None:
    return print_slashed(moment) if isinstance(moment, Moment) else None


def _losses(fields: Mapping[str, Any], told: StateCode, code: str) -> tuple[Note, ...]:
    losses: tuple[Note, ...] = ()
    if told.folded:
        losses = (Note(code="loss.state_folded", path="state"),)
    if code in ("4", "5") and fields.get("results"):
        losses = (*losses, Note(code="loss.not_carried", path="results"))
    return losses


def _carried(fields: Mapping[str, Any], own: str, body: bytes) -> bytes:
    """The carrier that some installations expect: the message as a JSON string in ``data``."""
    extra: Mapping[str, str] = fields.get("extra") or {}
    return _encode(
        {
            "maDonVi": extra.get(EXTRA + "maDonVi"),
            "module": extra.get(EXTRA + "module"),
            "maHoSo": own,
            "data": body.decode(),
        }
    )
