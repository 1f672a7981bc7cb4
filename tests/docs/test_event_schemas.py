"""The published schemas and the AsyncAPI document are what the classes say, whole and sound."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from contracts.facts import FACT_TYPES
from generate_schemas import API, ASYNCAPI, SCHEMAS, asyncapi, kinds, name_of, schema_of, schemas
from ledger import upcast
from ledger.events import FactRecorded

DOCUMENT: dict[str, Any] = yaml.safe_load(ASYNCAPI.read_text("utf-8"))
NAMES = sorted(schemas())


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


def resolve(document: dict[str, Any], ref: str) -> Any:
    found: Any = document
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_kept_files_are_the_made_ones() -> None:
    kept = {path.name: path.read_text("utf-8") for path in SCHEMAS.iterdir()}
    assert kept == schemas(), "run `make docs`"
    assert ASYNCAPI.read_text("utf-8") == asyncapi(), "run `make docs`"


def test_every_topic_of_the_log_has_its_schema() -> None:
    assert {kind.TOPIC for kind in kinds()} == set(upcast.TOPICS)
    assert len(NAMES) == len(upcast.TOPICS)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.TOPIC)
def test_a_schema_is_sound_and_whole(kind: Any) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    for ref in refs(schema):
        assert isinstance(resolve(schema, ref), dict), ref
    stored = FactRecorded if kind in FACT_TYPES else kind
    assert set(schema["properties"]["data"]["properties"]) == set(stored.__struct_fields__)
    assert schema["properties"]["type"]["const"] == f"vn.lienthong.{kind.TOPIC}.v{kind.VERSION}"


def test_the_document_names_every_type_in_both_channels_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    for ref in refs(DOCUMENT):
        if ref.startswith("#/"):
            assert resolve(DOCUMENT, ref), ref
        else:
            assert (API / ref).is_file(), ref
    topics = {kind.TOPIC for kind in kinds()}
    assert set(DOCUMENT["channels"]["stream"]["messages"]) == topics
    assert set(DOCUMENT["components"]["messages"]) == topics | {"page"}
    items = DOCUMENT["components"]["messages"]["page"]["payload"]["properties"]["events"]["items"]["oneOf"]
    assert {one["$ref"] for one in items} == {f"./events/{name_of(kind.TOPIC, kind.VERSION)}" for kind in kinds()}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] == "send"
        channel = resolve(DOCUMENT, operation["channel"]["$ref"])
        assert channel["address"] in {"/v1/stream", "/v1/events"}
        assert len(operation["messages"]) == len(channel["messages"])
