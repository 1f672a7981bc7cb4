"""The connected systems as data: who they are, whom they speak for, what they own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from contracts.ports import Address, Profile

Role: TypeAlias = Literal["agency", "portal", "platform"]
"""agency: takes dossiers in and works on them · portal: shows and hands in, never holds · platform: payment, rating."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One connected system.

    ``agencies`` are the agency codes it speaks for, as ``contracts.identifiers`` normalises them ("*" = any).
    ``national`` systems may speak about dossiers of any agency. ``owns`` names what it owns beyond the ordinary
    (``submission``, ``status``, ``payment``, ``satisfaction``, ``feedback``). ``address`` None: nothing is sent to it.
    ``quota_per_s`` and ``quota_burst`` count records.
    """

    id: str
    adapter: str
    agencies: tuple[str, ...] = ()
    role: Role = "agency"
    national: bool = False
    owns: tuple[str, ...] = ()
    enabled: bool = True
    quota_per_s: float = 5_000.0
    quota_burst: int = 20_000
    profile: Profile = field(default_factory=Profile)
    address: Address | None = None
    name: str = ""

    @property
    def may_hold(self) -> bool:
        """Whether it can become the holder of a dossier: a portal only shows, and so does any national system.

        A national system that does work on dossiers says so with ``owns = ["status"]``.
        """
        return "status" in self.owns or (self.role == "agency" and not self.national)


def directory(parties: Iterable[Party]) -> Mapping[str, Party]:
    """The parties by id, read-only, in their configured order."""
    return MappingProxyType({party.id: party for party in parties})
