"""``lienthong key …``: the group as typed; what it does is in ``key.py``."""

from typing import Annotated

import typer

key_app = typer.Typer(no_args_is_help=True, help="The keys of the log: who signs, who signed, what rests on whom.")

_Config = Annotated[
    str, typer.Option("--config", help="Configuration file (else $LIENTHONG_CONFIG, ./lienthong.toml, the demo's).")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Key = Annotated[str, typer.Option("--key", help="Its verifier key; by default the oldest key that signs the log.")]
_Since = Annotated[str, typer.Option(help="Since when, RFC 3339 with an offset: 2026-01-05T18:00:00+07:00.")]


@key_app.command("list")
def listing(config: _Config = "", as_json: _Json = False) -> None:
    """Every key the log announced, and what became of it."""
    from hub.commands import key as command

    command.listing(config, as_json=as_json)


@key_app.command("add")
def add(
    vkey: Annotated[str, typer.Argument(help="The verifier key: name+id+key.")],
    purpose: Annotated[str, typer.Option(help="witness or source.")],
    config: _Config = "",
    as_json: _Json = False,
) -> None:
    """Announce the public key of a witness or a source on the log."""
    from hub.commands import key as command

    command.change(config, "key.add", {"vkey": vkey, "purpose": purpose}, as_json=as_json)


@key_app.command("rotate")
def rotate(config: _Config = "", as_json: _Json = False) -> None:
    """Make and announce a new log key; both keys sign until `key retire`."""
    from hub.commands import key as command

    command.change(config, "key.rotate", {}, as_json=as_json)


@key_app.command("retire")
def retire(key: _Key = "", config: _Config = "", as_json: _Json = False) -> None:
    """End a key in order: it signs nothing more; what it signed stays good."""
    from hub.commands import key as command

    command.change(config, "key.retire", {"vkey": key}, as_json=as_json)


@key_app.command("revoke")
def revoke(
    vkey: Annotated[str, typer.Argument(help="The verifier key that is not to be believed.")],
    since: _Since,
    reason: Annotated[str, typer.Option(help="compromised, lost or superseded.")],
    config: _Config = "",
    as_json: _Json = False,
) -> None:
    """Say on the log that a key is not to be believed from a time on."""
    from hub.commands import key as command

    command.change(config, "key.revoke", {"vkey": vkey, "since": since, "reason": reason}, as_json=as_json)


@key_app.command("report")
def report(since: _Since, key: _Key = "", config: _Config = "", as_json: _Json = False) -> None:
    """What rests on one key alone since a time, and what outside testimony covers it."""
    from hub.commands import key as command

    command.report(config, since=since, key=key, as_json=as_json)
