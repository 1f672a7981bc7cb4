"""``lienthong bundle …``: the group as typed; what it does is in ``bundle.py``."""

from pathlib import Path
from typing import Annotated

import typer

bundle_app = typer.Typer(no_args_is_help=True, help="Evidence about a dossier that anybody can check without the hub.")

_Config = Annotated[
    str, typer.Option("--config", help="Configuration file (else $LIENTHONG_CONFIG, ./lienthong.toml, the demo's).")
]
_File = Annotated[Path, typer.Argument(help="The bundle.", exists=True, dir_okay=False)]


@bundle_app.command("create")
def create(
    code: Annotated[str, typer.Argument(help="Code of the dossier in any of its forms.")],
    out: Annotated[Path | None, typer.Option(help="Where to write it; the code with .asice by default.")] = None,
    config: _Config = "",
) -> None:
    """Write everything that proves a dossier's history into one file; that it was taken out goes on the log."""
    from hub.commands import bundle as command

    command.create(config, code=code, out=out)


@bundle_app.command("verify")
def verify(
    file: _File,
    trust: Annotated[Path, typer.Option(help="Your trust file: log keys, witnesses, quorum.", exists=True)],
    tsa: Annotated[Path | None, typer.Option(help="Certificates of time stamping authorities, PEM.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Judge a bundle with nothing but a trust file; exit code 3 when something is wrong."""
    from hub.commands import bundle as command

    raise typer.Exit(command.verify(file, trust=trust, tsa=tsa, as_json=as_json))


@bundle_app.command("view")
def view(file: _File) -> None:
    """Show the timeline of a bundle. Judges nothing: ``verify`` does."""
    from hub.commands import bundle as command

    command.view(file)
