"""Read models: what a rebuild from the log gives is what was live; nothing of them is asked for a decision."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import MessageRefused
from hub.views import schema
from hub.views.gathering import normalised
from hub.views.views import Views, agency_of
from ledger.events import MessageAccepted, SyncDismissed
from ledger.stores.views_store import ViewsStore
from tests.hub.deliver_world import SOURCE, TARGET, Desk, World, running, settled

ORIGIN = "log.mau.example"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def views_of(world: World, path: str = ":memory:", *, version: int = schema.VERSION) -> Views:
    store = ViewsStore(path, schema=schema.SCHEMA, version=version)
    return Views(store, ledger=world.ledger, dossiers=world.dossiers, origin=ORIGIN)


def disorder(path: str) -> None:
    Path(path).write_bytes(b"this is no database, only bytes that lie in its place" * 100)


async def busy_day(world: World) -> None:
    """A little of everything: accepted, refused by the target, parked, requeued, doubted."""
    desk = Desk(tells_rows=False)
    async with running(world.delivery(desk)) as delivery:
        for number in range(40):
            world.tell(f"H99.01-260101-{number:04d}", rows=["Tiếp nhận"])
        world.tell("Đ-57/ĐKKS-2026", party="mot-cua-khac")
        await settled(world, delivery)
        desk.plan.append("cut-after")
        world.tell("H99.01-260101-0001", subject="", rows=["Thẩm định"])
        await settled(world, delivery)
        desk.poison.add("H99.01-260101-0002")
        world.tell("H99.01-260101-0002", subject="khác")
        await settled(world, delivery)
        world.insist("H99.01-260101-0003", "sai")
        await settled(world, delivery)
    world.ledger.flush()


async def test_views_rebuilt_from_the_log_are_equal_to_the_live_ones(world: World, tmp_path: Path) -> None:
    live = views_of(world, str(tmp_path / "views.db"))
    following = asyncio.create_task(live.run())
    await busy_day(world)
    assert await live.reach(world.ledger.committed, 5.0)
    rebuilt = views_of(world)
    await rebuilt.catch_up()
    assert live.content() == rebuilt.content()
    assert len(rebuilt.content()["dossiers"]) == 41
    assert live.position == rebuilt.position == world.ledger.committed
    live.stop()
    await following


async def test_a_view_that_stopped_goes_on_where_it_was_and_ends_equal(world: World, tmp_path: Path) -> None:
    path = str(tmp_path / "views.db")
    world.tell(*[f"X{number}" for number in range(100)])
    world.ledger.flush()
    first = views_of(world, path)
    await first.catch_up()
    first.close()
    await busy_day(world)
    second = views_of(world, path)
    assert second.position == first.position
    await second.catch_up()
    rebuilt = views_of(world)
    await rebuilt.catch_up()
    assert second.content() == rebuilt.content()


async def test_a_file_of_another_log_or_version_or_in_disorder_starts_from_nothing(
    world: World, tmp_path: Path
) -> None:
    path = str(tmp_path / "views.db")
    world.tell("A")
    world.ledger.flush()
    other = Views(
        ViewsStore(path, schema=schema.SCHEMA, version=schema.VERSION),
        ledger=world.ledger,
        dossiers=world.dossiers,
        origin="another.example",
    )
    await other.catch_up()
    other.close()
    assert views_of(world, path).position == 0
    newer = views_of(world, path, version=99)
    await newer.catch_up()
    newer.close()
    assert views_of(world, path).position == 0
    disorder(path)
    broken = views_of(world, path)
    await broken.catch_up()
    assert broken.position == world.ledger.committed


async def test_a_dossier_is_found_by_any_part_of_its_code_without_marks_case_or_punctuation(world: World) -> None:
    world.tell("Đ-57/ĐKKS-2026", "H99.01-260101-0001", "H99.01-260101-0002", "H98-260101-0001")
    world.ledger.flush()
    views = views_of(world)
    await views.catch_up()
    for text in ("đ57", "D-57/dkks", "DKKS2026", "d57 dkks"):
        assert [found.code for found in (await views.search(text)).dossiers] == ["Đ-57/ĐKKS-2026"], text
    assert [found.code for found in (await views.search("h9901")).dossiers] == [
        "H99.01-260101-0001",
        "H99.01-260101-0002",
    ]
    assert len((await views.search("0001")).dossiers) == 2
    assert (await views.search("không có")).dossiers == ()
    assert len((await views.search()).dossiers) == 4
    assert [found.agency for found in (await views.search("H98")).dossiers] == ["H98"]
    assert len((await views.search(agency="H99")).dossiers) == 2
    assert len((await views.search(status="submitted")).dossiers) == 4
    assert len((await views.search(status="finished")).dossiers) == 0
    assert views.find("h99.01 260101 0001") == (world.stream("H99.01-260101-0001"),)


async def test_a_long_list_is_read_in_pages_each_dossier_once(world: World) -> None:
    codes = [f"H99.01-260101-{number:04d}" for number in range(125)]
    world.tell(*codes)
    world.ledger.flush()
    views = views_of(world)
    await views.catch_up()
    for text in ("", "h99", "260101"):
        found: list[str] = []
        cursor = ""
        while True:
            page = await views.search(text, cursor=cursor, limit=20)
            found += [one.code for one in page.dossiers]
            cursor = page.cursor
            if not cursor:
                break
        assert sorted(found) == codes, text


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 5_000}, {"cursor": "x:y"}, {"cursor": "s:zz"}])
async def test_a_wrong_cursor_or_limit_is_the_callers_to_mend(world: World, wrong: dict[str, object]) -> None:
    with pytest.raises(MessageRefused) as refused:
        await views_of(world).search("h", **wrong)  # type: ignore[arg-type]
    assert refused.value.code == "query.invalid"


async def test_the_fate_of_a_message_says_where_its_dossiers_stand_at_every_target(world: World) -> None:
    desk = Desk()
    desk.poison.add("B")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", "B", "C")
        await settled(world, delivery)
    views = views_of(world)
    await views.catch_up()
    (message,) = world.events(MessageAccepted)
    fate = views.message(message.message_id)
    assert fate is not None
    assert (fate.party, fate.state, fate.records) == (SOURCE, "accepted", {"applied": 3})
    assert fate.sync == {TARGET: {"confirmed": 2, "parked": 1}}
    assert views.message("không có") is None


async def test_sync_state_counts_and_timeline_tell_one_story(world: World) -> None:
    desk = Desk()
    desk.poison.add("B")
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", rows=["một"])
        world.tell("B")
        await settled(world, delivery)
    views = views_of(world)
    await views.catch_up()
    at_a, at_b = views.sync_of(world.stream("A"))[TARGET], views.sync_of(world.stream("B"))[TARGET]
    assert (at_a.state, at_b.state, at_b.reason) == ("confirmed", "parked", "park.target_refused")
    assert at_a.through == views.timeline(world.stream("A"))[-1].position
    counts = views.counts()
    assert (counts[SOURCE]["applied"], counts[SOURCE]["messages_accepted"], counts[SOURCE]["facts"]) == (2, 2, 3)
    assert (counts[TARGET]["confirmed"], counts[TARGET]["parked"]) == (2, 1)


async def test_a_parked_delivery_waits_in_the_list_until_it_goes_again_or_nobody_will_see_to_it(world: World) -> None:
    desk = Desk()
    desk.poison |= {"A", "B"}
    views = views_of(world)
    async with running(world.delivery(desk)) as delivery:
        world.tell("A", "B", "C")
        await settled(world, delivery)
        await views.catch_up()
        assert [(one.kind, one.stream, one.party, one.code) for one in views.parked()] == [
            ("delivery", world.stream(code), TARGET, "park.target_refused") for code in ("A", "B")
        ]
        position = await delivery.dismiss(TARGET, world.stream("A"), by="vận hành", note="nơi nhận không cần")
        assert not await delivery.dismiss(TARGET, world.stream("C"), by="vận hành", note="không chờ")
        assert not await delivery.dismiss("không có", world.stream("A"), by="vận hành", note="không có")
        await world.ledger.durable(position)
        await views.catch_up()
        assert [one.stream for one in views.parked(TARGET)] == [world.stream("B")]
        assert views.parked_counts() == {TARGET: 1}
        assert world.parked() == {"A": "park.target_refused", "B": "park.target_refused"}
        (dismissed,) = world.events(SyncDismissed)
        assert (dismissed.by, dismissed.note) == ("vận hành", "nơi nhận không cần")
        desk.poison.clear()
        assert await delivery.requeue(TARGET, world.stream("A"), by="vận hành", note="cần rồi")
        world.tell("B", subject="khác")
        await settled(world, delivery)
    await views.catch_up()
    assert views.parked() == []
    assert desk.records == {"A": "Đề nghị mẫu", "B": "khác", "C": "Đề nghị mẫu"}
    rebuilt = views_of(world)
    await rebuilt.catch_up()
    assert rebuilt.content() == views.content()


async def test_an_erased_dossier_is_purged(world: World) -> None:
    world.tell("A", "B")
    world.ledger.flush()
    views = views_of(world)
    await views.catch_up()
    views.forget(world.stream("A"))
    assert [found.code for found in (await views.search()).dossiers] == ["B"]
    assert views.find("A") == ()


async def test_following_holds_the_loop_only_for_moments(world: World) -> None:
    for start in range(0, 2_000, 100):
        world.tell(*[f"X{number}" for number in range(start, start + 100)])
    world.ledger.flush()
    views = views_of(world)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while views.position < world.ledger.committed:
            turns += 1
            await asyncio.sleep(0)

    await asyncio.gather(views.catch_up(), count_turns())
    assert turns >= 2_000 / 64


async def test_waiting_for_a_position_ends_when_it_is_there_or_in_time(world: World) -> None:
    views = views_of(world)
    following = asyncio.create_task(views.run())
    through = world.tell("A")
    assert await views.reach(through, 5.0)
    assert await views.reach(1, 0.0)
    assert not await views.reach(through + 100, 0.01)
    views.stop()
    await following


@pytest.mark.parametrize("word", ["000.21.44.H99", "H99.44.21", "H99.44.21.000"])
def test_an_agency_is_found_in_whatever_notation_its_system_wrote_it(word: str) -> None:
    assert normalised(word) == "H99.44.21"


def test_an_agency_that_is_no_code_stays_as_it_was_written() -> None:
    assert normalised("Sở Mẫu") == "Sở Mẫu"


def test_the_agency_of_a_code_is_what_the_code_says() -> None:
    assert agency_of("000.00.44.H99-260101-0001") == agency_of("H99.44-260101-0001")
    assert agency_of("12/2025/0001") == ""
    assert agency_of("") == ""
