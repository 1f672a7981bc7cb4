"""One ``UpdateDocumentTraces`` row as one fact: what was done, by whom, when.

``Status`` is a constant 0 and names no state, so the row is *silent*: work went on, and where the dossier stands is not
said. Only a row with ``DossierStatus``, an extension, moves the state.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.opencps.record import state_of
from adapters.opencps.values import Parked, Scene, moment, text, whole
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
    Step,
    SupplementRequested,
)

FACT_OF: Final[dict[str, Callable[..., AnyFact]]] = {
    "submitted": DossierSubmitted,
    "received": DossierReceived,
    "refused": DossierRefused,
    "processing": ProcessingStepRecorded,
    "supplement_requested": SupplementRequested,
    "payment_requested": PaymentRequested,
    "withdrawn": DossierWithdrawn,
    "stopped": ProcessingStopped,
    "finished": ProcessingFinished,
    "handed_over": ResultHandedOver,
}


def fact_of(row: Mapping[str, Any], code: str, scene: Scene) -> AnyFact:
    """The fact a row states; its faults are left with ``scene``.

    A sentinel in ``DateCreated`` is ``read.missing``: a row without a time can not be told from its repetition. Raises
    ``Parked`` for a status that nothing maps.
    """
    get = row.get
    at = moment(get("DateCreated"), "DateCreated", scene)
    if at is None and not scene.errors:
        scene.refuse("read.missing", "DateCreated")
    state, word = _state(row, scene)
    step = Step(
        officer=text(get("UserName"), "UserName", scene),
        title=text(get("UserPosition"), "UserPosition", scene),
        department=text(get("OrganizationInchargeName"), "OrganizationInchargeName", scene),
        content=text(get("Comment"), "Comment", scene),
        word=word,
    )
    if not state:
        return ProcessingStepRecorded(dossier=code, at=at, step=step, silent=True)
    return FACT_OF[state](dossier=code, at=at, step=step)


def _state(row: Mapping[str, Any], scene: Scene) -> tuple[State, str]:
    state, word = state_of(row, scene)
    if state:
        return state, word
    number = whole(row.get("Status"), "Status", scene)
    if not number:
        return "", ""
    word = f"Status={number}"
    if word not in scene.statuses:
        raise Parked("park.status_unmapped", "Status", str(number))
    return scene.statuses[word], word
