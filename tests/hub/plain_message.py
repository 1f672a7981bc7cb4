"""An invented wire format for tests of reception: one JSON object per line, and a whole hub's door in front of it.

A line is ``{"code", "state", "values", "updating", "row", "aliases", "local", "agency", "refuse", "park", "word"}``,
all but the code optional. ``word`` is a state in the party's own words, which its profile maps. A first line
``#secret`` stands for a session.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.errors import MessageRefused, field_error
from contracts.facts import AnyFact, DossierSubmitted, State, Step
from contracts.moment import Moment
from contracts.picture import Due
from contracts.ports import Admitted, Profile
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord, Span
from hub.authority import Authority
from hub.dossiers import Dossiers
from hub.parties import Party, directory
from hub.reception import Observer, Reception
from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy, SteppedClock
from ledger.events import Event
from ledger.writer import Writer, open_ledger
from tests.hub.little_hub import EVERYONE, SnapshotFormat

KINDS: dict[str, type[AnyFact]] = {kind.STATE: kind for kind in AnyFact.__args__ if kind.STATE}
KINDS["submitted"] = DossierSubmitted


class LineFormat(SnapshotFormat):
    """Reads lines; writes nothing."""

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        records: list[Record] = []
        refused: list[RefusedRecord] = []
        parked: list[ParkedRecord] = []
        secrets: list[Span] = []
        start = index = 0
        for line in envelope.body.splitlines(keepends=True):
            span = (start, start + len(line.rstrip(b"\n")))
            start += len(line)
            if line.startswith(b"#"):
                secrets.append(span)
                continue
            self._line(mapped(json_of(line), profile), index, span, line.strip(), (records, refused, parked))
            index += 1
        return Reading(
            standard="plain",
            edition="1",
            service="lines",
            records=tuple(records),
            refused=tuple(refused),
            parked=tuple(parked),
            secrets=tuple(secrets),
            agency=dict(envelope.options).get("agency", ""),
            warnings=(Note("warn.unknown_field", "/x"),) if b"odd" in envelope.body else (),
        )

    def _line(
        self,
        value: dict[str, Any],
        index: int,
        span: Span,
        material: bytes,
        into: tuple[list[Record], list[RefusedRecord], list[ParkedRecord]],
    ) -> None:
        code, scope = value["code"], "party" if value.get("local") else "national"
        if value.get("refuse"):
            errors = (field_error(value["refuse"], f"/{index}", name="x"),)
            into[1].append(RefusedRecord(index=index, span=span, errors=errors, dossier=code))
        elif value.get("park"):
            into[2].append(
                ParkedRecord(
                    index=index, span=span, dossier=code, code=value["park"], path=f"/{index}",
                    word=value.get("word", "lạ"), service="lines", material=material, code_scope=scope,
                    row="row" in value,
                )
            )  # fmt: skip
        else:
            into[0].append(
                Record(
                    index=index, span=span, dossier=code, facts=tuple(facts_of(code, value)), material=material,
                    service="lines", row="row" in value, updating=value.get("updating"),
                    aliases=tuple(value.get("aliases", ())), agency=value.get("agency", ""), code_scope=scope,
                )
            )  # fmt: skip

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        return ()


def json_of(line: bytes) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise MessageRefused("read.not_json", str(error)) from error
    return value


def mapped(value: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """A line whose ``word`` is no state of ours: the state the profile gives it, else it is to be parked."""
    word = value.get("word")
    if word is None:
        return value
    state = profile.statuses.get(word)
    return {**value, "park": "park.status_unmapped"} if state is None else {**value, "state": state}


def facts_of(code: str, value: dict[str, Any]) -> Iterator[AnyFact]:
    """The facts of one line: a submission, a state, or a row with its own time."""
    if "row" in value:
        at = Moment(value["row"]["at"], text="x")
        step = Step(officer="Lò Thị Mẫu", content=value["row"].get("content", ""))
        yield KINDS[value.get("state", "processing")](dossier=code, at=at, step=step)  # type: ignore[call-arg]
        return
    yield DossierSubmitted(dossier=code, **value.get("values", {}))
    state = value.get("state", "submitted")
    if state != "submitted":
        yield KINDS[state](dossier=code)  # type: ignore[call-arg]


def line(code: str, **members: object) -> bytes:
    """One line of a message."""
    return json.dumps({"code": code, **members}, ensure_ascii=False).encode() + b"\n"


class Door:
    """A real reception over a real ledger in memory, with everything it was seen to do."""

    def __init__(self, directory: Path, parties: Sequence[Party], *, told: Sequence[str], limit: int) -> None:
        self.directory = directory
        self.clock = SteppedClock()
        self.parties = directory_of(parties)
        self.told = told
        self.limit = limit
        self.under_way: dict[tuple[str, bytes], Due] = {}
        self.behind: Callable[[], int] = lambda: 0
        self.heard: list[tuple[int, bytes, Event]] = []
        self.ledger = self._open()
        self._stand()

    def _open(self) -> Writer:
        return open_ledger(
            files=DiskFiles(self.directory),
            directory=str(self.directory),
            origin="log.mau.example",
            clock=self.clock,
            entropy=SeededEntropy(7),
            store="sqlite",
        )

    def _stand(self, observer: Observer | None = None) -> None:
        self.dossiers = Dossiers(self.ledger, limit=self.limit)
        self.reception = Reception(
            ledger=self.ledger,
            dossiers=self.dossiers,
            adapters={"plain": LineFormat()},
            parties=self.parties,
            authority=Authority(self.parties.values()),
            clock=self.clock,
            entropy=SeededEntropy(8),
            told=self.told,
            under_way=lambda party, stream: self.under_way.get((party, stream)),
            behind=lambda: self.behind(),  # noqa: PLW0108  # set anew by tests
            observer=observer,
        )
        self.reception.on_placed(self.heard.extend)

    def map_words(self, party: Party, **statuses: State) -> None:
        """The operator adds what a party's words mean, and starts the hub again."""
        known = {name: one for name, one in self.parties.items() if name != party.id}
        profile = Profile(statuses=statuses)
        self.parties = directory_of([*known.values(), replace(party, profile=profile)])
        self.restart()

    def observe(self, observer: Observer) -> None:
        """Stand again with somebody watching."""
        self._stand(observer)

    def restart(self) -> None:
        """The process ends and another begins on the same files."""
        self.ledger.close()
        self.ledger = self._open()
        self._stand()

    async def send(
        self, party: Party, *lines: bytes, source_id: str = "", agencies: tuple[str, ...] = (), **options: str
    ) -> Admitted:
        """One message of these lines."""
        return await self.reception(
            Envelope(
                party=party.id,
                adapter=party.adapter,
                body=b"".join(lines),
                received_at=self.clock.now(),
                source_id=source_id,
                agencies=agencies,
                options=tuple(sorted(options.items())),
            )
        )

    def event(self, position: int) -> Event | None:
        return self.ledger.read(position - 1, 1)[0].event


def directory_of(parties: Sequence[Party]) -> dict[str, Party]:
    return dict(directory(parties))


@contextmanager
def door(
    directory: Path, *, parties: Sequence[Party] = EVERYONE, told: Sequence[str] = ("cong",), limit: int = 100
) -> Iterator[Door]:
    """A hub's door that is closed in the end."""
    opened = Door(directory, parties, told=told, limit=limit)
    try:
        yield opened
    finally:
        opened.ledger.close()
