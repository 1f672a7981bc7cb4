"""The simulators on their ports."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from adapters import registry
from contracts.errors import Misconfigured

PROFILES: Final = ("calm", "slow", "flaky", "hostile")
_HOST: Final = "127.0.0.1"


class Stage:
    """Some simulated parties, by adapter name, each on a port of its own."""

    def __init__(self, names: Sequence[str], *, profile: str, seed: int) -> None:
        if profile not in PROFILES:
            raise Misconfigured("config.invalid", f"one of {', '.join(PROFILES)}", name="profile")
        simulators = registry.simulators()
        self.simulators: Mapping[str, Any] = {name: simulators[name](profile, seed) for name in names}
        self._runners: list[web.AppRunner] = []

    async def open(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Serve every simulator; returns its base URL by name. Port 0 (or none given) = any free one."""
        addresses = {}
        for name, simulator in self.simulators.items():
            runner = web.AppRunner(simulator.app(), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, _HOST, ports.get(name, 0), backlog=1_024).start()
            self._runners.append(runner)
            addresses[name] = f"http://{_HOST}:{runner.addresses[0][1]}"
        return addresses

    def credentials(self) -> dict[str, tuple[str, str]]:
        """What each simulated party wants to see at login: (user name, password) by name."""
        modules = {name: sys.modules[type(simulator).__module__] for name, simulator in self.simulators.items()}
        return {name: (module.USERNAME, module.PASSWORD) for name, module in modules.items()}

    def kept(self) -> dict[str, Any]:
        """What every simulated party would need to go on later, as plain values."""
        return {name: simulator.kept() for name, simulator in self.simulators.items()}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Go on from what an earlier stage kept."""
        for name, simulator in self.simulators.items():
            if name in kept:
                simulator.recall(kept[name])

    async def close(self) -> None:
        """Stop serving."""
        for runner in self._runners:
            await runner.cleanup()

    def holdings(self) -> dict[str, Any]:
        """What every simulated party holds, by party and dossier code."""
        return {name: dict(simulator.holdings()) for name, simulator in self.simulators.items()}
