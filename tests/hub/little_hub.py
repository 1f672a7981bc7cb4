"""A hub without disk or network: one dossier, a few invented parties, the real rules of intake, decision and delivery.

Every message gets the next position, every event the ones after it, exactly as on the log.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.facts import AnyFact
from contracts.picture import Due, Picture
from contracts.ports import Address, Profile, Remote, Source, Transport
from contracts.reading import Reading, Record
from hub.authority import Authority
from hub.decide import Decision, decide
from hub.intake import fingerprint_material, lane_of, verdicts
from hub.judgement import Context, Verdict
from hub.parties import Party
from hub.picture import DossierState
from hub.route import due_for, flights_to, known_at
from ledger.unit import Standing

STREAM = b"\x01" * 16
NOON = 1_767_243_600_000_000
MINUTE = 60_000_000
CODE = "000.00.01.H99-260101-0001"

PORTAL = Party(id="cong", adapter="plain", role="portal", national=True)
PROVINCE = Party(id="tinh-mau", adapter="plain", agencies=("H99",))
OTHER_PROVINCE = Party(id="tinh-khac", adapter="plain", agencies=("H98",))
MINISTRY = Party(id="bo-mau", adapter="plain", agencies=("G99",))
PAYMENT = Party(id="thanh-toan", adapter="plain", role="platform", owns=("payment",))
EVERYONE = (PORTAL, PROVINCE, OTHER_PROVINCE, MINISTRY, PAYMENT)


class SnapshotFormat:
    """An invented format that carries every value and the state; only its projection is used here."""

    name = "plain"
    edition = "1"
    types: tuple[str, ...] = ()
    batch_limit = 100

    def __init__(self, *, rows: bool = True, carries: Callable[[Picture], Mapping[str, Any]] | None = None) -> None:
        self._rows = rows
        self._carries = carries

    def for_profile(self, profile: Profile) -> "SnapshotFormat":
        return self

    def mapping_hash(self) -> str:
        return "00" * 32

    def recognise(self, body: bytes, content_type: str) -> str:
        return ""

    def read(self, envelope: Envelope, profile: Profile) -> Reading:
        raise NotImplementedError

    def project(self, picture: Picture, profile: Profile) -> Mapping[str, Any]:
        if self._carries is not None:
            return self._carries(picture)
        return {**picture.fields, "state": picture.state}

    def carries_rows(self) -> bool:
        return self._rows

    def write(self, due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
        raise NotImplementedError

    def remote(self, address: Address, transport: Transport, profile: Profile) -> Remote:
        raise NotImplementedError

    def source(self, address: Address, transport: Transport, party: str, now: Callable[[], int]) -> Source | None:
        return None


class LittleHub:
    """One dossier's whole life. ``say`` takes a record in, ``send`` and ``confirm`` tell a target."""

    def __init__(self, *parties: Party, adapter: SnapshotFormat | None = None) -> None:
        self.parties = {party.id: party for party in parties or EVERYONE}
        self.authority = Authority(self.parties.values())
        self.adapter = adapter or SnapshotFormat()
        self.state: DossierState | None = None
        self.position = 0
        self.now = NOON
        self.seen: dict[str, list[bytes]] = {}
        self.standings: dict[str, Standing] = {}
        self.flights: dict[str, Due] = {}
        self.decisions: list[Decision] = []

    def say(
        self,
        party: Party,
        *facts: AnyFact,
        row: bool = False,
        updating: bool | None = None,
        agency: str = "",
        aliases: tuple[str, ...] = (),
    ) -> Decision:
        """A message of one record, a minute after the last; equal facts are equal bytes."""
        self.now += MINUTE
        record = Record(
            index=0,
            span=(0, 0),
            dossier=facts[0].dossier if facts else CODE,
            facts=facts,
            material=msgspec.json.encode(facts),
            service="rows" if row else "records",
            row=row,
            updating=updating,
            aliases=aliases,
            agency=agency,
        )
        return self.take(party, record)

    def take(self, party: Party, record: Record) -> Decision:
        """Intake and decision of one record, as the hub does it."""
        verdict: Verdict = "new"
        if not record.row:
            fingerprint = blake2b(fingerprint_material(record, party.id), digest_size=16).digest()
            accepted = self.seen.setdefault(lane_of(party.id, record.service), [])
            verdict = verdicts(accepted, [fingerprint], [record.updating is False])[0]
            if verdict != "duplicate":
                accepted.append(fingerprint)
        standing = self.standings.get(party.id)
        message = self.position + 1
        decision = decide(
            self.state,
            record,
            Context(
                party=party,
                authority=self.authority,
                accepted_at=self.now,
                message=message,
                first_position=message + 1,
                stream=STREAM,
                verdict=verdict,
                known=None if self.state is None else known_at(self.state, party.id, standing),
                confirmed=standing is not None and standing.through > 0,
                flights=()
                if self.state is None
                else flights_to(self.state, party.id, standing, self.flights.get(party.id)),
                project=lambda picture: self.adapter.project(picture, party.profile),
            ),
        )
        self.position = message + len(decision.events)
        if decision.events:
            self.state = decision.after
        if decision.confirms or decision.rows:
            before = self.standing(party.id)
            self._stand(party.id, max(before.through, decision.confirms), (*before.rows, *decision.rows))
        self.decisions.append(decision)
        return decision

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────

    def standing(self, target: str) -> Standing:
        return self.standings.get(target) or Standing(stream=STREAM, target=target, through=0)

    def _stand(self, target: str, through: int, rows: tuple[int, ...]) -> None:
        self.standings[target] = Standing(
            stream=STREAM, target=target, through=through, rows=tuple(sorted(dict.fromkeys(rows)))
        )

    def due(self, target: Party) -> Due | None:
        """What the target must be told now."""
        assert self.state is not None
        standing = self.standings.get(target.id)
        known = known_at(self.state, target.id, standing)
        return due_for(self.state, target.id, standing, known, self.adapter, target.profile)

    def send(self, target: Party) -> Due | None:
        """Begin a delivery."""
        due = self.due(target)
        if due is not None:
            self.flights[target.id] = due
        return due

    def confirm(self, target: Party) -> None:
        """The target answered *done*."""
        due = self.flights.pop(target.id)
        before = self.standing(target.id)
        through = due.picture.position if due.record else before.through
        self._stand(target.id, max(before.through, through), (*before.rows, *(step.position for step in due.steps)))
        self.position += 1

    def tell(self, target: Party) -> Due | None:
        """Send and confirm at once."""
        due = self.send(target)
        if due is not None:
            self.confirm(target)
        return due

    @property
    def picture(self) -> Picture:
        assert self.state is not None
        return self.state.picture()
