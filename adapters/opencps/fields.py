"""The members of the LGSP messages and the canonical names they stand for: one table for reading and for writing.

Source: the declarations of MSyncDocument and MDocumentTraces, as under ``contracts/wire/opencps/lgsp-2020``.
"""

from typing import Final

STANDARD: Final = "opencps"
EDITION: Final = "lgsp-2020"
RECORD: Final = "SyncDocument"
TRACE: Final = "UpdateDocumentTraces"
SERVICES: Final = (RECORD, TRACE)
RECORD_ARRAY: Final = "SyncDocuments"
"""Not a message type: the address that takes ``SyncDocument`` records as an array (an extension of ours)."""

SENTINEL: Final = "0000-00-00T00:00:00.000+0700"
"""How OpenCPS writes a date that does not exist."""

SUBMISSION_TEXTS: Final = (
    ("DocTypeName", "procedure_name"),
    ("CitizenName", "applicant_name"),
    ("CitizenInfo", "other_info"),
    ("ApplicantsId", "applicant_paper_number"),
    ("Address", "address"),
    ("Email", "email"),
    ("Phone", "phone"),
    ("Compendium", "subject"),
    ("Note", "remark"),
)
"""Texts of the submission, carried as they are."""

KEPT: Final = (
    "ApproverName",
    "ApproverPosition",
    "SuccessNote",
    "vnpostalStatus",
    "vnpostalProfile",
    "fromViaPostal",
)
"""Members without a canonical name, kept in ``extra`` under the wire's name and written back from there."""

RECEPTION: Final = ("DateReceived", "DateAppointed", "ReturnedType", "ProcessingOrganName", "OrganInchargeIdLevel1")
"""Members that belong to the reception; beside a state before it they are kept in ``extra``."""

RECORD_FIELDS: Final = frozenset(
    (
        "DocTypeCode",
        "DocCode",
        *(wire for wire, _ in SUBMISSION_TEXTS),
        "ApplicantsType",
        "DateReceived",
        "DateAppointed",
        "IsSuccess",
        "SuccessDate",
        "IsReturned",
        "ReturnedDate",
        "ReturnNote",
        "ReturnedType",
        "FinishedDate",
        "Status",
        "ProcessingOrganName",
        "HasSupplementary",
        "RequireSupplementaryDate",
        "Attachments",
        "DocFees",
        "DocPapers",
        "Supplementaries",
        "OrganInchargeIdLevel1",
        "OrganInchargeName",
        *KEPT,
        "DossierStatus",
        "DossierSubStatus",
    )
)
TRACE_FIELDS: Final = frozenset(
    (
        "DocumentId",
        "DocCode",
        "UserName",
        "UserPosition",
        "DateCreated",
        "Comment",
        "Status",
        "OrganizationInchargeIdLevel1",
        "OrganizationInchargeName",
        "DossierStatus",
        "DossierSubStatus",
    )
)
MEMBERS: Final[dict[str, frozenset[str]]] = {
    "Attachments": frozenset(("AttachmentId", "AttachmentName", "IsDeleted", "Base64", "IsVerified")),
    "DocFees": frozenset(("FeeName", "FeeType", "Price")),
    "DocPapers": frozenset(("PaperName", "Amount", "PaperType")),
    "Supplementaries": frozenset(
        (
            "SupplementaryId",
            "SendUser",
            "SendComment",
            "SendDate",
            "ReceivedUser",
            "ReceivedComment",
            "ReceivedDate",
            "IsReceived",
            "Papers",
            "Fees",
            "OldDateAppointed",
            "NewDateAppointed",
        )
    ),
}
"""Known members of each list of a record; others are reported as unknown."""

MANDATORY: Final = ("procedure_code", "applicant_name", "applicant_type")
"""Canonical names without which no record is rendered; the state, too, and ``received_at`` from reception on."""

BEFORE_RECEPTION: Final = frozenset(("submitted", "refused", "withdrawn"))
"""States that a dossier may reach without having been received."""
