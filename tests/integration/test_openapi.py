"""The published description of the interface and the hub that answers: the same paths, the same shapes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from contracts.errors import CODES
from tests.integration.samples import code, packet, record
from tests.integration.served import AUDITOR, COUNTER, OPERATOR, Served

SPEC: dict[str, Any] = yaml.safe_load(Path("contracts/api/openapi.yaml").read_text("utf-8"))
OURS = re.compile(r"/(?:v1|log|schemas)/|/(?:openapi|asyncapi)\.yaml$")


def conforms(method: str, path: str, status: int, content_type: str, value: Any) -> None:
    """Fail where an answer is not one the description promises."""
    answers = SPEC["paths"][path][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {path} answers {status}"
    promised = answers[str(status)]
    if "$ref" in promised:
        promised = SPEC["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    assert content_type in promised["content"], f"{method} {path} answers {content_type}"
    schema = promised["content"][content_type]["schema"] | {"components": SPEC["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def test_the_description_is_valid() -> None:
    validate(SPEC)


async def test_every_route_is_described_and_every_description_has_a_route(alone: Served) -> None:
    routes: dict[str, set[str]] = {}
    for route in alone.hub.app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if OURS.match(path) and route.method != "HEAD":
            routes.setdefault(path, set()).add(route.method.lower())
    assert routes == {path: set(operations) - {"parameters"} for path, operations in SPEC["paths"].items()}


def described() -> Iterator[tuple[str, str, str, str, str]]:
    """(who asks, method, described path, path asked for, body)."""
    yield COUNTER, "GET", "/v1/messages/{id}", "/v1/messages/%MESSAGE%", ""
    yield COUNTER, "GET", "/v1/dossiers", "/v1/dossiers?q=260105&limit=1", ""
    yield COUNTER, "GET", "/v1/dossiers", "/v1/dossiers?limit=0", ""
    yield "", "GET", "/v1/dossiers", "/v1/dossiers", ""
    for part in ("", "/events", "/sync", "/diff"):
        query = "?from=%FIRST%&to=9999" if part == "/diff" else ""
        yield COUNTER, "GET", "/v1/dossiers/{code}" + part, f"/v1/dossiers/{code(1)}{part}{query}", ""
        yield AUDITOR, "GET", "/v1/dossiers/{code}" + part, f"/v1/dossiers/{code(1)}{part}{query}", ""
        yield COUNTER, "GET", "/v1/dossiers/{code}" + part, f"/v1/dossiers/khong-co{part}{query}", ""
        yield "", "GET", "/v1/dossiers/{code}" + part, f"/v1/dossiers/{code(1)}{part}{query}", ""
    yield COUNTER, "GET", "/v1/dossiers/{code}", f"/v1/dossiers/{code(1)}?position=%FIRST%", ""
    yield COUNTER, "GET", "/v1/dossiers/{code}", f"/v1/dossiers/{code(1)}?at=hom-qua", ""
    yield COUNTER, "GET", "/v1/events", "/v1/events?limit=1000", ""
    yield AUDITOR, "GET", "/v1/events", "/v1/events?limit=1000", ""
    yield COUNTER, "GET", "/v1/events", "/v1/events?after=x", ""
    yield COUNTER, "GET", "/v1/stream", "/v1/stream?after=x", ""
    yield COUNTER, "GET", "/v1/parties", "/v1/parties", ""
    yield OPERATOR, "POST", "/v1/admin/{command}", "/v1/admin/status", "{}"
    yield OPERATOR, "POST", "/v1/admin/{command}", "/v1/admin/khong.co", "{}"
    yield OPERATOR, "POST", "/v1/admin/{command}", "/v1/admin/dossier.diff", "[]"
    yield COUNTER, "POST", "/v1/admin/{command}", "/v1/admin/status", "{}"


@pytest.mark.parametrize(("by", "method", "path", "asked", "body"), list(described()))
async def test_answers_are_what_was_promised(
    alone: Served, by: str, method: str, path: str, asked: str, body: str
) -> None:
    receipt = (await alone.message(packet(record(1)), by=COUNTER, key="goi-1")).json
    await alone.hub.views.catch_up()
    asked = asked.replace("%MESSAGE%", receipt["message_id"]).replace(
        "%FIRST%", str(receipt["dossiers"][0]["position"])
    )
    answer = await alone.call(method, asked, by=by, body=body.encode())
    conforms(method, path, answer.status, answer.headers["Content-Type"].partition(";")[0], answer.json)


@pytest.mark.parametrize(
    ("body", "key", "by", "status"),
    [
        (packet(record(1)), "goi-1", COUNTER, 202),
        (packet(record(1), record(2, MaTTHC="sai"), record(3, TrangThaiHoSo="11")), "goi-1", COUNTER, 202),
        (packet(record(1)), "", COUNTER, 400),
        (packet(record(1)), "goi-1", "", 401),
        (packet(record(1)), "goi-1", AUDITOR, 403),
        (packet(record(1, MaTTHC="sai")), "goi-1", COUNTER, 422),
        (b"{", "goi-1", COUNTER, 400),
        (b" " * 5_000_000, "goi-1", COUNTER, 413),
    ],
)
async def test_answers_to_a_message_are_what_was_promised(
    alone: Served, body: object, key: str, by: str, status: int
) -> None:
    answer = await alone.message(body, by=by, key=key)
    assert answer.status == status
    conforms("POST", "/v1/messages", status, answer.headers["Content-Type"].partition(";")[0], answer.json)


async def test_what_is_no_json_is_what_was_promised_too(alone: Served) -> None:
    note = await alone.get("/log/checkpoint")
    conforms("GET", "/log/checkpoint", note.status, note.headers["Content-Type"].partition(";")[0], note.body.decode())
    spec = await alone.get("/openapi.yaml")
    conforms("GET", "/openapi.yaml", spec.status, spec.headers["Content-Type"].partition(";")[0], spec.body.decode())
    assert yaml.safe_load(spec.body) == SPEC
    async with alone.session.get(f"{alone.url}/v1/stream", headers=alone.secrets.bearer(COUNTER)) as answer:
        conforms("GET", "/v1/stream", answer.status, answer.content_type, "")


async def test_every_problem_names_a_code_of_the_closed_list(alone: Served) -> None:
    for path in ("/v1/dossiers", "/khong-co", "/v1/messages"):
        answer = await alone.get(path)
        assert answer.json["code"] in CODES
        assert answer.json["type"] == f"urn:lienthong:problem:{answer.json['code']}"
        assert answer.json["status"] == answer.status
