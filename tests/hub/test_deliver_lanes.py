"""The parts of a lane, each alone: the table of transitions, pauses, the circuit, what waits and what goes next."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from contracts.delivery import Rendering
from contracts.picture import Due, Picture
from hub.lanes.backlog import Backlog, Mark
from hub.lanes.backoff import Patience, pause
from hub.lanes.circuit import Circuit
from hub.lanes.docket import Docket
from hub.lanes.transitions import CONTEXTS, MOST_TURNS, TRANSITIONS, VERDICTS, context_of, park_code
from hub.lanes.work import Batch, Work, segments_of
from hub.world_seeded import SeededEntropy
from ledger.unit import Standing


def mark(position: int) -> Mark:
    return Mark(position, 0, "mot-cua")


def rendering(lane: str, row: int = 0) -> Rendering:
    return Rendering(lane=lane, service="s", updating=False, code="A", body=lane.encode(), rows=(row,) if row else ())


def work(name: str, *lanes: str, position: int = 1) -> Work:
    picture = Picture(code=name, fields={}, state="", position=position)
    due = Due(picture=picture, code=name, record=True, steps=(), known=False)
    made = Work(mark(position), due, Standing(stream=name.encode(), target="t", through=0))
    made.segments = segments_of([rendering(lane) for lane in lanes], 100)
    return made


# ── the table ────────────────────────────────────────────────────────────────────────────────────


def test_the_table_answers_every_verdict_in_every_context() -> None:
    assert set(TRANSITIONS) == set(CONTEXTS)
    for context in CONTEXTS:
        assert set(TRANSITIONS[context]) == set(VERDICTS)


def test_of_many_only_a_confirmation_settles_anything() -> None:
    assert {verdict for verdict, move in TRANSITIONS["many"].items() if move in {"confirm", "park"}} == {"done"}


def test_an_outcome_we_did_not_learn_is_always_asked_about() -> None:
    assert {TRANSITIONS[context]["unknown"] for context in CONTEXTS} == {"ask"}


def test_the_context_says_what_a_verdict_can_be_about() -> None:
    assert context_of(1, updating=False, rows=False) == "create"
    assert context_of(1, updating=True, rows=False) == "update"
    assert context_of(1, updating=False, rows=True) == "rows"
    assert context_of(2, updating=True, rows=True) == "many"


def test_a_target_that_turns_between_exists_and_missing_parks_as_missing() -> None:
    assert park_code("exists", turns=MOST_TURNS + 1) == "park.target_missing"
    assert park_code("permanent", turns=1) == "park.target_refused"


# ── pauses ───────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 10_000), st.floats(0, 1e6), st.integers(0, 100))
def test_a_pause_is_within_its_bounds_and_not_shorter_than_asked(failures: int, asked_s: float, seed: int) -> None:
    patience = Patience(first_s=0.5, longest_s=60.0)
    waited = pause(patience, failures, SeededEntropy(seed), asked_s=asked_s)
    assert 0.25 <= waited <= 60.0
    assert waited >= min(asked_s, 60.0)


def test_pauses_double_until_the_longest() -> None:
    patience = Patience(first_s=1.0, longest_s=8.0)
    jitter = SeededEntropy(1)
    for failures, step in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0)):
        assert step / 2 <= pause(patience, failures, jitter) <= step


async def test_the_circuit_opens_after_failures_in_a_row_probes_one_at_a_time_and_closes_on_any_answer() -> None:
    circuit = Circuit(Patience(first_s=0.004, longest_s=0.004), SeededEntropy(1), opens_after=3)
    circuit.failed()
    circuit.failed()
    assert not circuit.holds()
    circuit.failed()
    assert circuit.open
    assert circuit.holds()
    await asyncio.sleep(0.01)
    assert not circuit.holds()
    circuit.in_flight = 1
    assert circuit.holds(), "one probe is enough"
    circuit.answered()
    assert not circuit.holds()


async def test_a_pause_that_the_target_asked_for_counts_at_once() -> None:
    circuit = Circuit(Patience(), SeededEntropy(1), opens_after=3)
    circuit.failed(asked_s=30.0)
    assert circuit.holds()
    assert circuit.resume_at > asyncio.get_running_loop().time() + 29


# ── what waits ───────────────────────────────────────────────────────────────────────────────────


def test_dossiers_wait_in_order_of_their_first_change_and_each_once() -> None:
    backlog = Backlog()
    for position, stream in enumerate([b"a", b"b", b"a", b"c", b"b"], start=1):
        backlog.note(stream, mark(position))
    taken = [backlog.take() for _ in range(4)]
    assert taken == [(b"a", mark(1)), (b"b", mark(2)), (b"c", mark(4)), None]


def test_a_change_while_it_is_under_way_waits_for_its_turn_again() -> None:
    backlog = Backlog()
    backlog.note(b"a", mark(1))
    backlog.take()
    backlog.note(b"a", mark(5))
    assert backlog.take() is None
    assert backlog.settled_through(9) == 0
    backlog.settle(b"a")
    assert backlog.settled_through(9) == 4
    assert backlog.take() == (b"a", mark(5))
    backlog.settle(b"a")
    assert backlog.settled_through(9) == 9
    assert len(backlog) == 0


@given(st.lists(st.tuples(st.sampled_from(["note", "take", "settle"]), st.sampled_from([b"a", b"b", b"c"]))))
def test_nothing_open_is_ever_below_the_restart_point(steps: list[tuple[str, bytes]]) -> None:
    backlog = Backlog()
    open_from: dict[bytes, int] = {}
    later: dict[bytes, int] = {}
    taken: set[bytes] = set()
    for position, (step, stream) in enumerate(steps, start=1):
        if step == "note":
            backlog.note(stream, mark(position))
            (later if stream in taken else open_from).setdefault(stream, position)
        elif step == "take":
            found = backlog.take()
            if found is not None:
                taken.add(found[0])
        elif stream in taken:
            backlog.settle(stream)
            taken.discard(stream)
            del open_from[stream]
            if stream in later:
                open_from[stream] = later.pop(stream)
        expected = min(open_from.values(), default=position + 1) - 1
        assert backlog.settled_through(position) == expected
        assert len(backlog) == len(open_from)


# ── what goes next ───────────────────────────────────────────────────────────────────────────────


def test_renderings_are_cut_into_segments_of_one_lane_and_bounded_length() -> None:
    rows = [rendering("rows", row) for row in range(1, 6)]
    cut = segments_of([rendering("record"), *rows], 2)
    assert [(segment.lane, segment.rows) for segment in cut] == [
        ("record", ()),
        ("rows", (1, 2)),
        ("rows", (3, 4)),
        ("rows", (5,)),
    ]
    assert segments_of([], 2) == ()


def test_a_batch_is_packed_from_the_lane_that_waited_longest_and_never_overfull() -> None:
    docket = Docket(most=3, most_open=100)
    for position, (name, lane) in enumerate([("a", "x"), ("b", "y"), ("c", "x"), ("d", "x"), ("e", "x")], start=1):
        docket.enqueue(work(name, lane, position=position))
    batches = [docket.next_batch() for _ in range(4)]
    assert [[one.due.code for one in batch.works] for batch in batches if batch] == [["a", "c", "d"], ["b"], ["e"]]
    assert batches[3] is None


def test_halves_keep_the_order_and_go_before_everything_else() -> None:
    docket = Docket(most=10, most_open=100)
    docket.enqueue(work("z", "x", position=1))
    halves = Batch([work(name, "x", position=5) for name in "abc"]).halves()
    docket.first(*halves)
    order = [docket.next_batch(), docket.next_batch(), docket.next_batch()]
    assert [[one.due.code for one in batch.works] for batch in order if batch] == [["a", "b"], ["c"], ["z"]]


def test_a_postponed_batch_is_ready_at_its_moment() -> None:
    docket = Docket(most=10, most_open=100)
    late, soon = Batch([work("late", "x")]), Batch([work("soon", "x")])
    docket.postpone(9.0, late)
    docket.postpone(5.0, soon)
    assert docket.next_ripe() == 5.0
    docket.ripen(6.0)
    assert docket.next_batch() is soon
    assert docket.next_batch() is None
    docket.ripen(9.0)
    assert docket.next_batch() is late


def test_no_more_dossiers_are_taken_up_than_the_bound() -> None:
    docket = Docket(most=10, most_open=1)
    docket.backlog.note(b"a", mark(1))
    docket.backlog.note(b"b", mark(2))
    assert docket.take() is not None
    docket.open(work("a", "x"))
    assert docket.take() is None
    docket.settle(b"a")
    assert docket.take() is not None


def test_what_is_withdrawn_is_in_no_bin_no_batch_and_no_line_and_the_rest_stays_in_order() -> None:
    docket = Docket(most=2, most_open=100)
    names = ["A", "B", "C", "D", "E", "F"]
    works = {}
    for position, name in enumerate(names, 1):
        docket.backlog.note(name.encode(), mark(position))
        assert docket.take() is not None
        works[name] = work(name, "create", position=position)
        docket.open(works[name])
    docket.first(Batch((works["A"], works["B"])))
    docket.postpone(1.0, Batch((works["C"],)))
    docket.enqueue(works["D"])
    works["E"].ask = True
    docket.enqueue(works["E"])
    docket.enqueue(works["F"])
    assert docket.withdraw([b"A", b"C", b"D", b"E", b"nobody"]) == [b"A", b"C", b"D", b"E"]
    assert docket.withdraw([b"A"]) == []
    assert docket.asks == 0
    assert docket.next_ripe() is None
    batches = [docket.next_batch(), docket.next_batch(), docket.next_batch()]
    assert [[one.stream for one in batch.works] for batch in batches if batch is not None] == [[b"B"], [b"F"]]
    assert len(docket.backlog) == 2
    assert not docket.backlog.is_open(b"A")
    assert docket.backlog.is_open(b"B")
