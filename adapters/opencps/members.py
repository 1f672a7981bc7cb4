"""The lists of a record and their members as the wire has them, and what of each member has no place there."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from adapters.opencps.fields import SENTINEL
from contracts import dates
from contracts.facts import Document, Fee, Paper, Supplement
from contracts.moment import Moment
from contracts.ports import Profile


def millis(moment: Moment | None) -> int | None:
    """A time in milliseconds since 1970; None where there is none."""
    return None if moment is None else moment.us // 1_000


class Printer:
    """Prints milliseconds since 1970 as the receiver expects: ``+0700``, or a literal Z after local time."""

    __slots__ = ("_tail", "_zone")

    def __init__(self, profile: Profile) -> None:
        self._zone = profile.date_zone
        self._tail = "Z" if profile.options.get("date_tail") == "Z" else "+0700"

    def __call__(self, at: int | None) -> str:
        """The time as text; the sentinel where there is none."""
        return SENTINEL if at is None else _printed(at, self._zone, self._tail)


@lru_cache(maxsize=4_096)
def _printed(at: int, zone: str, tail: str) -> str:
    moment = Moment(at * 1_000)
    if tail == "Z":
        return dates.print_iso(moment, zone, tail="Z")
    return dates.print_iso(moment, zone, tail="+0700")


def _document_told(item: Document) -> tuple[Any, ...]:
    """As the wire can tell it: an id that is no number and the hash of a file that is not sent stay behind."""
    return (item.id if is_number(item.id) else "", item.name, item.deleted)


def _fee_told(item: Fee) -> tuple[Any, ...]:
    return (item.name, item.kind if is_number(item.kind) else "", price(item.amount))


def _round_told(item: Supplement) -> tuple[Any, ...]:
    return (
        item.id if is_number(item.id) else "0",
        item.requested_by,
        item.request,
        millis(item.requested_at),
        item.received_by,
        item.answer,
        millis(item.received_at),
        item.done,
        item.papers,
        tuple(_fee_told(one) for one in item.fees),
        millis(item.due_before),
        millis(item.due_after),
    )


def _as_it_is(item: Any) -> Any:
    return item


COMPARED: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("documents", _document_told),
    ("fees", _fee_told),
    ("other_papers", _as_it_is),
    ("supplements", _round_told),
)
"""How a projection tells the members of each list apart."""


def attachment(item: Document) -> dict[str, Any]:
    """A paper by name; the file itself is with whoever issued it."""
    told: dict[str, Any] = {"AttachmentName": item.name, "IsDeleted": item.deleted}
    return {"AttachmentId": int(item.id), **told} if is_number(item.id) else told


def fee(item: Fee) -> dict[str, Any]:
    """A fee; an amount or code that is no number stays behind."""
    told: dict[str, Any] = {"FeeName": item.name}
    if is_number(item.kind):
        told["FeeType"] = int(item.kind)
    amount = price(item.amount)
    if amount is not None:
        told["Price"] = amount
    return told


def paper(item: Paper) -> dict[str, Any]:
    """A paper without a file."""
    return {"PaperName": item.name, "Amount": item.copies, "PaperType": item.kind}


def supplementary(item: Supplement, printed: Printer) -> dict[str, Any]:
    """A round of supplementing."""
    return {
        "SupplementaryId": int(item.id) if is_number(item.id) else 0,
        "SendUser": item.requested_by,
        "SendComment": item.request,
        "SendDate": printed(millis(item.requested_at)),
        "ReceivedUser": item.received_by,
        "ReceivedComment": item.answer,
        "ReceivedDate": printed(millis(item.received_at)),
        "IsReceived": item.done,
        "Papers": [paper(one) for one in item.papers],
        "Fees": [fee(one) for one in item.fees],
        "OldDateAppointed": printed(millis(item.due_before)),
        "NewDateAppointed": printed(millis(item.due_after)),
    }


def price(amount: str) -> int | float | None:
    """An amount as a JSON number, exactly or not at all."""
    if is_number(amount):
        return int(amount)
    try:
        found = float(amount)
    except ValueError:
        return None
    return found if repr(found) == amount else None


def is_number(text: str) -> bool:
    """Whether a text is a whole number in the one way it prints, small enough for every receiver."""
    return text.isascii() and text.isdigit() and len(text) <= 18 and (text == "0" or text[0] != "0")  # noqa: PLR2004  # 64 bits


# ── losses ───────────────────────────────────────────────────────────────────────────────────────


def any_loses(items: Iterable[Any] | None, is_lost: Callable[[Any], bool]) -> bool:
    """Whether any member of a list says something that has no place."""
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
        or (item.id and not is_number(item.id))
    )


def _fee_loses(item: Fee) -> bool:
    return bool(
        item.code
        or item.collected_at
        or (item.amount and price(item.amount) is None)
        or (item.kind and not is_number(item.kind))
    )


def _round_loses(item: Supplement) -> bool:
    return not is_number(item.id) or any(_fee_loses(one) for one in item.fees)


MEMBER_LOSSES: Final[tuple[tuple[str, Callable[[Any], bool]], ...]] = (
    ("documents", _document_loses),
    ("fees", _fee_loses),
    ("supplements", _round_loses),
)
"""For each list whether a member of it loses something."""
