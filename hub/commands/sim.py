"""``lienthong sim up``: simulated remote parties until Ctrl-C."""

import asyncio
import signal

import uvloop

from adapters.sandbox.stage import Stage
from hub.commands.output import emit_json


def up(names: list[str], *, profile: str, seed: int, port: int) -> int:
    """Serve them; prints address and login of each as one JSON object."""
    return uvloop.run(_up(names, profile=profile, seed=seed, port=port))


async def _up(names: list[str], *, profile: str, seed: int, port: int) -> int:
    stage = Stage(names, profile=profile, seed=seed)
    ports = {name: port + place for place, name in enumerate(names)} if port else {}
    addresses = await stage.open(ports)
    logins = stage.credentials()
    emit_json(
        {
            name: {"base_url": url, "username": logins[name][0], "secret": logins[name][1]}
            for name, url in addresses.items()
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await stage.close()
    return 0
