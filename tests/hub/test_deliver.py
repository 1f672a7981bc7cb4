"""Delivery on a real ledger: nothing lost, nothing doubled without saying so, nobody held up by another."""

import asyncio
from pathlib import Path

import pytest

from contracts.delivery import Verdict
from contracts.errors import Misconfigured, Overloaded
from contracts.ports import Profile
from hub.deliver import Limits, Target
from hub.lanes.backoff import Patience
from ledger.events import SyncConfirmed, SyncParked, SyncRequeued
from ledger.unit import Placed, Unit
from tests.hub.deliver_world import OTHER, SOURCE, TARGET, Desk, PlainFormat, World, running, settled, until

CODES = [f"H99.01-260101-{number:04d}" for number in range(100)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_packet_of_a_hundred_is_one_batch_per_lane_and_all_of_it_arrives(world: World) -> None:
    desk = Desk()
    world.tell(*CODES, rows=["Tiếp nhận", "Thẩm định"])
    world.ledger.flush()
    async with running(world.delivery(desk)) as delivery:
        await settled(world, delivery)
    assert desk.records == dict.fromkeys(CODES, "Đề nghị mẫu")
    assert desk.rows == {code: ["Tiếp nhận", "Thẩm định"] for code in CODES}
    assert world.parked() == {}


async def test_a_record_is_confirmed_before_its_rows_are_sent(world: World) -> None:
    desk = Desk()
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", rows=["một"])
        await settled(world, delivery)
    services = [(event.service, event.items[0].rows != ()) for event in world.events(SyncConfirmed)]
    assert services == [("record", False), ("rows", True)]


async def test_ten_changes_of_a_waiting_dossier_are_one_delivery(world: World) -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", subject="0")
        await until(lambda: desk.now_sending == 1)
        for number in range(1, 11):
            world.tell("A", subject=str(number))
        await asyncio.sleep(0.01)
        desk.gate.set()
        await settled(world, delivery)
    assert desk.records == {"A": "10"}
    assert len(desk.batches) == 2


async def test_an_outcome_says_what_was_sent_by_a_salted_commitment_and_moves_the_cursor(world: World) -> None:
    desk = Desk()
    async with running(world.delivery(desk)) as delivery:
        through = world.tell("A", "B")
        await settled(world, delivery)
    (event,) = world.events(SyncConfirmed)
    assert len({item.commitment for item in event.items}) == 2
    assert all(len(item.commitment) == 64 and not item.doubt for item in event.items)
    assert event.complete_through == through
    assert world.ledger.cursor(TARGET) == through


async def test_busy_is_tried_again_until_it_is_done(world: World) -> None:
    desk = Desk()
    desk.plan.extend(["retry", "retry", None])
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    assert desk.records == {"A": "Đề nghị mẫu"}
    assert [event.verdict for event in world.refusals()] == ["retry", "retry"]
    assert [event.attempt for event in world.refusals()] == [1, 2]


async def test_what_exists_goes_again_as_an_update_and_the_others_of_the_batch_go_as_they_are(world: World) -> None:
    desk = Desk()
    desk.records["B"] = "cũ"
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", "B", "C")
        await settled(world, delivery)
    assert desk.records == dict.fromkeys(["A", "B", "C"], "Đề nghị mẫu")


async def test_rows_of_a_dossier_that_is_missing_there_go_after_its_record(world: World) -> None:
    desk = Desk()
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", rows=["một"])
        await settled(world, delivery)
        del desk.records["A"]
        world.tell("A", subject="", rows=["hai"])
        await settled(world, delivery)
    assert desk.records == {"A": "Đề nghị mẫu"}
    assert desk.rows == {"A": ["một", "hai"]}


async def test_bisection_finds_the_one_bad_record_of_a_hundred_and_parks_it_alone(world: World) -> None:
    desk = Desk()
    desk.poison.add(CODES[37])
    async with running(world.delivery(desk)) as delivery:
        world.tell(*CODES)
        await settled(world, delivery)
    assert world.parked() == {CODES[37]: "park.target_refused"}
    assert sorted(desk.records) == [code for code in CODES if code != CODES[37]]
    assert len(desk.batches) <= 2 + 2 * 7
    standing = world.standing(CODES[37])
    assert standing is not None
    assert standing.parked == "park.target_refused"


async def test_a_parked_dossier_does_not_hold_up_others_nor_the_cursor(world: World) -> None:
    desk = Desk()
    desk.poison.add("A")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
        through = world.tell("B")
        await settled(world, delivery)
    assert desk.records == {"B": "Đề nghị mẫu"}
    assert world.ledger.cursor(TARGET) == through


async def test_a_parked_dossier_goes_again_when_a_person_puts_it_back(world: World) -> None:
    desk = Desk()
    desk.poison.add("A")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
        desk.poison.clear()
        assert await delivery.requeue(TARGET, world.stream("A"), by="vận hành", note="đã sửa")
        await settled(world, delivery)
        assert not await delivery.requeue(TARGET, world.stream("A"), by="vận hành")
        assert not await delivery.requeue("không có", world.stream("A"), by="vận hành")
    assert desk.records == {"A": "Đề nghị mẫu"}
    assert [(event.by, event.note) for event in world.events(SyncRequeued)] == [("vận hành", "đã sửa")]


async def test_what_a_target_demands_and_nobody_said_parks_once_and_resumes_when_it_is_said(world: World) -> None:
    desk, format_ = Desk(), PlainFormat(needs="phone")
    async with running(world.delivery(desk, format_=format_)) as delivery:
        world.tell("A", subject="x")
        await settled(world, delivery)
        world.tell("A", subject="y")
        await settled(world, delivery)
        assert world.parked() == {"A": "park.missing_for_target"}
        format_.needs = ""
        world.tell("A", subject="z")
        await settled(world, delivery)
    assert desk.records == {"A": "z"}
    assert [event.detail for event in world.events(SyncParked)] == ["phone"]
    assert len(world.events(SyncRequeued)) == 1


async def test_rows_without_any_record_park_and_go_after_the_record_once_somebody_tells_it(world: World) -> None:
    desk, format_ = Desk(), PlainFormat(needs="subject")
    async with running(world.delivery(desk, format_=format_)) as delivery:
        world.tell("A", subject="", rows=["một"])
        await settled(world, delivery)
        assert world.parked() == {"A": "park.missing_for_target"}
        world.tell("A", subject="muộn", rows=["hai"])
        await settled(world, delivery)
    assert desk.records == {"A": "muộn"}
    assert desk.rows == {"A": ["một", "hai"]}


async def test_a_cut_before_the_target_took_it_is_asked_about_and_sent_without_doubt(world: World) -> None:
    desk = Desk()
    desk.plan.append("cut-before")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    assert desk.asked == ["A"]
    (event,) = world.events(SyncConfirmed)
    assert not event.items[0].doubt


async def test_a_record_that_the_target_repeats_word_for_word_is_confirmed_by_asking(world: World) -> None:
    desk = Desk(tells_record=True)
    desk.plan.append("cut-after")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", "B")
        await settled(world, delivery)
    assert desk.batches == [["A", "B"]]
    assert [event.phrase for event in world.events(SyncConfirmed)] == ["asked", "asked"]
    assert world.confirmed() == {"A": 1, "B": 1}


async def test_rows_that_the_target_tells_are_confirmed_and_only_the_others_are_sent(world: World) -> None:
    desk = Desk()
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
        desk.plan.append("cut-before")
        world.tell("A", subject="", rows=["một", "hai"])
        steps = world.dossiers.state(world.stream("A")).picture().steps
        desk.digests["A"] = [steps[0].digest]
        desk.rows["A"] = ["một"]
        await settled(world, delivery)
    assert desk.rows == {"A": ["một", "hai"]}
    standing = world.standing("A")
    assert standing is not None
    assert standing.rows == tuple(step.position for step in steps)


async def test_what_the_target_asserts_meanwhile_confirms_a_delivery_we_did_not_learn_about(world: World) -> None:
    desk = Desk(askable=False)
    desk.plan.append("cut-after")
    patience = Patience(first_s=0.05, longest_s=0.05)
    limits = Limits(linger_s=0.0, circuit_after=1, patience=patience)
    async with running(world.delivery(desk, limits=limits)) as delivery:
        through = world.tell("A")
        await until(lambda: bool(world.refusals()))
        due = delivery.under_way(TARGET, world.stream("A"))
        assert due is not None
        assert due.picture.position == through
        world.assert_standing("A", through)
        await settled(world, delivery)
    assert [event.phrase for event in world.events(SyncConfirmed)] == ["asserted"]
    assert desk.batches == [["A"]]


async def test_rows_cut_after_they_arrived_double_only_where_the_log_doubts(world: World) -> None:
    desk = Desk(tells_rows=False)
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
        desk.plan.append("cut-after")
        world.tell("A", subject="", rows=["một"])
        await settled(world, delivery)
    assert desk.rows == {"A": ["một", "một"]}
    assert [item.doubt for event in world.events(SyncConfirmed) for item in event.items] == [False, True]


async def test_a_target_that_can_not_be_asked_gets_it_once_more_with_doubt(world: World) -> None:
    desk = Desk(askable=False)
    desk.plan.append("cut-before")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    (event,) = world.events(SyncConfirmed)
    assert event.items[0].doubt
    assert desk.records == {"A": "Đề nghị mẫu"}


async def test_a_client_that_breaks_is_an_outcome_we_did_not_learn(world: World) -> None:
    desk = Desk()
    desk.plan.append("crash")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A")
        await settled(world, delivery)
    assert [(event.verdict, event.phrase) for event in world.refusals()] == [("unknown", "hub.internal")]
    assert desk.records == {"A": "Đề nghị mẫu"}


async def test_a_mapping_that_breaks_on_one_dossier_parks_that_one(world: World) -> None:
    desk, format_ = Desk(), PlainFormat()
    format_.breaks_on = "B"
    async with running(world.delivery(desk, format_=format_)) as delivery:
        world.tell("A", "B", "C")
        await settled(world, delivery)
    assert world.parked() == {"B": "hub.internal"}
    assert sorted(desk.records) == ["A", "C"]


async def test_a_target_that_is_down_holds_up_only_itself_and_gets_everything_when_it_is_back(world: World) -> None:
    dead, alive = Desk(), Desk()
    dead.down = True
    other = Target(party=OTHER, adapter=PlainFormat(), profile=Profile(), remotes=(alive,))
    async with running(world.delivery(dead, others=[other])) as delivery:
        for code in CODES:
            world.tell(code)
        await until(lambda: len(alive.records) == len(CODES))
        await until(lambda: len(dead.batches) > 4)
        (down, _) = delivery.status()
        assert (down.target, down.down, down.pending) == (TARGET, True, len(CODES))
        dead.down = False
        await settled(world, delivery)
    assert sorted(dead.records) == CODES
    assert world.parked() == {}


async def test_a_record_that_makes_the_target_sick_is_isolated_and_parks_when_its_tries_are_spent(world: World) -> None:
    desk = Desk()
    desk.sickening.add(CODES[5])
    async with running(world.delivery(desk, patience=Patience(first_s=0.001, longest_s=0.004, limit=12))) as delivery:
        world.tell(*CODES)
        await until(lambda: len(desk.records) == len(CODES) - 1)
        world.tell("còn nữa")
        await until(lambda: "còn nữa" in desk.records)
        while delivery.pending()[TARGET]:
            world.tell("khác", subject=str(len(desk.batches)))
            await asyncio.sleep(0.005)
    assert world.parked() == {CODES[5]: "sync.retries_exhausted"}


async def test_several_remotes_send_different_dossiers_at_once(world: World) -> None:
    first, second = Desk(), Desk()
    second.records, second.rows = first.records, first.rows
    first.gate = second.gate = asyncio.Event()
    limits = Limits(batch_records=10, linger_s=0.0)
    async with running(world.delivery(first, second, limits=limits)) as delivery:
        world.tell(*CODES[:20])
        await until(lambda: first.now_sending == 1 and second.now_sending == 1)
        first.gate.set()
        await settled(world, delivery)
    assert not {code for batch in first.batches for code in batch} & {
        code for batch in second.batches for code in batch
    }
    assert first.most_sending == second.most_sending == 1
    assert sorted(first.records) == CODES[:20]


async def test_a_target_that_keeps_insisting_ends_in_a_dispute_that_a_person_may_overrule(world: World) -> None:
    desk = Desk()
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", subject="đúng")
        await settled(world, delivery)
        for _ in range(6):
            world.insist("A", "sai")
            await settled(world, delivery)
        assert world.parked() == {"A": "sync.disputed"}
        corrections = world.confirmed()["A"] - 1
        assert corrections == 3
        assert await delivery.requeue(TARGET, world.stream("A"), by="vận hành", note="gửi lại")
        await settled(world, delivery)
    assert world.confirmed()["A"] == corrections + 2


async def test_a_slow_target_keeps_no_more_open_dossiers_than_the_high_water_mark(world: World) -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    for start in range(0, 3000, 100):
        world.tell(*[f"X{number}" for number in range(start, start + 100)])
    world.ledger.flush()
    limits = Limits(linger_s=0.0, high_water=500)
    async with running(world.delivery(desk, limits=limits)) as delivery:
        await until(lambda: desk.now_sending == 1)
        await asyncio.sleep(0.02)
        assert delivery.pending()[TARGET] <= 500 + 256
        desk.gate.set()
        await settled(world, delivery)
    assert len(desk.records) == 3000


async def test_an_outcome_waits_for_room_in_the_ledger_and_nothing_is_sent_twice_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, second = Desk(), Desk()
    second.records, second.rows = desk.records, desk.rows
    submit = world.ledger.submit
    turned_away: list[Unit] = []

    def crowded(unit: Unit, **how: bool) -> Placed:
        if isinstance(unit.events[0].event, SyncConfirmed) and len(turned_away) < 3:
            turned_away.append(unit)
            raise Overloaded(retry_after_s=0.005)
        return submit(unit, **how)

    async with running(world.delivery(desk, second)) as delivery:
        monkeypatch.setattr(world.ledger, "submit", crowded)
        world.tell("A", rows=["một"])
        await until(lambda: len(turned_away) == 1)
        world.tell("A", subject="mới")
        await settled(world, delivery)
    assert len(turned_away) == 3
    assert desk.rows == {"A": ["một"]}
    assert desk.records == {"A": "mới"}


class Notes:
    """A watcher that writes everything down."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str, int]] = []
        self.routes: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self.codes: list[tuple[str, str]] = []
        self.faults: list[tuple[str, str, str]] = []

    def attempted(self, target: str, verdict: Verdict, dossiers: int, seconds: float) -> None:
        self.attempts.append((target, verdict, dossiers))

    def confirmed(self, source: str, target: str, seconds: float) -> None:
        self.routes.append((source, target))
        self.seconds.append(seconds)

    def parked(self, target: str, code: str) -> None:
        self.codes.append((target, code))

    def failed(self, target: str, stage: str, error: Exception) -> None:
        self.faults.append((target, stage, type(error).__name__))


async def test_operations_see_attempts_latencies_per_route_parked_dossiers_and_faults(world: World) -> None:
    desk, format_, notes = Desk(), PlainFormat(), Notes()
    desk.poison.add("B")
    format_.breaks_on = "C"
    async with running(world.delivery(desk, format_=format_, watcher=notes)) as delivery:
        world.tell("A", "B", "C")
        await settled(world, delivery)
    assert notes.attempts == [(TARGET, "permanent", 2), (TARGET, "done", 1), (TARGET, "permanent", 1)]
    assert notes.routes == [(SOURCE, TARGET)]
    assert all(0 <= seconds < 60 for seconds in notes.seconds)
    assert notes.codes == [(TARGET, "hub.internal"), (TARGET, "park.target_refused")]
    assert notes.faults == [(TARGET, "render", "RuntimeError")]


async def test_a_target_needs_a_remote_and_only_one_lane(world: World) -> None:
    with pytest.raises(Misconfigured, match=r"config\.invalid"):
        world.delivery()
    twin = Target(party=TARGET, adapter=PlainFormat(), profile=Profile(), remotes=(Desk(),))
    with pytest.raises(Misconfigured, match=r"config\.invalid"):
        world.delivery(Desk(), others=[twin])
