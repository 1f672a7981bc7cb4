"""Whole lives as a province tells them, judged by the real rules: nothing is questioned, nothing doubled."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.opencps import ADAPTER
from adapters.opencps.invented import Life, life_of
from contracts.envelope import Envelope
from contracts.ports import Profile
from contracts.reading import Record
from hub.parties import Party
from ledger.events import TransitionQuestioned
from tests.hub.little_hub import LittleHub

PROVINCE = Party(id="tinh-mau", adapter="opencps", agencies=("H99",))
FEBRUARY = 1_772_000_000_000_000


def records(life: Life) -> list[Record]:
    found: list[Record] = []
    for path, body in life.messages:
        service = path.rpartition("/")[2]
        envelope = Envelope(party="p", adapter="opencps", body=body, received_at=FEBRUARY, type=f"opencps/{service}")
        found.extend(ADAPTER.read(envelope, Profile()).records)
    return found


def lived(life: Life, told: list[Record]) -> LittleHub:
    hub = LittleHub(PROVINCE, adapter=ADAPTER)  # type: ignore[arg-type]  # a real adapter where it makes up its own
    hub.now = FEBRUARY
    for record in told:
        hub.take(PROVINCE, record)
    return hub


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_life_told_with_words_ends_as_it_was_lived_and_nothing_is_questioned(seed: int) -> None:
    life = next(life_of(seed, 1))
    hub = lived(life, records(life))

    assert hub.state is not None
    assert hub.state.state == life.ends_in
    events = [event for decision in hub.decisions for event in decision.events]
    assert not [event for event in events if isinstance(event, TransitionQuestioned)]
    assert len(hub.state.steps) == sum(path.endswith("UpdateDocumentTraces") for path, _ in life.messages)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_life_told_without_words_is_never_told_wrongly(seed: int) -> None:
    life = next(life_of(seed, 1, fine=False))
    hub = lived(life, records(life))

    assert hub.state is not None
    if life.ends_in in {"finished", "handed_over"}:
        assert hub.state.state == life.ends_in
    else:
        # Cancelled, denied and stopped look alike; what is not known is not claimed.
        assert hub.state.state in {"submitted", "received", "processing"}
    events = [event for decision in hub.decisions for event in decision.events]
    assert not [event for event in events if isinstance(event, TransitionQuestioned)]


@given(seed=st.integers(0, 10_000), data=st.data())
@settings(max_examples=40, deadline=None)
def test_messages_sent_again_change_nothing(seed: int, data: st.DataObject) -> None:
    life = next(life_of(seed, 1))
    told = records(life)
    doubled: list[Record] = []
    for record in told:
        doubled.extend([record] * data.draw(st.integers(1, 3)))

    once, often = lived(life, told), lived(life, doubled)

    assert once.state is not None
    assert often.state is not None
    assert often.state.state == once.state.state
    assert len(often.state.steps) == len(once.state.steps)
    assert len(often.state.told) == len(once.state.told)
