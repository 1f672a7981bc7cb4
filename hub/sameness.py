"""What a fact says, and when two sayings are the same.

A receiver repeats what it was told in its own words: times lose their fractions, file addresses end in another volatile
query, spaces double. None of that is news. These rules decide it in one place, for the fold, for echoes and for rows.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from contracts.facts import (
    VALUE_FIELDS,
    ClockPaused,
    ClockResumed,
    Document,
    Fact,
    ProcessingStepRecorded,
    ResultIssued,
    ResultRevoked,
    Step,
)
from contracts.moment import MICROS_PER_SECOND, Moment
from contracts.picture import step_digest
from ledger.events import FactRecorded, TransitionQuestioned

MARKS: Final[Mapping[type[Fact], tuple[str, str]]] = {
    ClockPaused: ("clock", "paused"),
    ClockResumed: ("clock", "running"),
    ResultIssued: ("result", "issued"),
    ResultRevoked: ("result", "revoked"),
}
"""Facts that say something by their kind alone, as (field, value)."""


def _reader(names: tuple[str, ...]) -> Callable[[Fact], tuple[Any, ...]]:
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda fact: (only(fact),)
    return attrgetter(*names) if names else lambda _fact: ()


_READERS: Final = {kind: (names, _reader(names)) for kind, names in VALUE_FIELDS.items()}


def told_values(fact: Fact) -> dict[str, Any]:
    """What a fact states, by canonical name: an empty value is *not stated*; facts that speak by kind state a mark."""
    kind = type(fact)
    names, read = _READERS[kind]
    # UNSET is false, and so is everything that counts as not stated: one test serves both.
    values = {name: value for name, value in zip(names, read(fact), strict=True) if value} if names else {}
    if kind in MARKS:
        name, mark = MARKS[kind]
        values[name] = mark
    return values


def state_told(event: FactRecorded | TransitionQuestioned) -> str:
    """The business state an event claims, "" where it claims none."""
    if event.values_only:
        return ""
    return claim_of(event.fact)


def claim_of(fact: Fact) -> str:
    """The business state a fact claims, "" where its kind has none or it is a silent trace."""
    return "" if type(fact) is ProcessingStepRecorded and fact.silent else fact.STATE


def row_digest(fact: Fact) -> bytes:
    """The digest of the row a fact carries, under the state the fact itself names."""
    return step_digest(row_time(fact), fact.STATE, fact.step or Step())


def row_time(fact: Fact) -> int:
    """The time a row states, microseconds; 0 where it states none."""
    return 0 if fact.at is None or fact.at.assumed else fact.at.us


def same_value(one: Any, other: Any) -> bool:
    """Whether two values say the same: instants by the instant, file addresses without their volatile query."""
    if one == other:
        return True
    if isinstance(one, Moment) and isinstance(other, Moment):
        return _same_moment(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(name in other and same_value(one[name], other[name]) for name in one)
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or len(one) != len(other):
        return False
    return all(_same_item(a, b) for a, b in zip(one, other, strict=True))


def _same_moment(one: Moment, other: Moment) -> bool:
    if one.us // MICROS_PER_SECOND != other.us // MICROS_PER_SECOND:
        return False
    # A format without fractions of a second repeats an instant truncated; two stated fractions must agree.
    return one.us == other.us or 0 in {one.us % MICROS_PER_SECOND, other.us % MICROS_PER_SECOND}


def _same_item(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if type(one) is not type(other) or not hasattr(one, "__struct_fields__"):
        return False
    return all(
        _same_member(isinstance(one, Document) and name == "url", getattr(one, name), getattr(other, name))
        for name in one.__struct_fields__
    )


def _same_member(address: bool, one: Any, other: Any) -> bool:  # noqa: FBT001  # one of two comparisons, chosen by name
    if address:
        return bool(one.partition("?")[0] == other.partition("?")[0])
    return same_value(one, other)


def news_in(told: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The values of ``told`` that ``known`` does not hold yet."""
    return {
        name: value
        for name, value in told.items()
        # Most values are repeated as they were: identity and plain equality settle nearly all of them.
        if (before := known.get(name)) is not value and before != value and not _covers(before, value)
    }


def _covers(known: Any, value: Any) -> bool:
    if known is None:
        return False
    if type(known) is dict and type(value) is dict:
        return all(part in known and same_value(known[part], one) for part, one in value.items())
    return same_value(known, value)


def replaces_a_file(known: Any, stated_now: Any) -> bool:
    """Whether papers are stated whose content is another than known under the same id and name.

    A format that sends files tells their content by hash although it can not be told so itself: a paper without a hash
    says nothing about its content.
    """
    if not isinstance(known, tuple) or not isinstance(stated_now, tuple):
        return False
    contents = {(one.id, one.name): one.content_sha256 for one in known if isinstance(one, Document)}
    return any(
        one.content_sha256 and contents.get((one.id, one.name), "") not in {"", one.content_sha256}
        for one in stated_now
        if isinstance(one, Document)
    )
