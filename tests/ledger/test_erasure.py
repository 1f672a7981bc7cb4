"""What was written down as erased is erased, and stays so after every start, whatever file was put back."""

from pathlib import Path
from shutil import copyfile

import pytest

from contracts.errors import HubError, IntegrityViolation, MessageRefused
from ledger.erasure import GLUE_PART, STREAM, WHOLE, item_of, own_parts, place_of
from ledger.events import ItemErased
from ledger.parts import Layout
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer
from tests.ledger import made

A, B = b"a" * 16, b"b" * 16


def stream_of(ledger: Writer, number: int) -> bytes:
    found = ledger.find_stream(f"n:{made.code(number)}")
    assert found is not None
    return found


def written(ledger: Writer, stream: bytes, *items: str) -> ItemErased:
    """The event, durable; nothing is carried out."""
    event = ItemErased(stream=stream.hex(), items=items or (WHOLE,), ground="mẫu", by="mau", erased_at=1)
    ledger.submit(Unit(events=(NewEvent(ledger.named_stream(*STREAM), event),)))
    ledger.flush()
    return event


def fill(ledger: Writer) -> None:
    ledger.submit(made.packet(ledger, [1, 2, 3], source_id="mot"))
    ledger.submit(made.packet(ledger, [2], source_id="hai"))
    ledger.flush()


def test_an_erasure_that_was_only_written_down_is_carried_out_at_the_next_start(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    stream, root = stream_of(ledger, 2), ledger.root_hash
    written(ledger, stream)
    assert ledger.read_stream(stream)[0].event is not None
    size = ledger.committed
    ledger.close()
    again = made.opened(tmp_path, seed="sau")
    assert again.erased(stream)
    assert [entry.event for entry in again.read_stream(stream)] == [None, None]
    assert again.find_stream(f"n:{made.code(2)}") is None
    assert again._chain.store.code(again._overlay._blind(f"n:{made.code(2)}")) is None
    assert again.committed == size
    assert again.root_hash != root
    assert [again.audit(position) for position in range(1, size + 1)]
    again.close()


def test_an_old_key_file_brings_nothing_back(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    stream = stream_of(ledger, 2)
    for ending in ("", "-wal"):
        copyfile(tmp_path / f"keys.db{ending}", tmp_path / f"old{ending}")
    ledger.erasure.carry_out([written(ledger, stream)])
    ledger.close()
    for ending in ("", "-wal"):
        copyfile(tmp_path / f"old{ending}", tmp_path / f"keys.db{ending}")
    for seed in ("ba", "bon"):
        ledger = made.opened(tmp_path, seed=seed)
        assert [entry.event for entry in ledger.read_stream(stream)] == [None, None]
        assert ledger.read_stream(stream_of(ledger, 1))[0].event is not None
        ledger.close()


def test_carrying_out_twice_destroys_once_and_a_lost_key_is_not_an_erased_one(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    stream = stream_of(ledger, 2)
    event = written(ledger, stream, WHOLE, item_of(2, GLUE_PART), item_of(2, 1))
    assert ledger.erasure.carry_out([event]) == 3
    assert ledger.erasure.carry_out([event]) == 0
    assert list(ledger.erasure.recorded()) == [event]
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        ledger.erasure.carry_out([ItemErased(stream="", items=(item_of(2, 3),), ground="m", by="m", erased_at=1)])
    ledger.close()
    (tmp_path / "keys.db").unlink()
    with pytest.raises(IntegrityViolation, match=r"vault\.key_missing"):
        made.opened(tmp_path, seed="sau")


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_sameness_with_an_erased_message_is_never_said(tmp_path: Path, store: str) -> None:
    ledger = made.opened(tmp_path, store=store)
    unit = made.packet(ledger, [1, 2], source_id="mot")
    ledger.submit(unit)
    placed = ledger.find_message("mau", "mot", unit.content)
    assert placed is not None
    assert placed.same_content
    ledger.flush()
    ledger._reader.forget()
    for content in (unit.content, b"khac"):
        found = ledger.find_message("mau", "mot", content)
        assert found is not None
        assert found.same_content == (content == unit.content)
    ledger.erasure.carry_out([written(ledger, stream_of(ledger, 2))])
    for content in (unit.content, b"khac"):
        with pytest.raises(MessageRefused, match=r"intake\.erased"):
            ledger.find_message("mau", "mot", content)
    assert ledger.find_message("mau", "khac", b"") is None
    ledger.close()


def test_nothing_is_added_to_an_erased_dossier(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    stream = stream_of(ledger, 2)
    unit = made.packet(ledger, [2], source_id="ba")
    ledger.erasure.carry_out([written(ledger, stream)])
    size = ledger.placed
    with pytest.raises(HubError, match=r"vault\.erased"):
        ledger.submit(unit)
    assert ledger.placed == size
    ledger.submit(made.packet(ledger, [2], source_id="ba"))
    ledger.flush()
    assert stream_of(ledger, 2) != stream
    ledger.close()


def test_only_dossiers_are_dossiers(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    assert ledger.erasure.is_dossier(stream_of(ledger, 1))
    assert not ledger.erasure.is_dossier(ledger.named_stream("party", "mau"))
    assert not ledger.erasure.is_dossier(b"x" * 16)
    ledger.close()


def test_positions_are_found_by_time(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    fill(ledger)
    times = [ledger._reader.recorded_at(position) for position in range(1, ledger.committed + 1)]
    for time in (0, *times, times[-1] + 1):
        assert ledger.erasure.before(time) == sum(one < time for one in times)
    ledger.close()


def test_names_of_items_are_read_back() -> None:
    assert place_of(item_of(7, 3)) == (7, 3)
    assert place_of(item_of(7, GLUE_PART)) == (7, None)
    for wrong in ("dossier", "message/x/1", "message/1/y", ""):
        with pytest.raises(ValueError, match=r".+"):
            place_of(wrong)


def layout(*parts: tuple[object, ...]) -> Layout:
    return Layout(99, 1, list(parts))


GLUE, OF_A, OF_B = (0, 2), (1, 5, 5, A), (1, 5, 5, B)
SECRET, ATTACHED, REFUSED = (2, 5, 5, 11), (3, 5, 5, 12), (4, 5, 5, 13)


@pytest.mark.parametrize(
    ("parts", "erased", "expected"),
    [
        ((GLUE, OF_A, GLUE), (A,), [GLUE_PART]),
        ((GLUE, SECRET, GLUE, OF_A, ATTACHED, OF_A, GLUE), (A,), [1, 4, GLUE_PART]),
        ((GLUE, OF_A, GLUE, OF_B, GLUE), (A,), []),
        ((GLUE, OF_A, GLUE, OF_B, GLUE), (A, B), [GLUE_PART]),
        ((GLUE, OF_A, ATTACHED, OF_A, GLUE, OF_B, ATTACHED, OF_B), (A,), [2]),
        ((GLUE, OF_A, ATTACHED, OF_A, GLUE, OF_B, ATTACHED, OF_B), (B,), [6]),
        ((GLUE, ATTACHED, GLUE, OF_A, GLUE, OF_B), (A,), []),
        ((ATTACHED, OF_A, OF_B), (A,), [0]),
        ((GLUE, OF_A, GLUE, REFUSED, GLUE), (A,), []),
    ],
)
def test_what_belongs_to_one_dossier_alone(
    parts: tuple[tuple[object, ...], ...], erased: tuple[bytes, ...], expected: list[int | str]
) -> None:
    assert own_parts(layout(*parts), erased) == expected
