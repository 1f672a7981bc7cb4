"""One ``CapNhatTienDoHoSoMC`` row as one fact: the state it names, at the time it names, with the step itself."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.portal.values import Scene, moment
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


def fact_of(row: Mapping[str, Any], code: str, state: State, word: str, scene: Scene) -> AnyFact:
    """The fact a row states; its faults are left with ``scene``. ``row`` holds texts only; ``word`` is its code."""
    get = row.get
    step = Step(
        officer=get("NguoiXuLy") or "",
        title=get("ChucDanh") or "",
        department=get("PhongBanXuLy") or "",
        content=get("NoiDungXuLy") or "",
        started_at=moment(get("NgayBatDau"), "NgayBatDau", scene),
        due_at=moment(get("NgayKetThucTheoQuyDinh"), "NgayKetThucTheoQuyDinh", scene),
        word=word,
    )
    at = moment(get("ThoiDiemXuLy"), "ThoiDiemXuLy", scene)
    if at is None and not scene.errors:
        scene.refuse("read.missing", "ThoiDiemXuLy")
    if len(step.officer) >= 45 and step.officer.endswith("..."):  # noqa: PLR2004  # cut at 46 by one known sender
        scene.warn("warn.truncated_text", "NguoiXuLy")
    return FACT_OF[state](dossier=code, at=at, step=step)
