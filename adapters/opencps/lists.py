"""The lists of a ``SyncDocument``: attachments, fees, papers, rounds of supplementing."""

import binascii
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from adapters.opencps.values import Scene, flag, moment, money, text, whole
from contracts.facts import Document, Fee, Paper, Supplement

_MIME_BREAKS: Final = str.maketrans("", "", "\r\n \t")
_VERIFIED: Final = "Attachments/IsVerified"

Items = list[Mapping[str, Any]]


def attachments(items: Items, at: str, scene: Scene) -> tuple[Document, ...]:
    """Papers with their files: of an inline file the SHA-256 of its content; the content stays in the message."""
    documents: list[Document] = []
    for number, item in enumerate(items):
        get = item.get
        place = f"{at}/{number}"
        number_of_sender = get("AttachmentId")
        if flag(get("IsVerified"), _VERIFIED, scene) is False:
            scene.lose("loss.not_carried", _VERIFIED)
        documents.append(
            Document(
                name=text(get("AttachmentName"), f"{at}/AttachmentName", scene),
                id=_id(number_of_sender),
                deleted=flag(get("IsDeleted"), f"{at}/IsDeleted", scene) is True,
                content_sha256=_content_sha256(get("Base64"), f"{place}/Base64", scene),
            )
        )
    return tuple(documents)


def fees(items: Items, at: str, scene: Scene) -> tuple[Fee, ...]:
    """Fees and charges; ``FeeType`` is kept as the wire's code."""
    return tuple(
        Fee(
            name=text(item.get("FeeName"), f"{at}/FeeName", scene),
            amount=money(item.get("Price"), f"{at}/Price", scene),
            kind=_id(item.get("FeeType")),
        )
        for item in items
    )


def papers(items: Items, at: str, scene: Scene) -> tuple[Paper, ...]:
    """Papers listed without a file."""
    return tuple(
        Paper(
            name=text(item.get("PaperName"), f"{at}/PaperName", scene),
            copies=whole(item.get("Amount"), f"{at}/Amount", scene) or 0,
            kind=whole(item.get("PaperType"), f"{at}/PaperType", scene) or 0,
        )
        for item in items
    )


def supplements(items: Items, scene: Scene) -> tuple[Supplement, ...]:
    """Rounds of supplementing, in the sender's order."""
    at = "Supplementaries"
    rounds: list[Supplement] = []
    for number, item in enumerate(items):
        get = item.get
        place = f"{at}/{number}"
        rounds.append(
            Supplement(
                id=_id(get("SupplementaryId")),
                requested_by=text(get("SendUser"), at, scene),
                request=text(get("SendComment"), at, scene),
                requested_at=moment(get("SendDate"), f"{place}/SendDate", scene),
                received_by=text(get("ReceivedUser"), at, scene),
                answer=text(get("ReceivedComment"), at, scene),
                received_at=moment(get("ReceivedDate"), f"{place}/ReceivedDate", scene),
                done=flag(get("IsReceived"), at, scene) is True,
                papers=papers(get("Papers") or [], f"{at}/Papers", scene),
                fees=fees(get("Fees") or [], f"{at}/Fees", scene),
                due_before=moment(get("OldDateAppointed"), f"{place}/OldDateAppointed", scene),
                due_after=moment(get("NewDateAppointed"), f"{place}/NewDateAppointed", scene),
            )
        )
    return tuple(rounds)


def _id(value: Any) -> str:
    """A number that only names something: the digits as text, "" where there is none."""
    return "" if value is None else str(value).strip()


def _content_sha256(value: Any, at: str, scene: Scene) -> str:
    """SHA-256 (hex) of an inline file, "" where there is none. What is not Base64 is ``read.pattern``."""
    if not value:
        return ""
    try:
        content = binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        try:
            content = binascii.a2b_base64(value.translate(_MIME_BREAKS), strict_mode=True)
        except (binascii.Error, ValueError):
            scene.refuse("read.pattern", at)
            return ""
    return sha256(content).hexdigest() if content else ""
