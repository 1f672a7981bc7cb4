"""``lienthong db …``: the group as typed; what it does is in ``db.py``."""

from typing import Annotated

import typer

db_app = typer.Typer(no_args_is_help=True, help="Copies of the log and its keys; moving them to PostgreSQL.")

_Config = Annotated[
    str, typer.Option("--config", help="Configuration file (else $LIENTHONG_CONFIG, ./lienthong.toml, the demo's).")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@db_app.command("backup")
def backup(
    target: Annotated[str, typer.Argument(help="An empty directory.")],
    keys: Annotated[bool, typer.Option("--keys", help="Copy the data keys, not the log; keep them elsewhere.")] = False,
    config: _Config = "",
    as_json: _Json = False,
) -> None:
    """Copy the log, or with --keys the data keys, beside a running hub. Copy the log first, the keys after it."""
    from hub.commands import db as command

    command.backup(config, target=target, keys=keys, as_json=as_json)


@db_app.command("restore")
def restore(
    source: Annotated[str, typer.Argument(help="Directory of a copy of the log.")],
    keys: Annotated[str, typer.Option("--keys", help="Directory of a copy of the data keys.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Only judge the copies; put nothing back.")] = False,
    checkpoint: Annotated[str, typer.Option(help="File with the newest checkpoint that anybody outside holds.")] = "",
    config: _Config = "",
    as_json: _Json = False,
) -> None:
    """Verify copies from their first byte and put them back, unless more was signed than they hold."""
    from hub.commands import db as command

    command.restore(config, source=source, keys=keys, only=verify, checkpoint=checkpoint, as_json=as_json)


@db_app.command("migrate")
def migrate(config: _Config = "", as_json: _Json = False) -> None:
    """Move ledger.db and keys.db into the PostgreSQL databases of the configuration; same leaves, same root."""
    from hub.commands import db as command

    command.migrate(config, as_json=as_json)
