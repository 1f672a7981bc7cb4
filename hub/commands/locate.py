"""Which hub a command means: ``--config``, else ``LIENTHONG_CONFIG``, else ``./lienthong.toml``, else the demo's."""

import os
from pathlib import Path
from typing import Final

from contracts.errors import Misconfigured
from hub.settings import Settings

DEMO_CONFIG: Final = Path(".lienthong/demo/lienthong.toml")


def config_path(given: str) -> Path:
    """The configuration file to use.

    Raises:
        Misconfigured: ``config.missing`` when there is none anywhere.
    """
    chosen = given or os.environ.get("LIENTHONG_CONFIG", "")
    if chosen:
        return Path(chosen)
    for path in (Path("lienthong.toml"), DEMO_CONFIG):
        if path.is_file():
            return path
    raise Misconfigured(
        "config.missing", "run `lienthong config init` or `lienthong demo` first", name="lienthong.toml"
    )


def directory_of(settings: Settings, base: Path) -> str:
    """Where the hub keeps its files: a relative directory is meant from the configuration file's own folder."""
    return str(base / settings.hub.directory)
