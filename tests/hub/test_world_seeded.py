"""The deterministic world: same seed, same draws, for ever."""

from hypothesis import given
from hypothesis import strategies as st

from hub.world_seeded import START, MemoryFiles, SeededEntropy, SteppedClock


def test_a_stepped_clock_moves_by_its_step_and_when_told() -> None:
    clock = SteppedClock(step_us=5)
    assert [clock.now(), clock.now()] == [START, START + 5]
    clock.advance(-1_000)
    assert clock.now() == START + 10 - 1_000
    clock.set(7)
    assert clock.now() == 7


def test_the_draws_of_a_seed_never_change() -> None:
    entropy = SeededEntropy(1)
    assert entropy.stream("ids").bytes(8).hex() == "faba36bae45de6c2"
    assert entropy.stream("jitter").random() == 0.9660746897810547


def test_one_stream_does_not_move_another() -> None:
    alone, busy = SeededEntropy("x"), SeededEntropy("x")
    busy.stream("salts").bytes(1_000)
    assert alone.stream("ids").bytes(32) == busy.stream("ids").bytes(32)


def test_other_seeds_and_other_purposes_draw_other_bytes() -> None:
    drawn = {SeededEntropy(seed).stream(purpose).bytes(16) for seed in (1, 2) for purpose in ("ids", "salts")}
    assert len(drawn) == 4


def test_a_stream_asked_for_twice_goes_on() -> None:
    entropy = SeededEntropy(3)
    assert entropy.stream("ids").bytes(16) != entropy.stream("ids").bytes(16)


@given(st.lists(st.integers(min_value=0, max_value=100), max_size=20))
def test_how_bytes_are_cut_does_not_change_them(cuts: list[int]) -> None:
    pieces, whole = SeededEntropy(9), SeededEntropy(9)
    assert b"".join(pieces.bytes(n) for n in cuts) == whole.bytes(sum(cuts))


def test_floats_lie_between_zero_and_one() -> None:
    entropy = SeededEntropy(0)
    assert all(0.0 <= entropy.random() < 1.0 for _ in range(1_000))


def test_memory_files_remember_the_mode() -> None:
    files = MemoryFiles()
    files.write_durable("key", b"", mode=0o600)
    assert files.modes == {"key": 0o600}
