"""Writes the reference pages that have a source in the program: ``make docs``. A test compares them with what is kept.

Run it as a file and not as a module: ``packaging`` is also the name of a distribution of other people.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.portal.answers import ACCEPTED, CODE_OF, INVALID
from contracts.errors import CODES
from contracts.facts import FACT_TYPES, Fact
from hub.cli import app
from hub.settings import (
    DeliverySettings,
    HubSettings,
    LedgerSettings,
    LogSettings,
    PartySettings,
    ProfileSettings,
    PublishSettings,
    QuorumSettings,
    RouteSettings,
    TestimonySettings,
    TimestampSettings,
    WatchedSettings,
    WitnessingSettings,
    WitnessSettings,
)
from ledger.events import EVENT_TYPES, Event, FactRecorded
from monitoring import metrics

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = ROOT / "docs/reference"
OPENAPI: Final = ROOT / "contracts/api/openapi.yaml"
_VERBS: Final = ("get", "post", "put", "patch", "delete")
_MADE: Final = "Made by `make docs` from {source}; edit that, not this page."
_EXIT_CODES: Final = (
    ("0", "ok"),
    ("1", "unexpected"),
    ("2", "usage"),
    ("3", "verification failed, or the demo's parties do not hold what the log says"),
    ("4", "not found"),
    ("5", "invalid input or configuration"),
    ("6", "remote unavailable, or the hub is overloaded"),
    ("7", "refused, needs `--yes`"),
    ("130", "interrupted"),
)
_TABLES: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("[hub]", HubSettings),
    ("[ledger]", LedgerSettings),
    ("[publish]", PublishSettings),
    ("[[witness]]", WitnessSettings),
    ("[quorum]", QuorumSettings),
    ("[timestamp]", TimestampSettings),
    ("[testimony]", TestimonySettings),
    ("[witnessing]", WitnessingSettings),
    ("[[watched]]", WatchedSettings),
    ("[delivery]", DeliverySettings),
    ("[log]", LogSettings),
    ("[[party]]", PartySettings),
    ("[party.profile]", ProfileSettings),
    ("[[route]]", RouteSettings),
)
_MAPI_MEANING: Final = {
    "0": "every record is ours, also those that are parked",
    "-3": "the dossier exists already: send it as an update",
    "1": "a record is invalid: mend it and send again",
    "2": "the session is missing or expired: log in and send again",
    "4": "the agency is outside these credentials, or the party is disabled",
    "6": "busy: send the same message again later",
}


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", _MADE.format(source=source), *(part.strip() for part in parts)]) + "\n"


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split()).replace("``", "`")


# ── the command line ─────────────────────────────────────────────────────────────────────────────


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name in command.commands:
            yield from _commands(command.commands[name], f"{path} {name}")
    else:
        yield path, command


def _usage(path: str, command: Any) -> str:
    words = [
        f"{name.upper()}" if one.required else f"[{name.upper()}]"
        for one in command.params
        if not one.opts[0].startswith("-")
        for name in one.opts
    ]
    return " ".join([path, *words, "[OPTIONS]"])


def _option(one: Any) -> tuple[str, str, str]:
    default = one.default
    silent = default is None or default is False or default == ""
    told = "required" if one.required else "–" if silent else f"`{default}`"
    return f"`{', '.join(one.opts)}`", told, one.help or ""


def command_line() -> str:
    """Every command with its arguments and options."""
    parts = ["Data on stdout, everything else on stderr.", "## Exit codes", _table(("Code", "Means"), _EXIT_CODES)]
    for path, command in _commands(typer.main.get_command(app), "lienthong"):
        parts += [f"## {path}", _first_paragraph(command.help), f"```text\n{_usage(path, command)}\n```"]
        options = [_option(one) for one in command.params if one.opts[0].startswith("-")]
        if options:
            parts.append(_table(("Option", "Default", "Meaning"), options))
    return _page("Command line", "`hub/cli.py`", *parts)


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────


def _resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = value
    if "$ref" in value:
        found = document
        for part in str(value["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
    return dict(found)


def _operation(document: Mapping[str, Any], verb: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {verb.upper()} {path}"
    yield f"{operation['summary']}. {operation.get('description', '')}".strip()
    if operation.get("security") == []:
        yield "Needs no credentials."
    rows = []
    for raw in operation.get("parameters", ()):
        one = _resolved(document, raw)
        kind = one["schema"].get("format") or one["schema"].get("type", "")
        told = one.get("description", "") + (" (required)" if one.get("required") else "")
        rows.append((f"`{one['name']}`", one["in"], str(kind), told.strip()))
    if rows:
        yield _table(("Parameter", "In", "Type", "Meaning"), rows)
    told = [f"{status} {one['description']}" for status, one in operation["responses"].items() if "$ref" not in one]
    problems = [status for status, one in operation["responses"].items() if "$ref" in one]
    yield "Answers: " + " · ".join([*told, *([f"problems {', '.join(problems)}"] if problems else [])])


def http() -> str:
    """Every address of the HTTP interface, by tag."""
    document: dict[str, Any] = yaml.safe_load(OPENAPI.read_text("utf-8"))
    parts = [
        (
            "A running hub serves the whole contract at `/openapi.yaml`. The adapters serve their own drop-in "
            "addresses beside it: the portal's `/mapi/…` and `/api/SynsTTHCC/…`, OpenCPS's `/opencps/…`; each also "
            "below `/p/<secret>/` for systems that can send no credential. The operations port has `/metrics`, "
            "`/livez`, `/readyz` and `/runbooks/<alert>`."
        )
    ]
    for tag in document["tags"]:
        parts.append(f"## {tag['description']}")
        for path, verbs in document["paths"].items():
            for verb in _VERBS:
                if tag["name"] in verbs.get(verb, {}).get("tags", ()):
                    parts += _operation(document, verb, path, verbs[verb])
    return _page("HTTP interface", "`contracts/api/openapi.yaml`", *parts)


# ── configuration ────────────────────────────────────────────────────────────────────────────────


def _annotation(field: FieldInfo) -> str:
    text = str(field.annotation) if not isinstance(field.annotation, type) else field.annotation.__name__
    for noise, plain in (("typing.Literal", "one of "), ("typing.", ""), ("hub.settings.", "")):
        text = text.replace(noise, plain)
    bounds = [
        f"{sign} {getattr(rule, name):,}"
        for rule in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(rule, name, None) is not None
    ]
    patterns = [f"matches `{rule.pattern}`" for rule in field.metadata if getattr(rule, "pattern", None)]
    return ", ".join([text.split("[Annotated")[0] or text, *bounds, *patterns])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "one table" if isinstance(field.default, BaseModel) else f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(list(value)) if isinstance(value, tuple) else f'"{value}"' if isinstance(value, str) else str(value)


def configuration() -> str:
    """Every key of every table."""
    parts = [
        (
            "One TOML file; `LIENTHONG_<TABLE>__<KEY>` of the environment goes over it, flags over that. An unknown "
            "key is an error that names the nearest known one. Units are in the keys. Secrets are never values: "
            "`secret_file` names a file. `lienthong config init` writes a commented file to start from."
        )
    ]
    for name, model in _TABLES:
        rows = [
            (f"`{field.alias or key}`", _annotation(field), _default(field))
            for key, field in model.model_fields.items()
        ]
        parts += [f"## {name}", _first_paragraph(model.__doc__), _table(("Key", "Type", "Default"), rows)]
    return _page("Configuration", "`hub/settings.py`", *parts)


# ── errors, mapi's codes, events ─────────────────────────────────────────────────────────────────


def errors() -> str:
    """The closed list of codes in both languages, by family."""
    parts = [
        (
            "The code is stable: it is in the answer, in the metric label and on the log. The texts are for people. "
            "`{…}` is filled from the case at hand."
        )
    ]
    families = dict.fromkeys(code.partition(".")[0] for code in CODES)
    for family in families:
        rows = [(f"`{code}`", text.vi, text.en) for code, text in CODES.items() if code.startswith(f"{family}.")]
        parts += [f"## {family}", _table(("Code", "Tiếng Việt", "English"), rows)]
    return _page("Error codes", "`contracts/errors.py`", *parts)


def mapi_codes() -> str:
    """What the drop-in portal endpoint answers, and for which of our codes."""
    ours = dict.fromkeys([ACCEPTED, *CODE_OF.values(), INVALID])
    rows = []
    for code in ours:
        causes = [f"`{cause}`" for cause, mapped in CODE_OF.items() if mapped == code]
        told = ", ".join(causes) or ("–" if code == ACCEPTED else "every other refusal")
        rows.append((f"`{code}`", _MAPI_MEANING[code], told))
    return _page(
        "Codes of the drop-in portal endpoint",
        "`adapters/portal/answers.py`",
        'Codes go out as strings, because some senders take nothing but `"0"` for success; the HTTP status is 200. '
        "`message` is never null. An acceptance says “thành công” and no refusal does, because other senders look "
        "for that phrase alone. A packet with refused records has their common code, else `1`; `errors` names each "
        "record, field, code and mend.",
        _table(("`error_code`", "What the sender does", "Our codes"), rows),
    )


def _fields(kind: type[Event] | type[Fact], base: type[Event] | type[Fact]) -> str:
    return ", ".join(f"`{name}`" for name in kind.__struct_fields__ if name not in base.__struct_fields__) or "–"


def events() -> str:
    """Every event that is stored: topic, meaning, members."""
    facts = [
        (f"`{kind.TOPIC}`", str(kind.VERSION), kind.STATE or "–", _first_paragraph(kind.__doc__), _fields(kind, Fact))
        for kind in FACT_TYPES
    ]
    others = [
        (f"`{kind.TOPIC}`", str(kind.VERSION), _first_paragraph(kind.__doc__), _fields(kind, Event))
        for kind in EVENT_TYPES
        if kind is not FactRecorded
    ]
    return _page(
        "Events",
        "`contracts/facts.py` and `ledger/events.py`",
        "The topic and the version are stored with every event and never change their meaning; a published CloudEvent "
        "has the type `vn.lienthong.<topic>.v<version>`.",
        "## Facts of a dossier",
        f"Each is stored inside a `FactRecorded`, with {_fields(FactRecorded, Event)}; and each has `dossier`, `at` "
        "(business time) and `step` (officer, department, content) beside its own members. A member that is absent was "
        "not stated.",
        _table(("Topic", "Version", "Leads to", "Meaning", "Members"), facts),
        "## Everything else",
        _table(("Topic", "Version", "Meaning", "Members"), others),
    )


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "cli.md": command_line,
    "http.md": http,
    "configuration.md": configuration,
    "errors.md": errors,
    "mapi-codes.md": mapi_codes,
    "events.md": events,
    "metrics.md": metrics.table,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
        sys.stderr.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
