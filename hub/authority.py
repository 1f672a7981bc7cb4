"""Who owns what is said about a dossier, as data with defaults.

The origin owns the submission; the party that holds the dossier owns its status, steps and due date; payment,
satisfaction and feedback belong to their platforms. The holder is the first party that works on the dossier, or the
party of the agency it was transferred to; a portal shows dossiers and never holds one, so it cannot become the owner of
a status by repeating what it was told. What a party does not own is recorded and questioned, never lost.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, Protocol, TypeAlias

from contracts.facts import (
    VALUE_FIELDS,
    AliasLinked,
    ClockPaused,
    ClockResumed,
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    DossierTransferred,
    DossierWithdrawn,
    DueDateChanged,
    Fact,
    FactCorrected,
    FeedbackAnswered,
    FeedbackReceived,
    PaymentRecorded,
    PaymentRequested,
    ProcessingFinished,
    ProcessingStepRecorded,
    ProcessingStopped,
    ResultHandedOver,
    ResultIssued,
    ResultRevoked,
    SatisfactionRated,
    SupplementProvided,
    SupplementRequested,
)
from hub.parties import Party

Domain: TypeAlias = Literal[
    "submission", "status", "applicant", "payment", "satisfaction", "feedback", "alias", "correction"
]
"""applicant: what the applicant does later (supplements, withdraws), told by the origin or the holder."""

Ground: TypeAlias = Literal["", "owner", "gap", "agreed"]
""""" the ordinary ground · owner: by configuration · gap: only values that the origin left open · agreed: it owns
nothing of this but says what stands already, so that it is known to know it."""

DOMAINS: Final[Mapping[type[Fact], Domain]] = {
    DossierSubmitted: "submission",
    DossierReceived: "status",
    DossierRefused: "status",
    ProcessingStepRecorded: "status",
    SupplementRequested: "status",
    SupplementProvided: "applicant",
    PaymentRequested: "status",
    PaymentRecorded: "payment",
    ClockPaused: "status",
    ClockResumed: "status",
    DueDateChanged: "status",
    DossierTransferred: "status",
    DossierWithdrawn: "applicant",
    ProcessingStopped: "status",
    ProcessingFinished: "status",
    ResultIssued: "status",
    ResultHandedOver: "status",
    ResultRevoked: "status",
    SatisfactionRated: "satisfaction",
    FeedbackReceived: "feedback",
    FeedbackAnswered: "status",
    AliasLinked: "alias",
    FactCorrected: "correction",
}

SUBMISSION_FIELDS: Final = frozenset(VALUE_FIELDS[DossierSubmitted])
_PLATFORMS: Final = ("payment", "satisfaction", "feedback")


class Tenure(Protocol):
    """Who told and who held a dossier at one point of its history; ``hub.picture.DossierState`` is one."""

    origin: str
    """The party whose submission leads; before any submission, the first that told of the dossier."""
    submitted: bool
    """Whether ``origin`` submitted it; until then nobody owns the submission."""
    holder: str
    left: str
    """The party that gave the dossier away and may not speak for it again until it comes back; "" = none."""
    held_by_agency: str
    """The agency it was transferred to while nobody there has spoken yet; "" = none."""


class Authority:
    """Answers who may say what. Built once from the directory of parties; holds nothing else."""

    def __init__(self, parties: Iterable[Party]) -> None:
        everyone = tuple(parties)
        self._parties: Mapping[str, Party] = {party.id: party for party in everyone}
        self._owners: Mapping[str, frozenset[str]] = {
            domain: frozenset(party.id for party in everyone if domain in party.owns)
            for domain in ("submission", "status", *_PLATFORMS)
        }
        self._holders_by_agency: Mapping[str, str] = {
            agency: party.id for party in reversed(everyone) if party.may_hold for agency in party.agencies
        }

    def party(self, party: str) -> Party | None:
        """A party by id, None if it is not in the directory (any more)."""
        return self._parties.get(party)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all parties, in configured order."""
        return tuple(self._parties)

    def party_of(self, agency: str) -> str:
        """The party that may hold dossiers of ``agency`` or of the nearest agency above it, "" if none is known."""
        found = self._holders_by_agency
        while agency:
            if agency in found:
                return found[agency]
            agency = agency.rpartition(".")[0]
        return ""

    def ground(self, party: Party, domain: Domain, tenure: Tenure, agency: str = "") -> Ground | None:
        """On what ground ``party`` may speak in ``domain`` at this point, or None.

        ``agency`` is the one the dossier code names. Corrections are judged field by field by the caller.
        """
        if domain == "status":
            return self._status(party, tenure, agency)
        if domain == "submission":
            return self._submission(party, tenure, agency)
        if domain == "applicant":
            return "" if party.id == tenure.origin else self._status(party, tenure, agency)
        if domain in {"alias", "correction"}:
            return ""
        owners = self._owners[domain]
        if party.id in owners:
            return "owner"
        return None if owners else ""

    def _submission(self, party: Party, tenure: Tenure, agency: str) -> Ground | None:
        if not tenure.submitted or party.id == tenure.origin:
            return ""
        if party.id in self._owners["submission"]:
            return "owner"
        return None if self._status(party, tenure, agency) is None else "gap"

    def _status(self, party: Party, tenure: Tenure, agency: str) -> Ground | None:
        if tenure.holder == party.id:
            return ""
        if "status" in party.owns and tenure.holder:
            return "owner"
        if tenure.holder or tenure.left == party.id or not party.may_hold:
            return None
        if tenure.held_by_agency:
            expected = self.party_of(tenure.held_by_agency)
            return "" if expected in {"", party.id} else None
        # Whoever hands in does not thereby work on it: a ministry's own code does not keep a province from processing.
        expected = self.party_of(agency)
        return "" if expected in {"", party.id, tenure.origin} else None
