"""``lienthong adapter``: which formats there are, and what one makes of a file."""

from pathlib import Path
from typing import Any

import msgspec

from adapters import registry
from adapters.kit import scaffold
from contracts.envelope import Envelope
from contracts.errors import MessageRefused, Misconfigured
from contracts.facts import stated
from contracts.picture import Due
from contracts.ports import Adapter, Profile
from contracts.reading import Reading, Record
from hub.commands.output import emit_json, emit_table, say
from hub.picture import trial_picture


def listing(*, as_json: bool) -> None:
    """All installed formats."""
    rows = [_summary(registry.get(name)) for name in registry.names()]
    emit_json(rows) if as_json else emit_table(("name", "edition", "types", "batch_limit"), rows)


def show(name: str, *, as_json: bool) -> None:
    """One format."""
    try:
        row = _summary(registry.get(name))
    except Misconfigured as error:
        raise MessageRefused("query.not_found", error.detail) from error
    emit_json(row) if as_json else emit_table(("field", "value"), [{"field": k, "value": v} for k, v in row.items()])


def _summary(adapter: Adapter) -> dict[str, Any]:
    return {
        "name": adapter.name,
        "edition": adapter.edition,
        "types": list(adapter.types),
        "batch_limit": adapter.batch_limit,
        "carries_rows": adapter.carries_rows(),
        "mapping_hash": adapter.mapping_hash(),
    }


def new(name: str, *, directory: str) -> None:
    """Write the skeleton of an adapter; ``config.invalid`` for a bad name or where a file is in the way."""
    written = scaffold(name)
    root = Path(directory or f"lienthong-{name.replace('_', '-')}")
    taken = [path for path in written if (root / path).exists()]
    if taken:
        raise Misconfigured("config.invalid", "the file exists already", name=str(root / taken[0]))
    for path, text in written.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    say(f"{root}: {len(written)} files; next: cd {root} && pip install -e .[test] && pytest")


def try_file(file: str, *, source: str, target: str, kind: str, as_json: bool) -> None:
    """Read one message from a file and show facts, losses, warnings and the rendering for another party.

    Raises:
        MessageRefused: with every error the sender would be told.
    """
    try:
        body = Path(file).read_bytes()
    except OSError as error:
        raise MessageRefused("query.invalid", str(error), name=file) from error
    reader, kind = _recognise(body, source, kind)
    envelope = Envelope(party="thu-nghiem", adapter=reader.name, body=body, received_at=0, type=kind)
    reading = reader.read(envelope, Profile())
    shown = _reading(reading)
    if target:
        writer = registry.get(target)
        shown["renderings"] = [_rendered(writer, record) for record in reading.records]
    if as_json:
        emit_json(shown)
        return
    for record in shown["records"]:
        emit_table(("fact", "name", "value"), record["facts"])
        for note in record["warnings"] + record["losses"]:
            say(f"{record['dossier']}: {note['code']} {note['path']}")
    emit_table(("record", "path", "code", "vi", "en"), shown["refused"])
    emit_table(("record", "path", "code", "word"), shown["parked"])
    for renderings in shown.get("renderings", []):
        emit_json(renderings)


def _recognise(body: bytes, source: str, kind: str) -> tuple[Adapter, str]:
    for name in (source,) if source else registry.names():
        adapter = registry.get(name)
        found = kind if kind in adapter.types else adapter.recognise(body, "")
        if found:
            return adapter, found
    raise MessageRefused("intake.type_unknown")


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "standard": reading.standard,
        "edition": reading.edition,
        "service": reading.service,
        "records": [_record(record) for record in reading.records],
        "refused": [
            {"record": one.index, "path": error.path, "code": error.code, "vi": error.vi, "en": error.en}
            for one in reading.refused
            for error in one.errors
        ],
        "parked": [
            {"record": one.index, "path": one.path, "code": one.code, "word": one.word} for one in reading.parked
        ],
    }


def _record(record: Record) -> dict[str, Any]:
    facts = [
        {"fact": fact.TOPIC, "name": name, "value": msgspec.to_builtins(value)}
        for fact in record.facts
        for name, value in (stated(fact) or {"": ""}).items()
    ]
    return {
        "index": record.index,
        "dossier": record.dossier,
        "facts": facts,
        "warnings": [msgspec.to_builtins(note) | {"path": note.path} for note in record.warnings],
        "losses": [msgspec.to_builtins(note) | {"path": note.path} for note in record.losses],
    }


def _rendered(writer: Adapter, record: Record) -> Any:
    picture = trial_picture(record)
    due = Due(picture=picture, code=picture.code, record=True, steps=picture.steps, known=False)
    made = writer.write(due, Profile())
    if not isinstance(made, tuple):
        return {"unrenderable": made.code, "missing": list(made.missing)}
    return [
        {
            "service": one.service,
            "updating": one.updating,
            "body": one.body.decode("utf-8"),
            "losses": msgspec.to_builtins(one.losses),
        }
        for one in made
    ]
