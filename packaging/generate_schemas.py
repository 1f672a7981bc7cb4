"""Writes what is published about the events: a JSON Schema of every type, and the AsyncAPI document. ``make docs``.

Both are made from the classes that are stored, so they can not promise anything else; a test compares them with what is
kept. Run it as a file and not as a module: ``packaging`` is also the name of a distribution of other people.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from contracts.facts import FACT_TYPES, Fact
from hub.feed import TYPE_PREFIX, WITH_VALUES
from ledger.events import EVENT_TYPES, Event, FactRecorded

ROOT: Final = Path(__file__).resolve().parents[1]
API: Final = ROOT / "contracts/api"
SCHEMAS: Final = API / "events"
ASYNCAPI: Final = API / "asyncapi.yaml"
_REF: Final = "#/$defs/"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_HEX: Final = "^[0-9a-f]{%d}$"
_ENVELOPE: Final[Mapping[str, Mapping[str, Any]]] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "pattern": _HEX % 64, "description": "Leaf hash: the same event for ever."},
    "source": {
        "type": "string",
        "format": "uri-reference",
        "description": "The agency that the dossier's code names, else the party, else the log.",
    },
    "type": {},
    "time": {"type": "string", "format": "date-time", "description": "Business time; the recording time if erased."},
    "recordedtime": {"type": "string", "format": "date-time", "description": "When it was recorded."},
    "position": {"type": "integer", "minimum": 1, "description": "Position in the log: dense, the same for everybody."},
    "partitionkey": {"type": "string", "pattern": _HEX % 32, "description": "The stream: order is kept within it."},
    "datacontenttype": {"const": "application/json"},
}
_OPTIONAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "subject": {"type": "string", "description": "Code of the dossier, or name of the party; absent if erased."},
    "traceparent": {"type": "string", "description": "W3C trace context of the message that caused it."},
}
_ABOUT: Final = """\
The log as it grows, as CloudEvents 1.0: one event per position, in order, the same for ever. A reader that was away
goes on from the last position it has and misses nothing; a position may come twice after a lost connection, so `id`
tells events apart.

A party sees the dossiers, messages and outcomes that concern it. Staff see every position, without the values of
sealed content (`data.fact`, `data.word`). Of an erased event only the envelope is left. Members may be added to a
version; a member that changes its meaning makes a new version of the type.
"""


def name_of(topic: str, version: int) -> str:
    """The file of one event type."""
    return f"{topic}.v{version}.schema.json"


def _first_paragraph(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split()).replace("``", "`")


def _shortened(value: Any) -> Any:
    """Descriptions as one paragraph: the rest of a docstring is for whoever changes the class."""
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _first_paragraph(one) if name == "description" and isinstance(one, str) else _shortened(one)
        for name, one in value.items()
    }


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_REF)
        for one in value.values():
            yield from _refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from _refs(one)


def _reachable(data: Any, components: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = list(_refs(data))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = components[name]
            waiting += _refs(components[name])
    return {name: found[name] for name in sorted(found)}


def schema_of(kind: type[Event] | type[Fact]) -> dict[str, Any]:
    """The schema of one event type as the feed gives it: the envelope round the members of the stored class."""
    fact = issubclass(kind, Fact)
    stored: type[Event] = FactRecorded if issubclass(kind, Fact) else kind
    _, raw = msgspec.json.schema_components([stored, kind], ref_template=_REF + "{name}")
    components: dict[str, Any] = _shortened(raw)
    data = components[stored.__name__]
    data["description"] = _first_paragraph(kind.__doc__ or "")
    data["required"] = [name for name in data.get("required", ()) if name not in WITH_VALUES]
    if fact:
        data["properties"]["fact"] = {"$ref": _REF + kind.__name__}
    kind_of = f"{TYPE_PREFIX}{kind.TOPIC}.v{kind.VERSION}"
    return {
        "$schema": _DIALECT,
        "$id": f"urn:lienthong:event:{kind.TOPIC}:v{kind.VERSION}",
        "title": kind_of,
        "description": data["description"],
        "type": "object",
        "properties": {**_ENVELOPE, "type": {"const": kind_of}, **_OPTIONAL, "data": data},
        "required": list(_ENVELOPE),
        "$defs": _reachable(data, components),
    }


def kinds() -> tuple[type[Event] | type[Fact], ...]:
    """Every class that has a topic of its own: a recorded fact stands under the fact's."""
    return (*FACT_TYPES, *[kind for kind in EVENT_TYPES if kind is not FactRecorded])


def schemas() -> dict[str, str]:
    """Every schema by its file's name."""
    return {
        name_of(kind.TOPIC, kind.VERSION): json.dumps(schema_of(kind), ensure_ascii=False, indent=2) + "\n"
        for kind in kinds()
    }


# ── AsyncAPI ─────────────────────────────────────────────────────────────────────────────────────


def _query(**properties: Any) -> dict[str, Any]:
    return {"http": {"method": "GET", "query": {"type": "object", "properties": properties}, "bindingVersion": "0.3.0"}}


_AFTER: Final = {"type": "integer", "minimum": 0, "description": "Only events beyond this position."}


def _messages() -> dict[str, Any]:
    return {
        kind.TOPIC: {
            "name": f"{TYPE_PREFIX}{kind.TOPIC}.v{kind.VERSION}",
            "title": _first_paragraph(kind.__doc__ or ""),
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": f"./events/{name_of(kind.TOPIC, kind.VERSION)}"},
        }
        for kind in kinds()
    }


def _channels(messages: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stream": {
            "address": "/v1/stream",
            "title": "Server-Sent Events",
            "description": (
                "One frame per event: `id` is its position, `data` the event. A frame with an `id` alone only moves "
                "the position on; a comment is a heartbeat, every 15 seconds. Resume with `Last-Event-ID`."
            ),
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        },
        "events": {
            "address": "/v1/events",
            "title": "Cursor feed with long poll",
            "description": "A page of events in log order; ask again with `after` set to its `next`.",
            "messages": {"page": {"$ref": "#/components/messages/page"}},
        },
    }


def _operations(messages: Mapping[str, Any]) -> dict[str, Any]:
    security = [{"$ref": "#/components/securitySchemes/bearer"}]
    stream = _query(
        after=_AFTER,
        type={"type": "string", "description": "Only events whose type starts with this."},
        subject={"type": "string", "description": "Only this dossier code."},
    )
    feed = _query(
        after=_AFTER,
        limit={"type": "integer", "minimum": 1, "maximum": 1000, "default": 500},
        wait={"type": "integer", "minimum": 0, "maximum": 30, "default": 0, "description": "Seconds to wait for one."},
    )
    return {
        "streamEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/stream"},
            "summary": "Events as they are recorded, for as long as the reader stays",
            "security": security,
            "bindings": stream,
            "messages": [{"$ref": f"#/channels/stream/messages/{name}"} for name in messages],
        },
        "listEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/events"},
            "summary": "Events after a position; held until there is one, if asked",
            "security": security,
            "bindings": feed,
            "messages": [{"$ref": "#/channels/events/messages/page"}],
        },
    }


def asyncapi() -> str:
    """The AsyncAPI 3.0.0 document: the stream and the feed, with every event's schema."""
    messages = _messages()
    any_event = {"oneOf": [message["payload"] for message in messages.values()]}
    page = {
        "name": "page",
        "title": "A page of the feed",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "properties": {
                "events": {"type": "array", "items": any_event},
                "next": {"type": "integer", "minimum": 0, "description": "The position to go on after."},
            },
            "required": ["events", "next"],
        },
    }
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Liên Thông",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0"},
            "description": _ABOUT,
        },
        "defaultContentType": "application/json",
        "channels": _channels(messages),
        "operations": _operations(messages),
        "components": {
            "messages": {**messages, "page": page},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }
    head = "# Made by `make docs` from ledger/events.py and contracts/facts.py; edit those, not this file.\n"
    return head + yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=118)


class _Plain(yaml.SafeDumper):
    """Writes everything out: no anchors for what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Nothing is an alias."""
        del data
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Paragraphs as they are."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Plain.add_representer(str, _Plain.represent_str)


def main() -> None:
    """Write every file, and remove those of types that are no more."""
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    made = schemas()
    for path in SCHEMAS.glob("*.json"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (SCHEMAS / name).write_text(text, "utf-8")
    ASYNCAPI.write_text(asyncapi(), "utf-8")
    sys.stderr.write(f"contracts/api: {len(made)} schemas, asyncapi.yaml\n")


if __name__ == "__main__":
    main()
