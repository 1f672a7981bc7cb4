"""The OpenCPS adapter keeps the port's promises."""

from adapters import registry
from adapters.kit import AdapterConformance
from contracts.delivery import Rendering
from contracts.envelope import Envelope


class TestOpencps(AdapterConformance):
    adapter = registry.get("opencps")

    def carrying(self, rendering: Rendering) -> Envelope:
        message_type = f"opencps/{rendering.service}"
        return Envelope(party="mau", adapter="opencps", body=rendering.body, received_at=0, type=message_type)
