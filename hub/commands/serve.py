"""``lienthong serve``: the hub until SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal
from pathlib import Path
from typing import Final

import uvloop

from hub.commands.locate import config_path, directory_of
from hub.serving import Serving
from hub.settings import Settings, load
from hub.wiring import build, real_world
from monitoring import logs

EXIT_OK: Final = 0
EXIT_UNEXPECTED: Final = 1
YOUNG: Final = 20_000
MIDDLE: Final = 20
OLD: Final = 50
"""Thresholds of the cyclic garbage collector: new containers, and collections of the generation before."""
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(given: str, *, port: int | None, ops_port: int | None, accept_clock: bool) -> int:
    """Serve until told to stop; 0 after a graceful stop, 1 when the hub halted by itself."""
    path = config_path(given)
    settings = with_ports(load(path), port=port, ops_port=ops_port)
    logs.configure(settings.log.level, settings.log.format)
    logs.get_logger("serve").info(
        "settings", path=path.name, settings=settings.model_dump(by_alias=True), accept_clock=accept_clock
    )
    return uvloop.run(_serve(settings, base=path.parent, accept_clock="operator" if accept_clock else ""))


def with_ports(settings: Settings, *, port: int | None, ops_port: int | None) -> Settings:
    """The settings with the ports given on the command line over them."""
    changes = {name: value for name, value in (("port", port), ("ops_port", ops_port)) if value is not None}
    return settings.model_copy(update={"hub": settings.hub.model_copy(update=changes)}) if changes else settings


def _settle() -> None:
    """Have the collector leave alone what lives as long as the process, and look rarely for the little that is cyclic.

    What the hub keeps (dossiers, entries, keys) is without cycles and goes by itself; walking it again and again costs
    a tenth of the processor time, and every full walk holds the loop for longer than a commit.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


async def _serve(settings: Settings, *, base: Path, accept_clock: str) -> int:
    serving = Serving(build(settings, real_world(directory_of(settings, base)), accept_clock=accept_clock))
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, serving.request_stop, "asked")
    await serving.start()
    _settle()
    reason = await serving.run()
    return EXIT_OK if reason == "asked" else EXIT_UNEXPECTED
