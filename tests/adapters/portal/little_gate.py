"""A gate with a memory and no ledger: what the served endpoint asks of the hub, in a few lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.portal import ADAPTER
from contracts.envelope import Envelope
from contracts.errors import FieldError, HubError, field_error
from contracts.picture import Picture
from contracts.ports import Admit, Admitted, Principal, Profile, RecordOutcome

PROVINCE = Principal(party="tinh-mau", role="party", adapter="portal", agencies=("H99",))


class LittleGate:
    """Takes every message the adapter can read; knows the dossiers it took, so that a second creation exists."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.known: set[str] = set()
        self.sessions: dict[str, Principal] = {}
        self.fails: HubError | None = None
        self.pictures: dict[str, Picture] = {}
        self.catalogues: dict[str, Sequence[Mapping[str, Any]]] = {}

    @property
    def admit(self) -> Admit:
        return self._admit

    async def _admit(self, envelope: Envelope) -> Admitted:
        if self.fails is not None:
            raise self.fails
        reading = ADAPTER.read(envelope, Profile())
        self.taken.append(envelope)
        outcomes = [
            RecordOutcome(index=one.index, code=one.dossier, state="refused", errors=one.errors)
            for one in reading.refused
        ]
        for one in reading.records:
            errors: tuple[FieldError, ...] = ()
            if one.updating is False and not one.row and one.dossier in self.known:
                errors = (field_error("intake.exists"),)
            elif one.agency and not one.agency.startswith("H99"):
                errors = (field_error("intake.agency_forbidden", agency=one.agency),)
            state = "refused" if errors else "applied"
            outcomes.append(RecordOutcome(index=one.index, code=one.dossier, state=state, errors=errors))
            if not errors:
                self.known.add(one.dossier)
        outcomes += [RecordOutcome(index=one.index, code=one.dossier, state="parked") for one in reading.parked]
        outcomes.sort(key=lambda one: one.index)
        number = len(self.taken)
        return Admitted(
            message_id=f"m{number}", position=number, accepted_at=1, duplicate=False, records=tuple(outcomes)
        )

    def now(self) -> int:
        return 1_789_000_000_000_000

    def by_bearer(self, token: str) -> Principal | None:
        return PROVINCE if token == "the-mau" else None

    def by_path(self, secret: str) -> Principal | None:
        return PROVINCE if secret == "duong-mau" else None

    def login(self, username: str, password: str) -> str | None:
        if (username, password) != ("tinh-mau", "mat-khau-mau"):
            return None
        session = f"phien-{len(self.sessions) + 1}"
        self.sessions[session] = PROVINCE
        return session

    def by_session(self, session: str) -> Principal | None:
        return self.sessions.get(session)

    async def find_dossier(self, principal: Principal, code: str) -> Picture | None:
        return self.pictures.get(code) if principal is PROVINCE else None

    def catalogue(self, name: str) -> Sequence[Mapping[str, Any]]:
        return self.catalogues.get(name, ())
