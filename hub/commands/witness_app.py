"""``lienthong witness …`` and ``lienthong anchor …``: the groups as typed; what they do is in ``witness.py``."""

from typing import Annotated

import typer

witness_app = typer.Typer(no_args_is_help=True, help="Who outside vouches for the log, and how fresh that is.")
anchor_app = typer.Typer(no_args_is_help=True, help="Testimony from outside as leaves of the log.")

_Config = Annotated[
    str, typer.Option("--config", help="Configuration file (else $LIENTHONG_CONFIG, ./lienthong.toml, the demo's).")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@witness_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called here.")],
    url: Annotated[str, typer.Argument(help="Its submission prefix: …/add-checkpoint is asked.")],
    vkey: Annotated[str, typer.Argument(help="Its verifier key: name+id+key, of type 0x04.")],
    config: _Config = "",
) -> None:
    """Add a witness to the configuration; a serving hub asks it after its next start."""
    from hub.commands import witness as command

    command.add(config, name=name, url=url, vkey=vkey)


@witness_app.command("list")
def listing(config: _Config = "", as_json: _Json = False) -> None:
    """The witnesses, how far each has cosigned, and how old the newest testimony is."""
    from hub.commands import witness as command

    command.listing(config, as_json=as_json)


@witness_app.command("override")
def override(
    until: Annotated[str, typer.Option(help="Until when, RFC 3339 with an offset: 2026-01-05T18:00:00+07:00.")],
    reason: Annotated[str, typer.Option(help="Why; goes on the log.")],
    config: _Config = "",
) -> None:
    """Let messages in although the newest testimony is too old; at most for a week, and it goes on the log."""
    from hub.commands import witness as command

    command.override(config, until=until, reason=reason)


@anchor_app.command("now")
def now(config: _Config = "", as_json: _Json = False) -> None:
    """Have the newest checkpoint cosigned and timestamped now; 6 when some of it could not be had."""
    from hub.commands import witness as command

    raise typer.Exit(command.anchor_now(config, as_json=as_json))
