"""The conformance suite of the ``Adapter`` port, as a class to inherit from.

It proves what the hub relies on: reading ends in a ``Reading`` or ``MessageRefused`` and in nothing else, is
deterministic and says what it lost; writing never fails on any dossier; a reply that is not understood is never taken
for success; a remote party that fails is waited for. ``pytest`` and ``hypothesis`` are imported when a test runs.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, get_args

from adapters.kit.samples import Sample, catalog_samples, expected_code, folder_samples
from adapters.kit.specimen import foreign_fields, full_fields, full_picture, picture_of
from adapters.transports.memory import Fault, MemoryTransport
from contracts.delivery import Outcome, Rendering, Reply, Request, Standing, Unrenderable, Verdict
from contracts.envelope import Envelope
from contracts.errors import CODES, MessageRefused, TargetUnavailable
from contracts.facts import State
from contracts.picture import Due, Picture
from contracts.ports import Adapter, Address, Profile
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord

VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)
STATES: Final[tuple[State, ...]] = tuple(state for state in get_args(State) if state)
TEXTS: Final = (
    "",
    " ",
    "đĐ ưƠ",
    "Nguye\u0302\u0303n Thi\u0323 Ma\u0302\u0303u",
    "🏛️👩‍👩‍👧",
    '<a href="x">&amp; \' ]]></a>',
    '{"a": "\\"}',
    "\u200b\ufeff\u202e",
    "dòng\r\n\tdòng",
    "\x0b\x1f",
    "9" * 40,
    "ầ" * 5_000,
)
"""Values that real people type and real systems pass on: empty, NFD, emoji, markup, controls, long."""

_REFUSALS: Final = ("Cập nhật không thành công", "KHÔNG THÀNH CÔNG", "that bai", "error")


class AdapterConformance:
    """Inherit, name your adapter, and run it with pytest.

    Without ``samples_folder`` the samples are those of the contracts that ``adapter.types`` name. ``never_carried`` are
    canonical names that the README says the format has no place for; ``one_way`` are names it writes and can not read.
    """

    adapter: ClassVar[Adapter]
    profile: ClassVar[Profile] = Profile()
    samples_folder: ClassVar[Path | None] = None
    never_carried: ClassVar[frozenset[str]] = frozenset()
    one_way: ClassVar[frozenset[str]] = frozenset()
    examples: ClassVar[int] = 150
    """How many arbitrary inputs each property tries."""

    # ── what an author may override ──────────────────────────────────────────────────────────────

    def samples(self, kind: Any) -> list[Sample]:
        """The samples of one kind, ``valid`` or ``invalid``."""
        if self.samples_folder is not None:
            return folder_samples(self.samples_folder, self.adapter.types, kind)
        return catalog_samples(self.adapter.types, kind)

    def envelope(self, sample: Sample) -> Envelope:
        """The sample as a transport would hand it over."""
        return Envelope(
            party="tinh-mau",
            adapter=self.adapter.name,
            body=sample.body,
            received_at=1_741_579_200_000_000,
            type=sample.type,
            content_type=sample.content_type,
        )

    def carrying(self, rendering: Rendering) -> Envelope | None:  # noqa: ARG002  # for the one who overrides it
        """The message that would carry this rendering, to be read back; None where the format is only written."""
        return None

    def accepting(self, request: Request) -> Reply:  # noqa: ARG002  # for the one who overrides it
        """What the remote party answers when all is well: to a login a session, to a delivery its success."""
        return Reply(status=200, body=b"{}")

    # ── what it declares ─────────────────────────────────────────────────────────────────────────

    def test_it_declares_itself(self) -> None:
        """Name, edition, types, batch limit and mapping hash are well-formed and stable."""
        adapter = self.adapter
        _expect(re.fullmatch(r"[a-z][a-z0-9_]{1,40}", adapter.name), f"the name {adapter.name!r} is not a plain word")
        _expect(adapter.edition, "it names no edition")
        _expect(adapter.types, "it names no message types")
        for one in adapter.types:
            _expect(re.fullmatch(r"[\w-]+/[\w-]+", one), f"the type {one!r} is not <standard>/<name>")
        _expect(adapter.batch_limit >= 1, "its batch limit is below 1")
        _expect(re.fullmatch(r"[0-9a-f]{64}", adapter.mapping_hash()), "its mapping hash is not 64 hex digits")
        _expect(adapter.mapping_hash() == adapter.mapping_hash(), "its mapping hash changes from call to call")
        _expect(isinstance(adapter.carries_rows(), bool), "carries_rows() is not a truth value")

    def test_it_comes_with_samples(self) -> None:
        """There is something to judge it by, valid and invalid."""
        _expect(self.samples("valid"), "there is no valid sample")
        _expect(self.samples("invalid"), "there is no invalid sample")

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Run the tests that take a sample once per sample (a hook of pytest)."""
        for kind in ("valid", "invalid"):
            if f"{kind}_sample" in metafunc.fixturenames:
                metafunc.parametrize(f"{kind}_sample", self.samples(kind), ids=str)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def test_every_valid_sample_is_read_into_facts(self, valid_sample: Sample) -> None:
        """Every record is understood, every span lies in the body, every note has a known code."""
        reading = self.adapter.read(self.envelope(valid_sample), self.profile)
        _expect(not reading.refused, f"refused: {reading.refused}")
        _expect(reading.records or reading.parked, "it holds no record")
        for record in reading.records:
            _expect(record.facts, f"record {record.index} states no fact")
            _expect(record.dossier, f"record {record.index} names no dossier")
            _expect(record.material, f"record {record.index} has nothing to take a fingerprint over")
        _check_reading(reading, len(valid_sample.body))

    def test_every_valid_sample_is_recognised(self, valid_sample: Sample) -> None:
        """A sender that names no type is understood by the body, as one of this adapter's types or not at all."""
        found = self.adapter.recognise(valid_sample.body, valid_sample.content_type)
        _expect(found in {"", *self.adapter.types}, f"it was taken for {found!r}")

    def test_every_invalid_sample_is_refused_with_its_code(self, invalid_sample: Sample) -> None:
        """The code in the file name is among the reasons; a ``park.…`` code is a parked record instead."""
        code = expected_code(invalid_sample.name)
        try:
            reading = self.adapter.read(self.envelope(invalid_sample), self.profile)
        except MessageRefused as refusal:
            given = {refusal.code, *(error.code for error in refusal.errors)}
        else:
            given = {error.code for refused in reading.refused for error in refused.errors}
            given |= {parked.code for parked in reading.parked}
        _expect(code in given, f"expected {code}, got {sorted(given) or 'no refusal'}")

    def test_reading_is_deterministic(self, valid_sample: Sample) -> None:
        """The same bytes are understood the same way each time: replay depends on it."""
        envelope = self.envelope(valid_sample)
        first, second = (self.adapter.read(envelope, self.profile) for _ in range(2))
        _expect(first == second, "two readings of the same bytes differ")

    def test_arbitrary_bytes_end_in_a_reading_or_a_refusal(self) -> None:
        """Nothing a sender can send raises anything but ``MessageRefused``."""
        from hypothesis import strategies as st  # noqa: PLC0415  # only with the extra [kit]

        types = st.sampled_from(["", "không/có", *self.adapter.types])
        media = st.sampled_from(["", "application/json", "application/xml", "text/plain; charset=utf-16", "\x00"])
        bodies = st.one_of(st.binary(max_size=300), self._damaged())
        self._try_all(st.tuples(bodies, types, media), self._read_anything)

    def _damaged(self) -> Any:
        """Valid samples with bytes cut out, put in or doubled."""
        from hypothesis import strategies as st  # noqa: PLC0415  # only with the extra [kit]

        wounds = st.lists(
            st.tuples(
                st.floats(min_value=0, max_value=1),
                st.integers(min_value=0, max_value=40),
                st.one_of(
                    st.binary(max_size=8), st.sampled_from([b'"', b"{", b"]", b"<", b"&x;", b"\xff", b"null", b"0"])
                ),
            ),
            min_size=1,
            max_size=4,
        )
        bodies = [sample.body for sample in self.samples("valid")] or [b"{}"]
        return st.builds(_wound, st.sampled_from(bodies), wounds)

    def _read_anything(self, given: tuple[bytes, str, str]) -> None:
        body, message_type, media = given
        found = self.adapter.recognise(body, media)
        _expect(found in {"", *self.adapter.types}, f"it was taken for {found!r}")
        envelope = Envelope(
            party="p", adapter=self.adapter.name, body=body, received_at=0, type=message_type, content_type=media
        )
        try:
            reading = self.adapter.read(envelope, self.profile)
        except MessageRefused as refusal:
            _expect(refusal.errors, "a refusal without a reason")
        else:
            _check_reading(reading, len(body))

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def test_every_state_is_written_or_parked_with_a_reason(self) -> None:
        """No business state fails or goes out blank."""
        for state in STATES:
            for known in (False, True):
                self._write(full_picture(state=state), known=known)

    def test_any_text_in_any_field_can_be_written(self) -> None:
        """Empty, NFD, emoji, markup, control characters and long texts break nothing."""
        texts = [name for name, value in full_fields().items() if isinstance(value, str) and name not in _CODED]
        for text in TEXTS:
            self._write(full_picture(fields=full_fields(**dict.fromkeys(texts, text))))

    def test_a_dossier_of_which_little_is_known_is_written_or_parked(self) -> None:
        """A missing value is parked by name or left out, never made up and never an error."""
        everything = full_fields()
        self._write(full_picture(fields={}))
        for name in everything:
            self._write(full_picture(fields={name: everything[name]}))
            self._write(full_picture(fields={key: value for key, value in everything.items() if key != name}))

    def test_writing_is_deterministic_and_so_is_the_projection(self) -> None:
        """The same dossier gives the same bytes: what was sent is never stored, only made again."""
        due = _due(full_picture())
        _expect(self.adapter.write(due, self.profile) == self.adapter.write(due, self.profile), "two writings differ")
        picture = due.picture
        first, second = (self.adapter.project(picture, self.profile) for _ in range(2))
        _expect(dict(first) == dict(second), "two projections differ")

    def test_what_is_not_carried_is_declared(self) -> None:
        """Every stated value is carried, declared as a loss, or named in ``never_carried``."""
        picture = full_picture()
        carried = set(self.adapter.project(picture, self.profile))
        lost = {note.path for rendering in self._write(picture) for note in rendering.losses}
        silent = set(picture.fields) - carried - lost - self.never_carried
        _expect(not silent, f"neither carried nor declared as lost: {sorted(silent)}")

    def test_what_is_written_reads_back_as_what_it_carries(self) -> None:
        """Read after write keeps the projection, except for the names in ``one_way``."""
        carriers = [(one, self.carrying(one)) for one in self._write(full_picture()) if not one.rows]
        for rendering, envelope in carriers:
            if envelope is None:
                continue
            reading = self.adapter.read(envelope, self.profile)
            _expect(not reading.refused, f"it refuses its own words: {reading.refused}")
            again = dict(self.adapter.project(picture_of(reading, rendering.code), self.profile))
            wanted = dict(self.adapter.project(full_picture(), self.profile))
            lost = {note.path for note in rendering.losses}
            for name in sorted(set(wanted) - lost - self.one_way):
                _expect(again.get(name) == wanted[name], f"{name}: {wanted[name]!r} came back as {again.get(name)!r}")

    def test_codes_of_other_formats_never_make_its_own_words_wrong(self) -> None:
        """A code this format has no place for is left out and declared; the target must never refuse for it."""
        for rendering in self._write(full_picture(fields=foreign_fields())):
            envelope = None if rendering.rows else self.carrying(rendering)
            if envelope is not None:
                reading = self.adapter.read(envelope, self.profile)
                _expect(not reading.refused, f"it refuses its own words: {reading.refused}")

    def _write(self, picture: Picture, *, known: bool = False) -> tuple[Rendering, ...]:
        written = self.adapter.write(_due(picture, known=known), self.profile)
        if isinstance(written, Unrenderable):
            _expect(written.code.startswith("park.") and written.code in CODES, f"parked with {written.code!r}")
            _expect(written.missing, "parked without saying what is missing")
            return ()
        positions = {step.position for step in picture.steps}
        for rendering in written:
            _expect(rendering.lane and rendering.service and rendering.code, f"unnamed: {rendering}")
            _expect(rendering.body, "a rendering without a body")
            rendering.body.decode("utf-8")
            _expect(set(rendering.rows) <= positions, "it claims rows that were not due")
            _check_notes(rendering.losses)
        return written

    # ── the remote party ─────────────────────────────────────────────────────────────────────────

    def test_any_reply_is_understood_and_never_raises(self) -> None:
        """Whatever comes back, the outcome is one of the verdicts; a fault of the server is never success."""
        from hypothesis import strategies as st  # noqa: PLC0415  # only with the extra [kit]

        number = st.integers(min_value=-10, max_value=999)
        answer = st.builds(_answer, number, st.text(alphabet="abcđ ôê", max_size=12))
        bodies = st.one_of(st.binary(max_size=80), answer, st.sampled_from([b"", b"{}", b"[]", b"null", b"<a/>"]))
        statuses = st.one_of(st.sampled_from([200, 201, 202, 302, 400, 401, 403, 404, 409, 429, 500, 502, 503]), number)
        self._try_all(st.tuples(statuses, bodies), self._send_and_get)

    def _send_and_get(self, given: tuple[int, bytes]) -> None:
        status, body = given
        outcome = self._send(lambda _request: Reply(status=status, body=body))
        if outcome is not None and status >= 500:  # noqa: PLR2004  # the class of server faults
            _expect(outcome.verdict != "done", f"HTTP {status} was taken for success")

    def test_a_refusal_in_words_is_never_success(self) -> None:
        """«không thành công» contains «thành công»; real clients fall for it."""
        for phrase in _REFUSALS:
            for body in (
                f'"{phrase}"',
                f'{{"message": "{phrase}"}}',
                f'{{"error_code": 1, "message": "{phrase}"}}',
                phrase,
            ):
                reply = Reply(status=200, body=body.encode())
                outcome = self._send(lambda _request, reply=reply: reply)  # type: ignore[misc]  # bound per turn
                _expect(outcome is None or outcome.verdict != "done", f"{body!r} was taken for success")

    def test_a_party_that_can_not_be_reached_is_tried_again(self) -> None:
        """Nothing arrived: later. It may have arrived: ask first."""
        for fault, verdicts in (("before", {"retry"}), ("after", {"unknown", "retry"})):
            outcome = self._send(self.accepting, faults=[fault] * 3)  # type: ignore[list-item]  # literals of Fault
            _expect(outcome is None or outcome.verdict in verdicts, f"cut {fault}: {outcome}")

    def test_asking_and_pulling_survive_any_reply(self) -> None:
        """``ask`` answers with a standing, ``poll`` with messages, or both say that the party is not available."""
        from hypothesis import strategies as st  # noqa: PLC0415  # only with the extra [kit]

        bodies = st.one_of(st.binary(max_size=80), st.sampled_from([b"", b"{}", b"[]", b'{"result": [1]}', b"<a/>"]))
        self._try_all(st.tuples(st.sampled_from([200, 204, 400, 401, 404, 500, 503]), bodies), self._ask_and_pull)

    def _ask_and_pull(self, given: tuple[int, bytes]) -> None:
        async def run() -> None:
            async def answer(_request: Request) -> Reply:
                return Reply(status=given[0], body=given[1])

            remote = self.adapter.remote(_ADDRESS, MemoryTransport(answer), self.profile)
            source = self.adapter.source(_ADDRESS, MemoryTransport(answer), "tinh-mau", lambda: 0)
            for call in (lambda: remote.ask(full_picture().code), *([source.poll] if source is not None else [])):
                try:
                    found: Any = await call()
                except TargetUnavailable:
                    continue
                _expect(isinstance(found, Standing) or all(one.handle for one in found), f"answered {found!r}")
            await remote.close()

        asyncio.run(run())

    def _send(self, answer: Callable[[Request], Reply], *, faults: list[Fault] | None = None) -> Outcome | None:
        """The outcome of sending the made-up dossier's first batch; None where the format has nothing to say of it."""
        renderings = self._write(full_picture())
        batch = [one for one in renderings if one.lane == renderings[0].lane][: self.adapter.batch_limit]
        if not batch:
            return None

        async def handle(request: Request) -> Reply:
            return answer(request)

        async def run() -> Outcome:
            remote = self.adapter.remote(_ADDRESS, MemoryTransport(handle, faults=faults or ()), self.profile)
            outcome = await remote.send(batch)
            await remote.close()
            return outcome

        outcome = asyncio.run(run())
        _expect(outcome.verdict in VERDICTS, f"no verdict: {outcome.verdict!r}")
        _expect(outcome.retry_after_s >= 0, "it would wait a negative time")
        return outcome

    def _try_all(self, strategy: Any, judge: Callable[[Any], None]) -> None:
        from hypothesis import HealthCheck, given, settings  # noqa: PLC0415  # only with the extra [kit]

        def each(one: Any) -> None:
            judge(one)

        limits = settings(max_examples=self.examples, deadline=None, suppress_health_check=list(HealthCheck))
        decorate: Any = given(strategy)
        limits(decorate(each))()


_ADDRESS: Final = Address(
    base_url="http://doi-tac-mau.example.vn",
    username="mau",
    secret="mat-khau-mau",  # noqa: S106  # invented
    agency="H99",
    timeout_s=1.0,
)
_CODED: Final = frozenset(
    ("channel", "applicant_type", "submitted_through", "procedure_code", "processing_agency_code", "amount", "rating")
)
"""Text values that are codes or numbers: they come from tables, never from a keyboard."""


def _answer(code: int, text: str) -> bytes:
    return f'{{"error_code": {code}, "errorCode": {code}, "status": {code}, "message": "{text}"}}'.encode()


def _due(picture: Picture, *, known: bool = False) -> Due:
    return Due(picture=picture, code=picture.code, record=True, steps=picture.steps, known=known)


def _wound(body: bytes, wounds: list[tuple[float, int, bytes]]) -> bytes:
    for where, cut, put in wounds:
        at = int(where * len(body))
        body = body[:at] + put + body[at + cut :]
    return body


def _check_reading(reading: Reading, size: int) -> None:
    marks: list[Record | RefusedRecord | ParkedRecord] = [*reading.records, *reading.refused, *reading.parked]
    spans = [mark.span for mark in marks]
    for start, end in (*spans, *reading.secrets, *reading.attachments):
        _expect(0 <= start <= end <= size, f"the range {start}–{end} is not within {size} bytes")
    indexes = [mark.index for mark in marks]
    _expect(len(set(indexes)) == len(indexes), "two records have one index")
    for refused in reading.refused:
        _expect(refused.errors, f"record {refused.index} is refused without a reason")
    for record in reading.records:
        _check_notes((*record.warnings, *record.losses))
    _check_notes(reading.warnings)


def _check_notes(notes: tuple[Note, ...]) -> None:
    for note in notes:
        _expect(note.code in CODES, f"{note.code!r} is not in the closed list")


def _expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)
