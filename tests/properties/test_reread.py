"""A record that was parked and read again ends where it would be had its mapping been there from the start."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.facts import State
from contracts.picture import Picture
from hub.parties import Party
from hub.world_seeded import MemoryFiles, SeededEntropy
from ledger.events import RecordParked
from ledger.keystore import MemoryKeys
from ledger.stores.memory import MemoryStore
from ledger.writer import Writer, open_ledger
from tests.hub.little_hub import CODE, EVERYONE, MINISTRY, NOON, PORTAL, PROVINCE
from tests.hub.plain_message import Door, line

OTHER = "000.00.01.H99-260101-0002"
WORDS: dict[str, State] = {
    "tiep-nhan": "received",
    "dang-lam": "processing",
    "cho-bo-sung": "supplement_requested",
    "xong": "finished",
}
STATES = ("submitted", "received", "processing", "supplement_requested", "finished", "handed_over")
MINUTE = 60_000_000

codes = st.sampled_from((CODE, CODE, CODE, OTHER))
values = st.dictionaries(st.sampled_from(("phone", "subject", "email")), st.sampled_from(("1", "2")), max_size=2)
claims = st.one_of(
    st.fixed_dictionaries({"state": st.sampled_from(STATES)}),
    st.fixed_dictionaries({"word": st.sampled_from([*WORDS])}),
)
snapshots = st.builds(lambda code, told, claim: (code, {"values": told, **claim}), codes, values, claims)
rows = st.builds(
    lambda code, at, content, claim: (code, {"row": {"at": NOON + at * MINUTE, "content": content}, **claim}),
    codes,
    st.integers(-3, 12),
    st.sampled_from(("Thẩm định", "Trình ký")),
    claims,
)
messages = st.tuples(
    st.sampled_from((PROVINCE, PROVINCE, PORTAL, MINISTRY)),
    st.lists(st.one_of(snapshots, snapshots, rows), min_size=1, max_size=3),
)
Message = tuple[Party, list[tuple[str, dict[str, Any]]]]


def same(picture: Picture | None) -> Any:
    """What a dossier is, without the positions of the events that say so."""
    if picture is None:
        return None
    steps = sorted((step.at.us, step.state, step.step.content, step.party) for step in picture.steps)
    return dict(picture.fields), picture.state, picture.code, picture.aliases, picture.origin, picture.holder, steps


def pictures(hub: Door) -> list[Any]:
    found = [hub.dossiers.by_code(code) for code in (CODE, OTHER)]
    return [same(state.picture()) if state is not None and state.told else None for state in found]


async def send(hub: Door, story: Sequence[Message]) -> None:
    for party, lines in story:
        await hub.send(party, *[line(code, **members) for code, members in lines])


class Remembering(Door):
    """A door on a ledger in memory that outlives its process."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {"files": MemoryFiles(), "store": MemoryStore(), "keys": MemoryKeys()}
        super().__init__(Path(), EVERYONE, told=("cong",), limit=100)

    def _open(self) -> Writer:
        return open_ledger(
            directory="", origin="log.mau.example", clock=self.clock, entropy=SeededEntropy(7), **self._kept
        )


def learn_words(hub: Door) -> None:
    for party in (PROVINCE, PORTAL, MINISTRY):
        hub.map_words(party, **WORDS)


async def mapped_from_the_start(story: Sequence[Message]) -> list[Any]:
    hub = Remembering()
    learn_words(hub)
    await send(hub, story)
    return pictures(hub)


async def mapped_later(before: Sequence[Message], after: Sequence[Message], order: Any) -> tuple[list[Any], list[Any]]:
    hub = Remembering()
    await send(hub, before)
    learn_words(hub)
    parked = [
        (entry.event.message, entry.event.item)
        for entry in hub.ledger.read(0, 10_000)
        if isinstance(entry.event, RecordParked)
    ]
    order.shuffle(parked)
    for position, item in parked:
        await hub.reception.reinterpret(position, item, by="van-hanh")
    await send(hub, after)
    live = pictures(hub)
    hub.restart()
    return live, pictures(hub)


BEGUN: Message = (PROVINCE, [(CODE, {"state": "received", "values": {"phone": "1"}}), (OTHER, {"state": "received"})])
"""Who leads a dossier and who holds it is settled: what others may say of it does not hang on the parked record."""


def both(before: Sequence[Message], after: Sequence[Message], order: Any) -> None:
    wanted = asyncio.run(mapped_from_the_start([*before, *after]))
    live, folded = asyncio.run(mapped_later(before, after, order))
    assert live == wanted
    assert folded == live


@given(
    before=st.lists(messages, min_size=1, max_size=5),
    after=st.lists(messages, max_size=2),
    order=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_whatever_landed_in_between_a_record_read_again_ends_as_if_it_had_been_mapped_from_the_start(
    before: list[Message], after: list[Message], order: Any
) -> None:
    both([BEGUN, *before], after, order)


@given(before=st.lists(st.lists(snapshots, min_size=1, max_size=3), min_size=1, max_size=5), order=st.randoms())
@settings(deadline=None)
def test_a_dossier_that_began_with_parked_records_of_its_sender_ends_the_same(
    before: list[list[tuple[str, dict[str, Any]]]], order: Any
) -> None:
    both([(PROVINCE, lines) for lines in before], (), order)
