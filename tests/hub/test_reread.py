"""A parked record is read again once a mapping knows its word, in its own place; or somebody settles that it is not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import HubError, MessageRefused
from contracts.facts import State
from contracts.ports import Admitted
from hub.views import schema
from hub.views.views import Views
from hub.watch import waiting
from ledger.events import FactRecorded, MessageReinterpreted, RecordDismissed, RecordParked
from ledger.stores.views_store import ViewsStore
from tests.hub.little_hub import CODE, NOON, PORTAL, PROVINCE
from tests.hub.plain_message import Door, door, line

OTHER = "000.00.01.H99-260101-0002"
WORD = "cho-bo-sung"
AS_SUPPLEMENT: dict[str, State] = {WORD: "supplement_requested"}
AS_PROCESSING: dict[str, State] = {WORD: "processing"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Door]:
    with door(tmp_path) as opened:
        yield opened


def views_of(hub: Door) -> Views:
    store = ViewsStore(":memory:", schema=schema.SCHEMA, version=schema.VERSION)
    return Views(store, ledger=hub.ledger, dossiers=hub.dossiers, origin="log.mau.example")


def words(admitted: Admitted) -> list[str]:
    return [record.state for record in admitted.records]


def parked_places(hub: Door) -> list[tuple[int, int, int]]:
    """(own position, message, item) of everything ever parked."""
    return [
        (entry.position, entry.event.message, entry.event.item)
        for entry in hub.ledger.read(0, 1_000)
        if isinstance(entry.event, RecordParked)
    ]


def state_of(hub: Door, code: str = CODE) -> str:
    found = hub.dossiers.by_code(code)
    assert found is not None
    return str(found.state)


async def test_a_record_read_again_counts_from_its_own_message_and_time(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, state="received"))
    parked = await hub.send(PROVINCE, line(CODE, word=WORD, values={"phone": "0900000001"}))
    hub.map_words(PROVINCE, **AS_SUPPLEMENT)

    outcome = await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    assert (outcome.index, outcome.code, outcome.state) == (0, CODE, "applied")
    act, *facts = [entry for entry in hub.ledger.read(0, 1_000) if entry.position > (parked.records[0].position or 0)]
    assert isinstance(act.event, MessageReinterpreted)
    assert (act.event.message, act.event.item, act.event.by) == (parked.position, 0, "van-hanh")
    assert act.stream == hub.ledger.named_stream("party", PROVINCE.id)
    assert act.event.mapping_hash
    assert facts
    for fact in facts:
        assert isinstance(fact.event, FactRecorded)
        assert (fact.event.message, fact.event.at_us) == (parked.position, parked.accepted_at)
    assert (outcome.position, outcome.leaf_hash) == (facts[-1].position, facts[-1].leaf_hash.hex())
    assert state_of(hub) == "supplement_requested"
    assert [position for position, _, _ in hub.heard][-len(facts) :] == [fact.position for fact in facts]


async def test_it_never_becomes_current_over_what_came_later(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, state="received", values={"phone": "1"}))
    parked = await hub.send(PROVINCE, line(CODE, word=WORD, values={"phone": "2"}))
    await hub.send(PROVINCE, line(CODE, state="finished", values={"phone": "1", "email": "a@mau.example"}))
    hub.map_words(PROVINCE, **AS_SUPPLEMENT)

    await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    dossier = hub.dossiers.by_code(CODE)
    assert dossier is not None
    assert (dossier.state, dossier.values["phone"]) == ("finished", "1")
    assert dossier.before(parked.accepted_at, parked.position).state == "supplement_requested"


async def test_a_return_that_changed_nothing_then_counts_now(hub: Door) -> None:
    """processing, parked, processing again: the second one was no repetition."""
    await hub.send(PROVINCE, line(CODE, state="processing"))
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    again = await hub.send(PROVINCE, line(CODE, state="processing"))
    hub.map_words(PROVINCE, **AS_SUPPLEMENT)

    await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    assert words(again) == ["unchanged"]
    assert state_of(hub) == "processing"
    hub.restart()
    assert state_of(hub) == "processing"


async def test_a_packet_sent_again_is_a_repetition_also_round_a_parked_record(hub: Door) -> None:
    packet = (line(CODE, state="processing"), line(CODE, word=WORD), line(CODE, word="la", row={"at": NOON}))
    first = await hub.send(PROVINCE, *packet)
    assert words(first) == ["applied", "parked", "parked"]

    again = await hub.send(PROVINCE, *packet)

    assert words(again) == ["duplicate"] * 3
    assert len(parked_places(hub)) == 2


async def test_sent_again_once_it_can_be_read_it_is_news_and_after_that_a_repetition(hub: Door) -> None:
    packet = line(CODE, state="processing"), line(CODE, word=WORD, updating=True)
    parked = await hub.send(PROVINCE, *packet)
    hub.map_words(PROVINCE, **AS_SUPPLEMENT)

    assert words(await hub.send(PROVINCE, packet[1])) == ["applied"]
    assert words(await hub.send(PROVINCE, packet[1])) == ["duplicate"]

    await hub.reception.reinterpret(parked.position, 1, by="van-hanh")
    assert words(await hub.send(PROVINCE, packet[1])) == ["duplicate"]
    assert state_of(hub) == "supplement_requested"


async def test_a_dossier_whose_creation_was_parked_does_not_exist_for_its_sender_yet(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, word=WORD, updating=False))

    mended = await hub.send(PROVINCE, line(CODE, state="received", updating=False))

    assert words(mended) == ["applied"]


async def test_while_the_word_is_unmapped_the_operator_is_told_and_nothing_is_appended(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    before = hub.ledger.placed

    with pytest.raises(MessageRefused) as caught:
        await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    assert caught.value.code == "park.status_unmapped"
    assert hub.ledger.placed == before


async def test_a_record_that_does_not_stand_today_is_not_taken(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD, agency="H98"))
    hub.map_words(PROVINCE, **AS_PROCESSING)
    before = hub.ledger.placed

    with pytest.raises(MessageRefused) as caught:
        await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    assert caught.value.code == "intake.agency_forbidden"
    assert hub.ledger.placed == before


async def test_asked_twice_it_has_one_effect_also_at_once_and_after_a_restart(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD), line(OTHER, word=WORD))
    hub.map_words(PROVINCE, **AS_PROCESSING)

    answers = await asyncio.gather(*[hub.reception.reinterpret(parked.position, 0, by="x") for _ in range(3)])

    assert sorted(answer.state for answer in answers) == ["applied", "duplicate", "duplicate"]
    before = hub.ledger.placed
    hub.restart()
    assert (await hub.reception.reinterpret(parked.position, 0, by="x")).state == "duplicate"
    assert hub.ledger.placed == before
    assert (await hub.reception.reinterpret(parked.position, 1, by="x")).state == "applied"


@pytest.mark.parametrize(("ahead", "item"), [(0, 0), (0, 7), (1, 0), (900, 0)])
async def test_only_what_is_parked_can_be_read_again(hub: Door, ahead: int, item: int) -> None:
    sent = await hub.send(PROVINCE, line(CODE, state="received"), line(OTHER, word=WORD))

    with pytest.raises(MessageRefused) as caught:
        await hub.reception.reinterpret(sent.position + ahead, item, by="van-hanh")

    assert caught.value.code == "query.not_found"


async def test_a_party_that_is_no_longer_connected_can_not_be_understood(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    del hub.parties[PROVINCE.id]
    hub.restart()

    with pytest.raises(MessageRefused, match=r"query\.not_found"):
        await hub.reception.reinterpret(parked.position, 0, by="van-hanh")


async def test_an_erased_record_stays_erased(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    stream = hub.dossiers.find("n:" + CODE) or hub.ledger.read(parked.position, 1)[0].stream
    hub.map_words(PROVINCE, **AS_PROCESSING)
    hub.ledger.destroy_key(stream)

    with pytest.raises(HubError, match=r"vault\.erased"):
        await hub.reception.reinterpret(parked.position, 0, by="van-hanh")


async def test_questions_after_it_are_judged_again(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, state="processing"))
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    questioned = await hub.send(PROVINCE, line(CODE, state="received"))
    assert words(questioned) == ["questioned"]
    hub.map_words(PROVINCE, **AS_SUPPLEMENT)

    await hub.reception.reinterpret(parked.position, 0, by="van-hanh")

    dossier = hub.dossiers.by_code(CODE)
    assert dossier is not None
    assert (dossier.state, dossier.open) == ("received", [])


async def test_a_dismissed_record_stays_on_the_log_with_who_and_why(hub: Door) -> None:
    parked = await hub.send(PROVINCE, line(CODE, word=WORD))
    position = parked.records[0].position or 0

    assert await hub.reception.dismiss(position, by="van-hanh", note="gửi thử nghiệm")
    assert not await hub.reception.dismiss(position, by="van-hanh", note="lần nữa")

    (act,) = [entry.event for entry in hub.ledger.read(0, 99) if isinstance(entry.event, RecordDismissed)]
    assert (act.parked, act.message, act.item, act.by, act.note) == (
        position,
        parked.position,
        0,
        "van-hanh",
        "gửi thử nghiệm",
    )
    with pytest.raises(MessageRefused, match=r"query\.not_found"):
        await hub.reception.dismiss(parked.position, by="van-hanh", note="không phải hồ sơ chờ")


async def test_views_list_what_waits_and_a_rebuild_lists_the_same(hub: Door) -> None:
    views = views_of(hub)
    await hub.send(PROVINCE, line(CODE, state="received"), line(CODE, word=WORD), line(CODE, word="khac"))
    await hub.send(PORTAL, line(OTHER, word="la"))
    await views.catch_up()

    waits = views.parked()
    assert [(one.kind, one.party, one.code, one.word, one.item) for one in waits] == [
        ("record", PROVINCE.id, "park.status_unmapped", WORD, 1),
        ("record", PROVINCE.id, "park.status_unmapped", "khac", 2),
        ("record", PORTAL.id, "park.status_unmapped", "la", 0),
    ]
    assert [one.party for one in views.parked(PORTAL.id)] == [PORTAL.id]
    assert views.parked_record(waits[0].position) == waits[0]
    assert views.parked_record(1) is None
    gauge = waiting((PROVINCE.id, PORTAL.id, "khong-co-gi"), views.parked_counts)
    assert gauge() == {(PROVINCE.id,): 2.0, (PORTAL.id,): 1.0, ("khong-co-gi",): 0.0}

    hub.map_words(PROVINCE, **AS_SUPPLEMENT)
    live = views_of(hub)
    await live.catch_up()
    await hub.reception.reinterpret(waits[0].message, waits[0].item, by="van-hanh")
    await live.catch_up()
    await hub.reception.dismiss(waits[1].position, by="van-hanh", note="bỏ")
    await live.catch_up()

    assert [one.word for one in live.parked()] == ["la"]
    rebuilt = views_of(hub)
    await rebuilt.catch_up()
    assert rebuilt.content() == live.content()
    live.forget(waits[2].stream)
    assert live.parked() == []
