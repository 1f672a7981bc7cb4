"""What every driver of the Files port must keep."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Misconfigured
from contracts.ports import Files
from hub.world import DiskFiles
from hub.world_seeded import MemoryFiles

DRIVERS: dict[str, Callable[[Path], Files]] = {
    "memory": lambda _path: MemoryFiles(),
    "disk": lambda path: DiskFiles(path / "root"),
}


@pytest.fixture(params=sorted(DRIVERS))
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return DRIVERS[request.param](tmp_path)


def test_what_was_written_is_read_back_exactly(files: Files) -> None:
    content = bytes(range(256)) * 300
    files.write_durable("log/tile/0/000", content)
    assert files.read("log/tile/0/000") == content


def test_writing_again_replaces_the_whole_content(files: Files) -> None:
    files.write_durable("checkpoint", b"a long first content")
    files.write_durable("checkpoint", b"short")
    assert files.read("checkpoint") == b"short"
    assert files.list("") == ["checkpoint"]


def test_an_empty_file_is_a_file(files: Files) -> None:
    files.write_durable("empty", b"")
    assert files.read("empty") == b""
    assert files.list("") == ["empty"]


def test_appending_makes_and_then_extends(files: Files) -> None:
    files.append_durable("spool/one", b"ab")
    files.append_durable("spool/one", b"cd")
    assert files.read("spool/one") == b"abcd"


def test_reading_what_is_not_there_says_so(files: Files) -> None:
    with pytest.raises(FileNotFoundError):
        files.read("nothing/here")


def test_listing_is_sorted_and_by_text_prefix(files: Files) -> None:
    for name in ("log/b", "log/a/x", "log/a.b", "lot", "key"):
        files.write_durable(name, b"")
    assert files.list("log/") == ["log/a.b", "log/a/x", "log/b"]
    assert files.list("lo") == ["log/a.b", "log/a/x", "log/b", "lot"]
    assert files.list("log/a") == ["log/a.b", "log/a/x"]
    assert files.list("none/") == []
    assert len(files.list("")) == 5


def test_deleting_removes_and_twice_is_fine(files: Files) -> None:
    files.write_durable("a/b", b"x")
    files.delete("a/b")
    files.delete("a/b")
    files.delete("never/was")
    assert files.list("") == []
    with pytest.raises(FileNotFoundError):
        files.read("a/b")


def test_a_lock_is_exclusive_until_released(files: Files) -> None:
    lock = files.lock("ledger.lock")
    with pytest.raises(Misconfigured) as caught:
        files.lock("ledger.lock")
    assert caught.value.code == "ledger.locked"
    other = files.lock("views.lock")
    lock.release()
    lock.release()
    again = files.lock("ledger.lock")
    again.release()
    other.release()


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../b", "a//b", "a/", ".", "a\0b", "x/.y.tmp"])
def test_names_that_leave_the_root_are_a_mistake(files: Files, name: str) -> None:
    with pytest.raises(ValueError, match="not a relative file name"):
        files.write_durable(name, b"")
    with pytest.raises(ValueError, match="not a relative file name"):
        files.read(name)
    with pytest.raises(ValueError, match="not a relative file name"):
        files.lock(name)


@pytest.mark.parametrize("name", ["hồ sơ/đơn vị.json", "📄", "x.tmp", ".hidden"])
def test_names_in_any_script_are_kept(files: Files, name: str) -> None:
    files.write_durable(name, b"1")
    assert files.list("") == [name]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["write", "append", "delete"]), st.binary(max_size=9)))
)
def test_disk_and_memory_agree_on_any_history(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, bytes]]
) -> None:
    disk, memory = DiskFiles(tmp_path_factory.mktemp("files")), MemoryFiles()
    for name, action, content in history:
        for driver in (disk, memory):
            match action:
                case "write":
                    driver.write_durable(name, content)
                case "append":
                    driver.append_durable(name, content)
                case _:
                    driver.delete(name)
    assert disk.list("") == memory.list("")
    assert [disk.read(name) for name in disk.list("")] == [memory.read(name) for name in memory.list("")]
