"""The door for messages: what is answered, what is on the log, and that the two agree."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import MessageRefused, Overloaded
from contracts.picture import Due
from contracts.ports import Admitted
from hub.parties import Party
from hub.reception import LARGE_BYTES, PACE_DOSSIERS, PACE_TURNS
from ledger.events import (
    ConflictDetected,
    Event,
    FactRecorded,
    MessageAccepted,
    RecordParked,
)
from ledger.events import MessageRefused as RefusalRecorded
from ledger.unit import NewEvent, Standing, Unit
from tests.hub.little_hub import CODE, EVERYONE, MINISTRY, NOON, OTHER_PROVINCE, PORTAL, PROVINCE
from tests.hub.plain_message import Door, door, line

OTHER_CODE = "000.00.01.H99-260101-0002"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Door]:
    with door(tmp_path) as opened:
        yield opened


def words(admitted: Admitted) -> list[str]:
    return [record.state for record in admitted.records]


async def test_an_answered_message_is_durable_with_every_position_it_names(hub: Door) -> None:
    admitted = await hub.send(PROVINCE, line(CODE, state="received", values={"phone": "0900000001"}))

    assert hub.ledger.committed >= admitted.position
    accepted = hub.event(admitted.position)
    assert isinstance(accepted, MessageAccepted)
    assert accepted.message_id == admitted.message_id
    assert accepted.items[0].position == admitted.records[0].position == admitted.position + 2
    entry = hub.ledger.read(admitted.position + 1, 1)[0]
    assert admitted.records[0].leaf_hash == entry.leaf_hash.hex()
    assert isinstance(entry.event, FactRecorded)
    assert entry.event.message == admitted.position
    assert hub.ledger.raw_message(admitted.position) == line(CODE, state="received", values={"phone": "0900000001"})
    assert [position for position, _, _ in hub.heard] == [admitted.position + 1, admitted.position + 2]


async def test_one_bad_record_never_holds_up_the_good_ones(hub: Door) -> None:
    admitted = await hub.send(
        PROVINCE,
        line(CODE, state="received"),
        line(OTHER_CODE, refuse="read.missing"),
        line("000.00.01.H99-260101-0003", park="park.status_unmapped"),
        line("000.00.01.H98-260101-0004", agency="H98"),
    )

    assert words(admitted) == ["applied", "refused", "parked", "refused"]
    assert [record.index for record in admitted.records] == [0, 1, 2, 3]
    assert admitted.records[1].errors[0].code == "read.missing"
    assert admitted.records[3].errors[0].code == "intake.agency_forbidden"
    accepted = hub.event(admitted.position)
    assert isinstance(accepted, MessageAccepted)
    assert [item.index for item in accepted.refused] == [1, 3]
    assert [item.state for item in accepted.items] == ["applied", "parked"]
    parked = hub.event(admitted.records[2].position or 0)
    assert isinstance(parked, RecordParked)
    assert (parked.word, parked.dossier) == ("lạ", "000.00.01.H99-260101-0003")


async def test_records_of_one_dossier_in_a_packet_see_each_other(hub: Door) -> None:
    admitted = await hub.send(
        PROVINCE,
        line(CODE, state="received", values={"phone": "0900000001"}),
        line(CODE, state="processing", values={"phone": "0900000001"}),
        line(CODE, row={"at": NOON}, state="processing"),
        line(CODE, row={"at": NOON}, state="processing"),
    )

    assert words(admitted) == ["applied", "applied", "applied", "duplicate"]
    state = hub.dossiers.by_code(CODE)
    assert state is not None
    assert (state.state, len(state.steps), len(state.told)) == ("processing", 1, 4)


async def test_a_packet_sent_again_after_a_new_login_adds_nothing(hub: Door) -> None:
    packet = (line(CODE, state="processing"), line(CODE, state="supplement_requested"), line(CODE, row={"at": NOON}))
    await hub.send(PROVINCE, b"#session-1\n", *packet)
    before = hub.dossiers.by_code(CODE)
    assert before is not None

    again = await hub.send(PROVINCE, b"#session-2\n", *packet)

    assert words(again) == ["duplicate"] * 3
    assert all(record.position and record.leaf_hash for record in again.records)
    after = hub.dossiers.by_code(CODE)
    assert after is not None
    assert after.head == before.head


async def test_duplicates_are_known_after_a_restart(hub: Door) -> None:
    packet = (line(CODE, state="processing"), line(CODE, row={"at": NOON}), line(OTHER_CODE, park="park.code_unmapped"))
    first = await hub.send(PROVINCE, *packet)
    hub.restart()

    again = await hub.send(PROVINCE, *packet)

    assert words(again) == ["duplicate"] * 3
    assert [record.leaf_hash for record in again.records[1:]] == [record.leaf_hash for record in first.records[1:]]


async def test_the_same_id_and_content_gets_the_first_receipt_again(hub: Door) -> None:
    first = await hub.send(
        PROVINCE, b"#s1\n", line(CODE, state="received"), line(OTHER_CODE, refuse="read.missing"), source_id="k1"
    )

    again = await hub.send(
        PROVINCE, b"#s2\n", line(CODE, state="received"), line(OTHER_CODE, refuse="read.missing"), source_id="k1"
    )

    assert again.duplicate
    assert (again.message_id, again.position, again.accepted_at) == (
        first.message_id,
        first.position,
        first.accepted_at,
    )
    assert [(r.index, r.code, r.state, r.position, r.leaf_hash) for r in again.records] == [
        (r.index, r.code, r.state, r.position, r.leaf_hash) for r in first.records
    ]


async def test_a_duplicate_of_something_in_flight_waits_for_its_commit(hub: Door) -> None:
    sent = [hub.send(PROVINCE, line(CODE, state="received"), source_id="k1") for _ in range(3)]

    answers = await asyncio.gather(*sent)

    assert sorted(answer.duplicate for answer in answers) == [False, True, True]
    assert len({answer.position for answer in answers}) == 1


async def test_the_same_id_with_other_content_is_a_conflict_and_both_are_kept(hub: Door) -> None:
    first = await hub.send(PROVINCE, line(CODE, state="received"), source_id="k1")

    with pytest.raises(MessageRefused) as caught:
        await hub.send(PROVINCE, line(CODE, state="processing"), source_id="k1")

    assert caught.value.code == "intake.conflict"
    conflict = hub.event(hub.ledger.committed)
    assert isinstance(conflict, ConflictDetected)
    assert conflict.first_position == first.position
    assert hub.ledger.raw_message(hub.ledger.committed) == line(CODE, state="processing")
    assert (await hub.send(MINISTRY, line(CODE, state="processing"), source_id="k1")).duplicate is False


async def test_creating_what_was_taken_before_is_refused_as_existing(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, row={"at": NOON - 10**12}, state="submitted"))
    assert words(await hub.send(PROVINCE, line(CODE, updating=False, state="received"))) == ["applied"]
    assert words(await hub.send(PROVINCE, line(CODE, updating=False, state="received"))) == ["duplicate"]

    refused = await hub.send(PROVINCE, line(CODE, updating=False, state="processing"))

    assert [error.code for error in refused.records[0].errors] == ["intake.exists"]
    assert words(await hub.send(PROVINCE, line(CODE, updating=True, state="processing"))) == ["applied"]


async def test_a_message_of_which_nothing_stood_is_recorded_as_refused_and_its_id_stays_free(hub: Door) -> None:
    refused = await hub.send(PROVINCE, line(CODE, refuse="read.missing"), source_id="k1")

    assert words(refused) == ["refused"]
    recorded = hub.event(refused.position)
    assert isinstance(recorded, RefusalRecorded)
    assert [error.code for error in recorded.errors] == ["read.missing"]
    assert words(await hub.send(PROVINCE, line(CODE, state="received"), source_id="k1")) == ["applied"]


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "intake.empty"), (b"{", "read.not_json"), (b"x" * 100_000, "read.not_json")]
)
async def test_an_unreadable_message_is_refused_after_its_beginning_is_kept(hub: Door, body: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        await hub.send(PROVINCE, body)

    assert caught.value.code == code
    recorded = hub.event(hub.ledger.committed)
    assert isinstance(recorded, RefusalRecorded)
    assert recorded.body_bytes == len(body)


async def test_an_envelope_for_a_foreign_agency_is_refused_whole(hub: Door) -> None:
    with pytest.raises(MessageRefused) as caught:
        await hub.send(PROVINCE, line(CODE), agency="H98.1")

    assert caught.value.code == "intake.agency_forbidden"
    assert words(await hub.send(PROVINCE, line(CODE), agency="H98.1", agencies=("H98",))) == ["applied"]


async def test_nothing_is_recorded_for_whoever_may_not_send(tmp_path: Path) -> None:
    locked = replace(PROVINCE, enabled=False)
    with door(tmp_path, parties=(PORTAL, locked)) as hub:
        before = hub.ledger.placed
        for party, code in ((locked, "intake.party_disabled"), (MINISTRY, "transport.forbidden")):
            with pytest.raises(MessageRefused) as caught:
                await hub.send(party, line(CODE))
            assert caught.value.code == code
        assert hub.ledger.placed == before


async def test_a_party_beyond_its_quota_waits_and_nothing_is_kept(tmp_path: Path) -> None:
    slow = replace(PROVINCE, quota_per_s=0.5, quota_burst=2)
    with door(tmp_path, parties=(PORTAL, slow)) as hub:
        await hub.send(slow, line(CODE), line(OTHER_CODE))
        before = hub.ledger.placed

        with pytest.raises(Overloaded) as caught:
            await hub.send(slow, line(CODE, state="received"))

        assert caught.value.code == "hub.quota"
        assert 0 < caught.value.retry_after_s <= 2.0
        assert hub.ledger.placed == before


async def test_codes_that_are_no_national_form_belong_to_their_party(hub: Door) -> None:
    await hub.send(PROVINCE, line("12/2026/0001", local=True, state="received"))
    await hub.send(OTHER_PROVINCE, line("12/2026/0001", local=True, state="finished"))

    one = hub.dossiers.by_code("12/2026/0001", ("tinh-mau",))
    other = hub.dossiers.by_code("12/2026/0001", ("tinh-khac",))

    assert one is not None
    assert other is not None
    assert (one.state, other.state) == ("received", "finished")
    assert hub.dossiers.by_code("12/2026/0001") is None


async def test_a_code_we_delivered_to_a_party_means_that_dossier(tmp_path: Path) -> None:
    with door(tmp_path, told=("tinh-mau",)) as hub:
        await hub.send(MINISTRY, line("LT-2026-1", local=True, values={"subject": "Khai sinh"}))
        state = hub.dossiers.by_code("LT-2026-1", ("bo-mau",))
        assert state is not None
        stood = Standing(stream=state.stream, target="tinh-mau", through=state.head)
        target = hub.ledger.named_stream("target", "tinh-mau")
        assert target
        await confirm(hub, stood)

        answer = await hub.send(
            PROVINCE, line("LT-2026-1", local=True, values={"subject": "Khai sinh"}, state="received")
        )

        assert words(answer) == ["applied"]
        after = hub.dossiers.by_code("LT-2026-1", ("tinh-mau",))
        assert after is not None
        assert (after.stream, after.state, after.origin, after.holder) == (
            state.stream,
            "received",
            "bo-mau",
            "tinh-mau",
        )


async def confirm(hub: Door, standing: Standing) -> None:
    """Put a confirmed delivery on the log."""
    from ledger.events import SyncConfirmed

    event = SyncConfirmed(target=standing.target, service="", updating=False, items=(), sent_at=NOON, confirmed_at=NOON)
    unit = Unit(
        events=(NewEvent(stream=hub.ledger.named_stream("target", standing.target), event=event),),
        standings=(standing,),
    )
    await hub.ledger.durable(hub.ledger.submit(unit).positions[0])


async def test_an_echo_leaves_no_event_and_confirms_what_was_under_way(hub: Door) -> None:
    await hub.send(PORTAL, line(CODE, values={"phone": "0900000001"}))
    await hub.send(PROVINCE, line(CODE, values={"phone": "0900000001"}, state="processing"))
    state = hub.dossiers.by_code(CODE)
    assert state is not None
    hub.under_way["cong", state.stream] = Due(picture=state.picture(), code=CODE, record=True, steps=(), known=True)

    echo = await hub.send(PORTAL, line(CODE, values={"phone": "0900000001"}, state="processing"))

    assert words(echo) == ["echo"]
    assert echo.records[0].position == state.head
    assert hub.ledger.standings(state.stream)["cong"].through == state.head
    assert hub.ledger.placed == echo.position


async def test_a_row_told_back_need_not_be_sent(hub: Door) -> None:
    await hub.send(PORTAL, line(CODE))
    told = await hub.send(PROVINCE, line(CODE, row={"at": NOON, "content": "Thẩm định"}))

    echo = await hub.send(PORTAL, line(CODE, row={"at": NOON, "content": "Thẩm định"}))

    assert words(echo) == ["echo"]
    state = hub.dossiers.by_code(CODE)
    assert state is not None
    assert hub.dossiers.standing(state.stream, "cong").rows == (told.records[0].position,)


async def test_two_dossiers_that_turn_out_to_be_one_are_led_by_the_older(hub: Door) -> None:
    await hub.send(PROVINCE, line(CODE, values={"phone": "0900000001"}, state="received"))
    await hub.send(PROVINCE, line("BN-7", local=True, values={"subject": "Khai sinh"}, state="processing"))
    older = hub.dossiers.by_code(CODE)
    younger = hub.dossiers.by_code("BN-7", ("tinh-mau",))
    assert older is not None
    assert younger is not None

    joined = await hub.send(PROVINCE, line("BN-7", local=True, state="finished", aliases=[CODE]))

    assert words(joined) == ["applied"]
    for _ in range(2):
        lead, led = hub.dossiers.state(older.stream), hub.dossiers.state(younger.stream)
        assert (lead.state, lead.lead, led.lead) == ("finished", b"", older.stream)
        assert lead.values == {"phone": "0900000001", "subject": "Khai sinh"}
        assert hub.dossiers.by_code("BN-7", ("tinh-mau",)) is lead
        hub.restart()
    assert words(await hub.send(PROVINCE, line("BN-7", local=True, state="handed_over"))) == ["applied"]
    assert hub.dossiers.state(older.stream).state == "handed_over"


async def test_what_happens_is_observed(hub: Door) -> None:
    class Watch:
        accepted: list[tuple[str, str, int]] = []  # noqa: RUF012  # one test's own
        refused: list[tuple[str, str]] = []  # noqa: RUF012  # as above

        def on_accepted(self, party: Party, service: str, admitted: Admitted, events: Sequence[Event]) -> None:
            self.accepted.append((party.id, service, len(events)))

        def on_refused(self, party: str, code: str) -> None:
            self.refused.append((party, code))

    watch = Watch()
    hub.observe(watch)
    await hub.send(PROVINCE, line(CODE, state="received"))
    with pytest.raises(MessageRefused):
        await hub.send(PROVINCE, b"{")

    assert watch.accepted == [("tinh-mau", "lines", 2)]
    assert watch.refused == [("tinh-mau", "read.not_json")]


async def test_dossiers_live_equal_dossiers_folded_again(hub: Door) -> None:
    for number in range(40):
        code = f"000.00.01.H99-260101-{number % 7:04}"
        party = EVERYONE[number % 4]
        state = ("received", "processing", "supplement_requested", "finished")[number % 4]
        await hub.send(party, line(code, values={"phone": f"09{number:08}"}, state=state))
        await hub.send(
            party, line(code, row={"at": NOON + number * 1_000_000, "content": str(number % 11)}, state=state)
        )
    live = {number: hub.dossiers.by_code(f"000.00.01.H99-260101-{number:04}") for number in range(7)}
    hub.restart()

    for number, before in live.items():
        after = hub.dossiers.by_code(f"000.00.01.H99-260101-{number:04}")
        assert before is not None
        assert after is not None
        assert after.picture() == before.picture()
        assert (after.told, after.open, after.leaves, after.rows) == (
            before.told,
            before.open,
            before.leaves,
            before.rows,
        )


async def test_a_large_message_waits_until_delivery_caught_up_and_a_small_one_does_not(hub: Door) -> None:
    asked: list[int] = []

    def catching_up() -> int:
        asked.append(PACE_DOSSIERS * 4 // (len(asked) + 1))
        return asked[-1]

    hub.behind = catching_up
    await hub.send(PROVINCE, line(CODE, state="received"))
    assert asked == []

    await hub.send(PROVINCE, line(CODE, values={"remark": "m" * LARGE_BYTES}))

    assert asked == [4_000, 2_000, 1_333, 1_000]


async def test_a_target_that_never_catches_up_holds_no_sender_up_for_long(hub: Door) -> None:
    asked: list[int] = []

    def stuck() -> int:
        asked.append(1)
        return PACE_DOSSIERS * 1_000

    hub.behind = stuck

    admitted = await hub.send(PROVINCE, line(CODE, values={"remark": "m" * LARGE_BYTES}))

    assert words(admitted) == ["applied"]
    assert len(asked) == PACE_TURNS
