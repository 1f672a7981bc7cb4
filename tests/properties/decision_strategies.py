"""Arbitrary facts, records and parties, for properties of deciding."""

from typing import Any

from hypothesis import strategies as st

from contracts.facts import (
    FACT_TYPES,
    VALUE_FIELDS,
    AliasLinked,
    AnyFact,
    Document,
    Fact,
    FactCorrected,
    Fee,
    IdentityPaper,
    Paper,
    ProcessingStepRecorded,
    Step,
    Supplement,
)
from contracts.moment import Moment
from contracts.reading import Note, Record
from tests.hub.little_hub import CODE, NOON

CODES = (CODE, "H99.00.01-260101-0001", "12/2026/0001", "LT-2026-1", "")
moments = st.builds(
    Moment,
    us=st.one_of(st.integers(NOON - 10, NOON + 10), st.integers(-(2**62), 2**62)),
    text=st.sampled_from(["", "20260101120000"]),
    assumed=st.booleans(),
)
_texts = st.one_of(st.sampled_from(["", "a", "b", "0900000001"]), st.text(max_size=5))
_steps = st.builds(Step, officer=_texts, department=_texts, content=_texts, word=_texts)
_TUPLES: dict[str, st.SearchStrategy[Any]] = {
    "documents": st.builds(Document, name=_texts, url=st.sampled_from(["", "https://m/f?t=1", "https://m/f?t=2"])),
    "results": st.builds(Document, name=_texts),
    "other_papers": st.builds(Paper, name=_texts, copies=st.integers(0, 2)),
    "fees": st.builds(Fee, name=_texts, amount=_texts),
    "supplements": st.builds(Supplement, id=_texts, requested_at=st.none() | moments),
    "applicant_papers": st.builds(IdentityPaper, kind=_texts, number=_texts),
    "connected_databases": _texts,
}
_CHOICES = {"channel": ["direct", "online"], "applicant_type": ["citizen", "business"], "submitted_through": ["portal"]}


def _value(name: str) -> st.SearchStrategy[Any]:
    if name in _TUPLES:
        return st.lists(_TUPLES[name], max_size=2).map(tuple)
    if name in _CHOICES:
        return st.sampled_from(_CHOICES[name])
    if name.endswith("_at"):
        return moments
    if name == "extra":
        return st.dictionaries(st.sampled_from(["x", "y"]), _texts, max_size=2)
    return _texts


@st.composite
def facts(draw: st.DrawFn) -> AnyFact:
    """Any fact with any of its values stated."""
    kind: type[Fact] = draw(st.sampled_from(FACT_TYPES))
    names = VALUE_FIELDS[kind]
    stated = draw(st.lists(st.sampled_from(names), unique=True, max_size=4)) if names else []
    members: dict[str, Any] = {name: draw(_value(name)) for name in stated}
    if kind is AliasLinked:
        members["alias"] = draw(st.sampled_from(CODES))
    if kind is FactCorrected:
        named = st.sampled_from(["phone", "state", "due_at", "không có"])
        members["values"] = draw(st.dictionaries(named, st.sampled_from(["a", "finished", ""]), max_size=2))
        members["erased"] = tuple(draw(st.lists(named, max_size=2)))
    if kind is ProcessingStepRecorded:
        members["silent"] = draw(st.booleans())
    fact: Any = kind(
        dossier=draw(st.sampled_from(CODES)), at=draw(st.none() | moments), step=draw(st.none() | _steps), **members
    )
    return fact  # type: ignore[no-any-return]


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record, sensible or not."""
    return Record(
        index=draw(st.integers(0, 3)),
        span=(0, 0),
        dossier=draw(st.sampled_from(CODES)),
        facts=tuple(draw(st.lists(facts(), max_size=4))),
        material=draw(st.binary(max_size=2)),
        service=draw(st.sampled_from(["records", "rows"])),
        row=draw(st.booleans()),
        updating=draw(st.none() | st.booleans()),
        aliases=tuple(draw(st.lists(st.sampled_from(CODES), max_size=2))),
        agency=draw(st.sampled_from(["", "H99.1", "H98", "không phải mã"])),
        warnings=draw(st.sampled_from([(), (Note("warn.date_form"),)])),
    )
