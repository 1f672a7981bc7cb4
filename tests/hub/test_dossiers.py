"""Dossiers in memory: bounded, and equal to the log whenever they are read again."""

from pathlib import Path

from ledger.unit import Standing
from tests.hub.little_hub import CODE, NOON, PORTAL, PROVINCE
from tests.hub.plain_message import door, line


def code(number: int) -> str:
    return f"000.00.01.H99-260101-{number:04}"


async def test_memory_is_bounded_and_what_was_forgotten_is_folded_again(tmp_path: Path) -> None:
    with door(tmp_path, limit=5) as hub:
        for number in range(20):
            await hub.send(PROVINCE, line(code(number), values={"phone": str(number)}, state="received"))
        assert len(hub.dossiers) <= 6

        again = [hub.dossiers.by_code(code(number)) for number in range(20)]

        assert [state and state.values["phone"] for state in again] == [str(number) for number in range(20)]
        assert len(hub.dossiers) <= 5


async def test_dossiers_with_undurable_events_are_kept(tmp_path: Path) -> None:
    with door(tmp_path, limit=1) as hub:
        sends = [hub.send(PROVINCE, line(code(number), state="received")) for number in range(4)]
        for send in sends:
            send.send(None)
        assert hub.ledger.committed < hub.ledger.placed
        assert len(hub.dossiers) == 4
        for send in sends:
            send.close()
        hub.ledger.flush()


async def test_a_dossier_is_found_by_any_of_its_codes(tmp_path: Path) -> None:
    with door(tmp_path) as hub:
        await hub.send(PROVINCE, line(CODE, aliases=["BN-7"], state="received"))

        state = hub.dossiers.by_code("H99.00.01-260101-0001") or hub.dossiers.by_code(CODE)

        assert state is not None
        assert hub.dossiers.by_code("BN-7", ("cong", "tinh-mau")) is state
        assert hub.dossiers.by_code("BN-7", ("cong",)) is None
        assert hub.dossiers.lead_of(state.stream) == state.stream


async def test_an_unknown_stream_is_an_empty_dossier(tmp_path: Path) -> None:
    with door(tmp_path) as hub:
        state = hub.dossiers.state(b"\x07" * 16)

        assert (state.head, state.told, state.code) == (0, [], "")
        assert hub.dossiers.standing(b"\x07" * 16, "cong") == Standing(stream=b"\x07" * 16, target="cong", through=0)


async def test_fingerprints_survive_forgetting(tmp_path: Path) -> None:
    with door(tmp_path) as hub:
        await hub.send(PROVINCE, line(CODE, state="received"))
        state = hub.dossiers.by_code(CODE)
        assert state is not None
        kept = dict(hub.dossiers.seen(state.stream))
        hub.dossiers.forget(state.stream)

        assert hub.dossiers.seen(state.stream) == kept
        assert list(kept) == ["tinh-mau/lines"]


async def test_rows_a_target_told_itself_count_until_the_log_has_them(tmp_path: Path) -> None:
    with door(tmp_path, told=("cong",)) as hub:
        await hub.send(PORTAL, line(CODE))
        told = await hub.send(PROVINCE, line(CODE, row={"at": NOON}))
        await hub.send(PORTAL, line(CODE, row={"at": NOON}))
        state = hub.dossiers.by_code(CODE)
        assert state is not None
        row = told.records[0].position

        assert hub.dossiers.standing(state.stream, "cong").rows == (row,)
        hub.restart()
        assert hub.dossiers.standing(state.stream, "cong").rows == (row,)
