"""What can be said about a dossier: one frozen class per fact.

A fact is what one party asserts about one dossier: its kind, its business time, the actor, and the
values it states. ``UNSET`` means *not stated*: an empty string, a null or a sentinel date on the wire
becomes UNSET and never erases a known value (decisions.md §1). A value is corrected or erased only by
``FactCorrected``.

``TOPIC`` is the stored and published name (``dossier.received`` → ``vn.lienthong.dossier.received.v1``),
never a Python path. The portal's ten codes are a *derived* view (``contracts.status``): ``STATE`` names the
fine-grained business state a fact leads to, "" where it moves none.
"""

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from contracts.moment import Moment

State: TypeAlias = Literal[
    "",
    "submitted",
    "received",
    "refused",
    "processing",
    "supplement_requested",
    "payment_requested",
    "withdrawn",
    "stopped",
    "finished",
    "handed_over",
]
ApplicantType: TypeAlias = Literal["citizen", "business", "household_business", "state_body", "organisation", "other"]
Channel: TypeAlias = Literal["direct", "online", "postal"]


class IdentityPaper(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One identity paper of an applicant (QCVN 120 ``DinhDanhCHS``); ``kind`` is the wire's code."""

    kind: str
    number: str


class Document(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A paper handed in or issued. Empty string = not stated; ``url`` keeps its volatile query out of comparison."""

    name: str
    id: str = ""
    component_code: str = ""
    url: str = ""
    deleted: bool = False
    digitised: str = ""
    reused: str = ""
    from_personal_store: str = ""
    replaces_result_code: str = ""
    result_code: str = ""
    content_sha256: str = ""


class Fee(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A fee or charge; ``amount`` in đồng as the decimal text of the wire."""

    name: str
    code: str = ""
    amount: str = ""
    collected_at: str = ""
    kind: str = ""


class Paper(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A paper listed without a file (QCVN 120 ``DanhSachTepDinhKemKhac``)."""

    name: str
    copies: int = 0
    kind: int = 0


class Supplement(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One round of supplementing (QCVN 120 ``DanhSachHoSoBoSung``, OpenCPS ``Supplementaries``)."""

    id: str
    requested_by: str = ""
    request: str = ""
    requested_at: Moment | None = None
    received_by: str = ""
    answer: str = ""
    received_at: Moment | None = None
    done: bool = False
    papers: tuple[Paper, ...] = ()
    fees: tuple[Fee, ...] = ()
    due_before: Moment | None = None
    due_after: Moment | None = None


class Step(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row of progress (QCVN 120 ``CapNhatTienDoHoSoMC``, OpenCPS ``MDocumentTraces``).

    Its time is the fact's ``at``; its state is the fact's kind. ``word`` keeps the sender's own status word.
    """

    officer: str = ""
    title: str = ""
    department: str = ""
    content: str = ""
    started_at: Moment | None = None
    due_at: Moment | None = None
    word: str = ""


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="fact"):
    """Base of all facts. ``dossier`` is the code as the party wrote it; ``at`` None = no time was stated."""

    TOPIC: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    STATE: ClassVar[State] = ""

    dossier: str
    at: Moment | None = None
    step: Step | None = None


class DossierSubmitted(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.submitted"):
    """The applicant handed the dossier in: everything that belongs to the submission. Owned by the origin."""

    TOPIC: ClassVar[str] = "dossier.submitted"
    STATE: ClassVar[State] = "submitted"

    procedure_code: str | UnsetType = UNSET
    procedure_name: str | UnsetType = UNSET
    field_code: str | UnsetType = UNSET
    field_name: str | UnsetType = UNSET
    channel: Channel | UnsetType = UNSET
    receipt_number: str | UnsetType = UNSET
    applicant_name: str | UnsetType = UNSET
    applicant_type: ApplicantType | UnsetType = UNSET
    applicant_paper_number: str | UnsetType = UNSET
    applicant_papers: tuple[IdentityPaper, ...] | UnsetType = UNSET
    applicant_account: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    fax: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    other_info: str | UnsetType = UNSET
    remark: str | UnsetType = UNSET
    submitted_at: Moment | UnsetType = UNSET
    submitted_through: Literal["portal", "local"] | UnsetType = UNSET
    documents: tuple[Document, ...] | UnsetType = UNSET
    other_papers: tuple[Paper, ...] | UnsetType = UNSET
    fees: tuple[Fee, ...] | UnsetType = UNSET
    has_digitised_documents: str | UnsetType = UNSET
    account_verified: str | UnsetType = UNSET
    paid_online: str | UnsetType = UNSET
    connected_databases: tuple[str, ...] | UnsetType = UNSET
    extra: dict[str, str] | UnsetType = UNSET
    """Values of the sender's format that have no canonical name, by wire name (civil status detail, eform)."""


class DossierReceived(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.received"):
    """An agency took the dossier in and, where the procedure has one, promised a date."""

    TOPIC: ClassVar[str] = "dossier.received"
    STATE: ClassVar[State] = "received"

    received_at: Moment | UnsetType = UNSET
    due_at: Moment | UnsetType = UNSET
    processing_agency: str | UnsetType = UNSET
    processing_agency_code: str | UnsetType = UNSET
    return_method: str | UnsetType = UNSET


class DossierRefused(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.refused"):
    """The agency did not take the dossier in."""

    TOPIC: ClassVar[str] = "dossier.refused"
    STATE: ClassVar[State] = "refused"

    refused_at: Moment | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class ProcessingStepRecorded(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.processing-step"):
    """Work went on inside the agency; ``silent`` = a trace that names no state (OpenCPS ``Status`` constant 0)."""

    TOPIC: ClassVar[str] = "dossier.processing-step"
    STATE: ClassVar[State] = "processing"

    silent: bool = False


class SupplementRequested(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.supplement-requested"):
    """The applicant must add something; the clock pauses."""

    TOPIC: ClassVar[str] = "dossier.supplement-requested"
    STATE: ClassVar[State] = "supplement_requested"

    supplements: tuple[Supplement, ...] | UnsetType = UNSET
    supplement_due_at: Moment | UnsetType = UNSET


class SupplementProvided(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.supplement-provided"):
    """The applicant added what was asked; the clock runs again."""

    TOPIC: ClassVar[str] = "dossier.supplement-provided"
    STATE: ClassVar[State] = "processing"

    supplements: tuple[Supplement, ...] | UnsetType = UNSET


class PaymentRequested(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.payment-requested"):
    """The applicant must pay; the clock pauses in practice."""

    TOPIC: ClassVar[str] = "dossier.payment-requested"
    STATE: ClassVar[State] = "payment_requested"

    fees: tuple[Fee, ...] | UnsetType = UNSET


class PaymentRecorded(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.payment-recorded"):
    """A payment was made. Owned by the payment platform."""

    TOPIC: ClassVar[str] = "dossier.payment-recorded"

    amount: str | UnsetType = UNSET
    transaction: str | UnsetType = UNSET
    paid_at: Moment | UnsetType = UNSET


class ClockPaused(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.clock-paused"):
    """The processing clock stopped for a stated reason."""

    TOPIC: ClassVar[str] = "dossier.clock-paused"

    pause_reason: str | UnsetType = UNSET


class ClockResumed(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.clock-resumed"):
    """The processing clock runs again."""

    TOPIC: ClassVar[str] = "dossier.clock-resumed"


class DueDateChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.due-date-changed"):
    """A new promised date, with the apology where one was given (TT 03/2025/TT-VPCP form 04)."""

    TOPIC: ClassVar[str] = "dossier.due-date-changed"

    due_at: Moment | UnsetType = UNSET
    apology: str | UnsetType = UNSET


class DossierTransferred(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.transferred"):
    """The dossier is now held by another agency; the clock does not restart."""

    TOPIC: ClassVar[str] = "dossier.transferred"

    processing_agency: str | UnsetType = UNSET
    processing_agency_code: str | UnsetType = UNSET


class DossierWithdrawn(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.withdrawn"):
    """The applicant took the dossier back."""

    TOPIC: ClassVar[str] = "dossier.withdrawn"
    STATE: ClassVar[State] = "withdrawn"

    reason: str | UnsetType = UNSET


class ProcessingStopped(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.processing-stopped"):
    """The agency stopped for good (TT 03/2025/TT-VPCP form 05)."""

    TOPIC: ClassVar[str] = "dossier.processing-stopped"
    STATE: ClassVar[State] = "stopped"

    reason: str | UnsetType = UNSET


class ProcessingFinished(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.processing-finished"):
    """Processing ended; ``finished_at`` is what decision 766 measures."""

    TOPIC: ClassVar[str] = "dossier.processing-finished"
    STATE: ClassVar[State] = "finished"

    finished_at: Moment | UnsetType = UNSET


class ResultIssued(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.result-issued"):
    """A result exists as a paper or file."""

    TOPIC: ClassVar[str] = "dossier.result-issued"

    results: tuple[Document, ...] | UnsetType = UNSET


class ResultHandedOver(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.result-handed-over"):
    """The result reached the applicant."""

    TOPIC: ClassVar[str] = "dossier.result-handed-over"
    STATE: ClassVar[State] = "handed_over"

    returned_at: Moment | UnsetType = UNSET
    return_info: str | UnsetType = UNSET


class ResultRevoked(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.result-revoked"):
    """A result that was issued no longer holds."""

    TOPIC: ClassVar[str] = "dossier.result-revoked"

    reason: str | UnsetType = UNSET


class SatisfactionRated(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.satisfaction-rated"):
    """The applicant rated the service."""

    TOPIC: ClassVar[str] = "dossier.satisfaction-rated"

    rating: str | UnsetType = UNSET


class FeedbackReceived(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.feedback-received"):
    """A petition or comment (PAKN) about the dossier."""

    TOPIC: ClassVar[str] = "dossier.feedback-received"

    feedback: str | UnsetType = UNSET


class FeedbackAnswered(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.feedback-answered"):
    """The answer to a petition or comment."""

    TOPIC: ClassVar[str] = "dossier.feedback-answered"

    feedback_answer: str | UnsetType = UNSET


class AliasLinked(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.alias-linked"):
    """Another code for the same dossier (``maHoSoLT``, ``SoBienNhan``, a random code of a previous sender)."""

    TOPIC: ClassVar[str] = "dossier.alias-linked"

    alias: str
    other_stream: str = ""
    other_head: str = ""


class FactCorrected(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="dossier.corrected"):
    """Values stated earlier by the same party are changed (``values``) or erased (``erased``), by canonical name."""

    TOPIC: ClassVar[str] = "dossier.corrected"

    values: dict[str, str] = {}
    erased: tuple[str, ...] = ()


FACT_TYPES: Final[tuple[type[Fact], ...]] = (
    DossierSubmitted,
    DossierReceived,
    DossierRefused,
    ProcessingStepRecorded,
    SupplementRequested,
    SupplementProvided,
    PaymentRequested,
    PaymentRecorded,
    ClockPaused,
    ClockResumed,
    DueDateChanged,
    DossierTransferred,
    DossierWithdrawn,
    ProcessingStopped,
    ProcessingFinished,
    ResultIssued,
    ResultHandedOver,
    ResultRevoked,
    SatisfactionRated,
    FeedbackReceived,
    FeedbackAnswered,
    AliasLinked,
    FactCorrected,
)

AnyFact: TypeAlias = (
    DossierSubmitted
    | DossierReceived
    | DossierRefused
    | ProcessingStepRecorded
    | SupplementRequested
    | SupplementProvided
    | PaymentRequested
    | PaymentRecorded
    | ClockPaused
    | ClockResumed
    | DueDateChanged
    | DossierTransferred
    | DossierWithdrawn
    | ProcessingStopped
    | ProcessingFinished
    | ResultIssued
    | ResultHandedOver
    | ResultRevoked
    | SatisfactionRated
    | FeedbackReceived
    | FeedbackAnswered
    | AliasLinked
    | FactCorrected
)

_BOOKKEEPING: Final = frozenset({"dossier", "at", "step", "silent", "alias", "other_stream", "other_head"})

VALUE_FIELDS: Final[dict[type[Fact], tuple[str, ...]]] = {
    kind: tuple(name for name in kind.__struct_fields__ if name not in _BOOKKEEPING and kind is not FactCorrected)
    for kind in FACT_TYPES
}
"""Canonical field names that each kind of fact may state, in declaration order."""


def stated(fact: Fact) -> dict[str, object]:
    """The values this fact states, by canonical name; UNSET ones are left out."""
    values: dict[str, object] = {}
    for name in VALUE_FIELDS[type(fact)]:
        value = getattr(fact, name)
        if value is not UNSET:
            values[name] = value
    return values
