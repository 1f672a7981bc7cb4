"""Every version of every event ever written stays readable, under names that name no code."""

import re
from pathlib import Path

import msgspec
import pytest

from contracts.errors import IntegrityViolation
from contracts.facts import FACT_TYPES
from ledger import upcast
from ledger.events import EVENT_TYPES, FactRecorded, topic_of, version_of

SPECIMENS = Path(__file__).with_name("specimens")
FILES = sorted(SPECIMENS.glob("*.json"))


def _named(path: Path) -> tuple[str, int]:
    topic, _, version = path.stem.rpartition(".v")
    return topic, int(version)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_specimen_is_read_back(path: Path) -> None:
    topic, version = _named(path)
    state = path.read_bytes().rstrip(b"\n")
    event = upcast.decode(topic, version, state)
    assert topic_of(event) == topic
    if version == version_of(event):
        assert upcast.encode(event) == state


def test_there_is_a_specimen_of_every_topic_in_its_present_version() -> None:
    present = {(kind.TOPIC, kind.VERSION) for kind in FACT_TYPES}
    present |= {(kind.TOPIC, kind.VERSION) for kind in EVENT_TYPES if kind is not FactRecorded}
    assert present <= {_named(path) for path in FILES}
    assert {topic for topic, _ in present} == set(upcast.TOPICS)


def test_no_topic_names_code() -> None:
    for topic in upcast.TOPICS:
        assert re.fullmatch(r"[a-z]+(\.[a-z]+(-[a-z]+)*)+", topic), topic
        assert ":" not in topic
        assert topic.split(".")[0] not in {"contracts", "ledger", "hub", "adapters", "monitoring"}


def test_topics_are_told_apart() -> None:
    assert len(upcast.TOPICS) == len(FACT_TYPES) + len(EVENT_TYPES) - 1


def test_what_was_never_written_is_not_read() -> None:
    state = FILES[0].read_bytes()
    for topic, version in (("dossier.unknown", 1), (_named(FILES[0])[0], 99)):
        with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
            upcast.decode(topic, version, state)
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        upcast.decode(_named(FILES[0])[0], 1, b"{")


def test_an_older_version_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(msgspec.Struct):
        name: str
        count: int

    monkeypatch.setitem(upcast._DECODERS, "made.up", (3, msgspec.json.Decoder(Newer)))
    monkeypatch.setitem(upcast.STEPS, ("made.up", 1), lambda old: {"name": old["title"]})
    monkeypatch.setitem(upcast.STEPS, ("made.up", 2), lambda old: {**old, "count": 1})
    assert upcast.decode("made.up", 1, b'{"title":"a"}') == Newer("a", 1)  # type: ignore[comparison-overlap]
    assert upcast.decode("made.up", 2, b'{"name":"b"}') == Newer("b", 1)  # type: ignore[comparison-overlap]
