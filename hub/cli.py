"""The command line: data on stdout, everything else on stderr, documented exit codes.

0 ok · 1 unexpected · 2 usage · 3 verification failed · 4 not found · 5 invalid input · 6 remote unavailable ·
7 refused, needs ``--yes`` · 130 interrupted. Nothing heavy is imported before a command runs: ``--help`` stays fast.
"""

import sys
from typing import Annotated, Final

import typer

from contracts.errors import HubError, IntegrityViolation, MessageRefused, Misconfigured, Overloaded, TargetUnavailable
from hub.commands.bundle_app import bundle_app
from hub.commands.db_app import db_app
from hub.commands.key_app import key_app
from hub.commands.witness_app import anchor_app, witness_app

EXIT_UNEXPECTED: Final = 1
EXIT_USAGE: Final = 2
EXIT_VERIFICATION: Final = 3
EXIT_NOT_FOUND: Final = 4
EXIT_INVALID: Final = 5
EXIT_REMOTE: Final = 6
EXIT_NEEDS_YES: Final = 7
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="lienthong",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Liên Thông: one signed history for every dossier, in every agency's own format.",
)
config_app = typer.Typer(no_args_is_help=True, help="Check, show and start a configuration.")
sample_app = typer.Typer(no_args_is_help=True, help="Made-up traffic, marked as such.")
sim_app = typer.Typer(no_args_is_help=True, help="Simulated parties.")
dossier_app = typer.Typer(no_args_is_help=True, help="Find dossiers; their state at any moment; what changed.")
log_app = typer.Typer(no_args_is_help=True, help="The signed log: follow it, verify it.")
party_app = typer.Typer(no_args_is_help=True, help="The connected systems.")
adapter_app = typer.Typer(no_args_is_help=True, help="Party formats: list, show, try on a file.")
parked_app = typer.Typer(no_args_is_help=True, help="What waits for a human.")
for name, group in (
    ("config", config_app),
    ("sample", sample_app),
    ("sim", sim_app),
    ("dossier", dossier_app),
    ("log", log_app),
    ("party", party_app),
    ("adapter", adapter_app),
    ("parked", parked_app),
    ("db", db_app),
    ("key", key_app),
    ("witness", witness_app),
    ("anchor", anchor_app),
    ("bundle", bundle_app),
):
    app.add_typer(group, name=name)

ConfigOption = Annotated[
    str, typer.Option("--config", help="Configuration file (else $LIENTHONG_CONFIG, ./lienthong.toml, the demo's).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help="One JSON object per line.")]
ParkedCode = Annotated[str, typer.Argument(help="Code of a dossier that waits for a target.", show_default=False)]
ParkedTarget = Annotated[str, typer.Argument(help="The target it waits for.", show_default=False)]
ParkedPosition = Annotated[int, typer.Option("--position", min=0, help="Position at which a record was parked.")]
PortOption = Annotated[int | None, typer.Option("--port", help="User port; 0 = any free one.")]
OpsPortOption = Annotated[int | None, typer.Option("--ops-port", help="Operations port; 0 = any free one.")]


@app.command()
def demo(  # noqa: PLR0913  # one option per promise of the interface
    seconds: Annotated[float, typer.Option(help="How long traffic flows.")] = 20.0,
    dossiers: Annotated[int, typer.Option(help="How many dossiers each sender begins; 0 = as many as fit.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the made-up traffic.")] = 7,
    directory: Annotated[str, typer.Option("--dir", help="Where the demo keeps its state.")] = ".lienthong/demo",
    headless: Annotated[bool, typer.Option("--headless", help="End by itself when the time is over.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Go on from the state of the last run.")] = False,
    profile: Annotated[str, typer.Option(help="Temper of the parties: calm, slow, flaky or hostile.")] = "calm",
    port: PortOption = None,
    ops_port: OpsPortOption = None,
    as_json: JsonOption = False,
) -> None:
    """See dossiers flow between a province, a ministry and the National Portal."""
    from hub.commands import demo as command

    raise typer.Exit(
        command.run(
            command.Plan(
                seconds=seconds,
                dossiers=dossiers,
                seed=seed,
                directory=directory,
                headless=headless,
                keep=keep,
                profile=profile,
                port=port,
                ops_port=ops_port,
                as_json=as_json,
            )
        )
    )


@app.command()
def serve(
    config: ConfigOption = "",
    port: PortOption = None,
    ops_port: OpsPortOption = None,
    accept_clock: Annotated[
        bool, typer.Option("--accept-clock", help="Go on although the system clock stepped.")
    ] = False,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C."""
    from hub.commands import serve as command

    raise typer.Exit(command.run(config, port=port, ops_port=ops_port, accept_clock=accept_clock))


@app.command()
def doctor(config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """Check versions, clock, keys, store, disk: a line each, with its mend."""
    from hub.commands import doctor as command

    raise typer.Exit(command.run(config, as_json=as_json))


@app.command()
def erase(
    code: Annotated[
        str, typer.Argument(help="Code of the dossier, or its stream (32 hex digits).", show_default=False)
    ],
    ground: Annotated[str, typer.Option(help="The legal ground, without personal data; goes on the log.")],
    item: Annotated[
        list[str] | None, typer.Option("--item", help="Only this: message/<position>/<part>; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Without it nothing is erased and the exit code is 7.")] = False,
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """Erase a dossier's content for ever; the log goes on proving everything else."""
    from hub.commands import erase as command

    command.run(config, code=code, ground=ground, items=item or [], yes=yes, as_json=as_json)


@config_app.command("check")
def config_check(config: ConfigOption = "") -> None:
    """Say everything that is wrong with a configuration at once."""
    from hub.commands import config as command

    command.check(config)


@config_app.command("show")
def config_show(config: ConfigOption = "", effective: Annotated[bool, typer.Option("--effective")] = False) -> None:
    """Print the configuration, with every default when --effective; secrets are never in it."""
    from hub.commands import config as command

    command.show(config, effective=effective)


@config_app.command("init")
def config_init(path: Annotated[str, typer.Argument()] = "lienthong.toml") -> None:
    """Write a commented configuration to start from."""
    from hub.commands import config as command

    command.init(path)


@sample_app.command("generate")
def sample_generate(
    dossiers: Annotated[int, typer.Option(min=1, max=1_000_000)] = 10,
    seed: Annotated[int, typer.Option()] = 7,
    kind: Annotated[str, typer.Option("--format", help="portal, opencps or civil_status.")] = "portal",
) -> None:
    """Print made-up messages of one format, one JSON object per line, full of Vietnamese diacritics."""
    from hub.commands import sample as command

    command.generate(kind, dossiers=dossiers, seed=seed)


@sim_app.command("up")
def sim_up(
    names: Annotated[list[str], typer.Argument(help="Adapters to simulate a remote party of.")],
    profile: Annotated[str, typer.Option(help="calm, slow, flaky or hostile.")] = "calm",
    seed: Annotated[int, typer.Option()] = 7,
    port: Annotated[int, typer.Option(help="First port; 0 = any free ones.")] = 0,
) -> None:
    """Serve simulated remote parties until Ctrl-C; their addresses are printed."""
    from hub.commands import sim as command

    raise typer.Exit(command.up(names, profile=profile, seed=seed, port=port))


@dossier_app.command("list")
def dossier_list(
    query: Annotated[str, typer.Argument(help="Part of a code; accents and punctuation are ignored.")] = "",
    agency: Annotated[str, typer.Option()] = "",
    status: Annotated[str, typer.Option()] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """Search dossiers."""
    from hub.commands import dossier as command

    command.find(config, query=query, agency=agency, status=status, limit=limit, as_json=as_json)


@dossier_app.command("show")
def dossier_show(code: str, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """State of one dossier, with the event that set each field."""
    from hub.commands import dossier as command

    command.show(config, code=code, as_json=as_json)


@dossier_app.command("timeline")
def dossier_timeline(code: str, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """Who changed what, when, on whose authority."""
    from hub.commands import dossier as command

    command.timeline(config, code=code, as_json=as_json)


@dossier_app.command("at")
def dossier_at(
    code: str,
    time: Annotated[str, typer.Option("--time", help="RFC 3339 record time.")] = "",
    position: Annotated[int, typer.Option("--position")] = 0,
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """State of one dossier as the hub knew it at a past moment."""
    from hub.commands import dossier as command

    command.at(config, code=code, time=time, position=position, as_json=as_json)


@dossier_app.command("diff")
def dossier_diff(code: str, before: int, after: int, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """What changed between two positions of the log."""
    from hub.commands import dossier as command

    command.diff(config, code=code, before=before, after=after, as_json=as_json)


@log_app.command("tail")
def log_tail(
    after: Annotated[int, typer.Option(help="Only after this position; default: the last ten.")] = -1,
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    config: ConfigOption = "",
    as_jsonl: JsonlOption = False,
) -> None:
    """Print the log as it stands (and as it grows)."""
    from hub.commands import log as command

    command.tail(config, after=after, follow=follow, as_jsonl=as_jsonl)


@log_app.command("show")
def log_show(position: int, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """One leaf of the log, exactly as it was hashed."""
    from hub.commands import log as command

    command.show(config, position=position, as_json=as_json)


@log_app.command("checkpoint")
def log_checkpoint(config: ConfigOption = "") -> None:
    """The newest signed checkpoint."""
    from hub.commands import log as command

    command.checkpoint(config)


@log_app.command("heads")
def log_heads(config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """Show the newest checkpoint of the heads log, and how many events it does not cover yet."""
    from hub.commands import heads as command

    command.show(config, as_json=as_json)


@log_app.command("verify")
def log_verify(
    start: Annotated[int, typer.Option("--from")] = 1,
    end: Annotated[int, typer.Option("--to", help="0 = the newest.")] = 0,
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """Recompute everything from the stored bytes: leaves, chains, tree, signature."""
    from hub.commands import log as command

    raise typer.Exit(command.verify(config, start=start, end=end, as_json=as_json))


@party_app.command("list")
def party_list(config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """The connected systems."""
    from hub.commands import party as command

    command.listing(config, as_json=as_json)


@party_app.command("show")
def party_show(party: str, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """One connected system: format, agencies, routes, credentials (never their secrets)."""
    from hub.commands import party as command

    command.show(config, party=party, as_json=as_json)


@party_app.command("add")
def party_add(
    party: str,
    kind: Annotated[str, typer.Option(help="bearer, mapi or path.")] = "bearer",
    role: Annotated[str, typer.Option(help="party, auditor, operator or admin.")] = "party",
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """Issue a credential for a configured party (or an auditor, an operator); its secret is shown once."""
    from hub.commands import party as command

    command.add(config, party=party, kind=kind, role=role, as_json=as_json)


@party_app.command("disable")
def party_disable(
    party: str,
    yes: Annotated[bool, typer.Option("--yes")] = False,
    config: ConfigOption = "",
) -> None:
    """Take back all credentials of a party."""
    from hub.commands import party as command

    command.disable(config, party=party, yes=yes)


@party_app.command("ping")
def party_ping(party: str, config: ConfigOption = "", as_json: JsonOption = False) -> None:
    """Reach a party and log in, without sending anything."""
    from hub.commands import party as command

    command.ping(config, party=party, as_json=as_json)


@adapter_app.command("list")
def adapter_list(as_json: JsonOption = False) -> None:
    """Party formats that are installed."""
    from hub.commands import adapter as command

    command.listing(as_json=as_json)


@adapter_app.command("show")
def adapter_show(name: str, as_json: JsonOption = False) -> None:
    """One party format: its types, contracts, batch limit, mapping hash."""
    from hub.commands import adapter as command

    command.show(name, as_json=as_json)


@adapter_app.command("new")
def adapter_new(
    name: str,
    directory: Annotated[str, typer.Option("--dir", help="Where to; default: lienthong-<name>.")] = "",
) -> None:
    """Write a new adapter distribution that works and passes its own suite; an existing file is never overwritten."""
    from hub.commands import adapter as command

    command.new(name, directory=directory)


@adapter_app.command("try")
def adapter_try(
    file: str,
    source: Annotated[str, typer.Option("--from", help="Adapter that reads; else recognised.")] = "",
    target: Annotated[str, typer.Option("--to", help="Adapter to render for.")] = "",
    kind: Annotated[str, typer.Option("--type", help="<standard>/<name>; else recognised.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Read one message from a file: facts, losses, warnings, and the rendering for another party."""
    from hub.commands import adapter as command

    command.try_file(file, source=source, target=target, kind=kind, as_json=as_json)


@parked_app.command("list")
def parked_list(
    target: Annotated[str, typer.Option(help="Only for this party.")] = "",
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """Deliveries and records that wait, with their reason."""
    from hub.commands import parked as command

    command.listing(config, target=target, as_json=as_json)


@parked_app.command("show")
def parked_show(
    code: ParkedCode = "",
    target: ParkedTarget = "",
    position: ParkedPosition = 0,
    config: ConfigOption = "",
    as_json: JsonOption = False,
) -> None:
    """One parked delivery (CODE TARGET) or record (--position): reason and history, or the word no mapping knows."""
    from hub.commands import parked as command

    command.show(config, code=code, target=target, position=position, as_json=as_json)


@parked_app.command("requeue")
def parked_requeue(
    code: ParkedCode = "",
    target: ParkedTarget = "",
    position: ParkedPosition = 0,
    note: Annotated[str, typer.Option(help="Why; goes on the log with a delivery.")] = "",
    config: ConfigOption = "",
) -> None:
    """Put a parked delivery back (CODE TARGET), or have a parked record read again (--position)."""
    from hub.commands import parked as command

    command.requeue(config, code=code, target=target, position=position, note=note)


@parked_app.command("dismiss")
def parked_dismiss(
    note: Annotated[str, typer.Option(help="Why; goes on the log.")],
    code: ParkedCode = "",
    target: ParkedTarget = "",
    position: ParkedPosition = 0,
    config: ConfigOption = "",
) -> None:
    """Settle that nobody will see to a parked delivery (CODE TARGET) or record (--position)."""
    from hub.commands import parked as command

    command.dismiss(config, code=code, target=target, position=position, note=note)


def exit_code_of(error: HubError) -> int:
    """The exit code that says whose move it is."""
    if error.code in {"query.not_found", "vault.erased"}:
        return EXIT_NOT_FOUND
    if isinstance(error, IntegrityViolation):
        return EXIT_VERIFICATION
    if isinstance(error, TargetUnavailable | Overloaded):
        return EXIT_REMOTE
    if isinstance(error, MessageRefused | Misconfigured):
        return EXIT_INVALID
    return EXIT_UNEXPECTED


def run() -> None:
    """Entry point of the console script."""
    try:
        app()
    except HubError as error:
        sys.stderr.write(f"lienthong: {error.code}: {error.vi}\n  {error.en}\n")
        if error.detail and error.detail not in error.en:
            sys.stderr.write("".join(f"  {line}\n" for line in error.detail.splitlines()))
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_UNEXPECTED)
