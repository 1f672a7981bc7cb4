"""The civil-status adapter keeps the port's promises."""

from adapters import registry
from adapters.kit import AdapterConformance
from adapters.kit.specimen import full_fields


class TestCivilStatus(AdapterConformance):
    adapter = registry.get("civil_status")
    never_carried = frozenset(full_fields()) - {"due_at"}
    """The ministry holds the dossier itself; to it the hub only tells the state and the promised date."""
