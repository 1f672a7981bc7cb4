"""Which hub a command means: ``--config``, else ``LIENTHONG_CONFIG``, else ``./lienthong.toml``, else the demo's."""

import os
from pathlib import Path
from typing import Final

from contracts.errors import Misconfigured
from hub.settings import Settings
from ledger.stores.open import open_postgres
from ledger.stores.store import LogTables

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


def secret_of(directory: str, name: str) -> str:
    """The one line of a secret file in the hub's directory.

    Raises:
        Misconfigured: ``config.missing`` when it is not there.
    """
    try:
        return (Path(directory) / name).read_text("utf-8").strip()
    except OSError as error:
        raise Misconfigured("config.missing", str(error), name=name) from error


def tables_of(settings: Settings, directory: str) -> LogTables | None:
    """The log's tables, opened to read beside a running hub, where they lie in PostgreSQL; else None."""
    if settings.ledger.store != "postgres":
        return None
    return open_postgres(secret_of(directory, settings.ledger.dsn_file), opening="read")


def directory_of(settings: Settings, base: Path) -> str:
    """Where the hub keeps its files: a relative directory is meant from the configuration file's own folder."""
    return str(base / settings.hub.directory)
