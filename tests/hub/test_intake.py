"""Intake: seen before, allowed, whose dossier, and the parts that are kept."""

import pytest

from contracts.errors import field_error
from contracts.reading import ParkedRecord, Reading, Record, RefusedRecord
from hub.intake import (
    agency_allowed,
    agency_of,
    agency_refusal,
    alias_key,
    already_exists,
    code_key,
    compare_with_tail,
    fingerprint_material,
    parts_of,
    verdicts,
)
from hub.parties import Party
from tests.hub.little_hub import CODE, NOON, PORTAL, PROVINCE

A, B, C = b"4", b"5", b"9"


def record(
    index: int = 0, span: tuple[int, int] = (0, 1), *, updating: bool | None = None, row: bool = False
) -> Record:
    return Record(
        index=index, span=span, dossier=CODE, facts=(), material=b"x", service="records", updating=updating, row=row
    )


@pytest.mark.parametrize(
    ("accepted", "offered", "known"),
    [
        ([], [A], 0),
        ([A, B], [A, B], 2),
        ([A, B], [B, C], 1),
        ([A, B], [A], 0),
        ([A, B, A], [A, B], 1),
        ([A, A, A], [A, A], 2),
        ([C, A, B], [A, B, C], 2),
        ([A], [A, A], 1),
    ],
)
def test_the_longest_prefix_that_equals_the_tail_is_known(
    accepted: list[bytes], offered: list[bytes], known: int
) -> None:
    assert compare_with_tail(accepted, offered) == known


def test_a_return_to_an_earlier_state_is_new_but_may_be_a_replay() -> None:
    assert verdicts([A, B], [A], [False]) == ["possible_replay"]
    assert verdicts([A, B], [A, C], [False, False]) == ["possible_replay", "new"]
    assert verdicts([A, B], [B, C], [False, False]) == ["duplicate", "new"]
    assert verdicts([], [A, A], [False, False]) == ["new", "new"]


def test_nothing_is_created_twice() -> None:
    assert verdicts([A, B], [A], [True]) == ["duplicate"]


def test_creating_a_dossier_that_was_taken_before_is_refused_unless_it_is_the_same_again() -> None:
    refusal = already_exists(record(updating=False), [A], "new")

    assert refusal is not None
    assert refusal.code == "intake.exists"
    assert already_exists(record(updating=False), [A], "duplicate") is None
    assert already_exists(record(updating=False), [], "new") is None
    assert already_exists(record(updating=True), [A], "new") is None
    assert already_exists(record(updating=None), [A], "new") is None
    assert already_exists(record(updating=False, row=True), [A], "new") is None


def test_a_fingerprint_takes_in_who_said_it_and_how() -> None:
    materials = {
        fingerprint_material(record(updating=updating), party)
        for updating in (None, True, False)
        for party in ("cong", "tinh-mau")
    }

    assert len(materials) == 6


def test_a_party_speaks_for_its_agencies_and_those_below() -> None:
    assert agency_allowed("H99.12", PROVINCE, (), NOON)
    assert agency_allowed("", PROVINCE, (), NOON)
    assert not agency_allowed("H98.12", PROVINCE, (), NOON)
    assert agency_allowed("H98.12", PROVINCE, ("H98",), NOON)
    assert agency_allowed("000.00.12.H98", PROVINCE, ("H98",), NOON)
    assert agency_allowed("H98.12", PORTAL, (), NOON)
    assert agency_allowed("H98.12", Party(id="x", adapter="plain", agencies=("*",)), (), NOON)
    assert not agency_allowed("H98.12", Party(id="x", adapter="plain"), (), NOON)
    assert not agency_allowed("không phải mã", PROVINCE, (), NOON)
    assert "H98.12" in agency_refusal("H98.12").vi


def test_a_national_code_means_one_dossier_in_either_notation() -> None:
    assert code_key("000.00.21.H99-260101-0001", "national", "a") == code_key("H99.21-260101-0001", "national", "b")
    assert code_key(CODE, "national", "a").startswith("n:")
    assert agency_of("000.00.21.H99-260101-0001") == "H99.21"
    assert agency_of("12/2026/0001") == agency_of("") == ""


def test_any_other_code_belongs_to_its_party() -> None:
    assert code_key("12/2026/0001", "party", "a") != code_key("12/2026/0001", "party", "b")
    assert code_key("12/2026/0001", "national", "a") == "p:a:12/2026/0001"
    assert code_key(CODE, "party", "a").startswith("p:a:")
    assert code_key("", "national", "a") == "p:a:"
    assert alias_key("LT-2026-1", "a") == "p:a:LT-2026-1"


def reading(**members: object) -> Reading:
    return Reading(standard="plain", edition="1", service="records", **members)  # type: ignore[arg-type]


def roles(body: bytes, read: Reading, streams: dict[int, bytes]) -> list[tuple[str, bytes]]:
    return [(part.role, part.content) for part in parts_of(body, read, streams).parts]


def test_each_dossier_gets_its_part_under_its_own_key_and_the_rest_keys_of_its_own() -> None:
    body = b'{"session":"S","data":[AAAA,BBBB,CCCC]}'
    refused = RefusedRecord(index=1, span=(28, 32), errors=(field_error("read.missing", name="x"),))
    parked = ParkedRecord(
        index=2,
        span=(33, 37),
        dossier=CODE,
        code="park.status_unmapped",
        path="",
        word="x",
        service="records",
        material=b"",
    )
    read = reading(records=(record(0, (23, 27)),), refused=(refused,), parked=(parked,), secrets=((12, 13),))
    streams = {0: b"\x01" * 16, 2: b"\x02" * 16}

    parts = parts_of(body, read, streams)

    assert [(part.role, part.content, part.owner) for part in parts.parts] == [
        ("glue", b'{"session":"', None),
        ("secret", b"S", None),
        ("glue", b'","data":[', None),
        ("dossier", b"AAAA", streams[0]),
        ("glue", b",", None),
        ("refused", b"BBBB", None),
        ("glue", b",", None),
        ("dossier", b"CCCC", streams[2]),
        ("glue", b"]}", None),
    ]
    assert parts.of_record == {0: 3, 2: 7}


def test_an_attachment_inside_a_record_splits_it_and_the_record_keeps_its_first_piece() -> None:
    read = reading(records=(record(0, (0, 10)),), attachments=((3, 6), (8, 10)))

    parts = parts_of(b"0123456789", read, {0: b"\x01" * 16})

    assert [(part.role, part.content) for part in parts.parts] == [
        ("dossier", b"012"),
        ("attachment", b"345"),
        ("dossier", b"67"),
        ("attachment", b"89"),
    ]
    assert parts.of_record == {0: 0}


def test_a_record_that_is_all_attachment_has_no_part_of_its_own() -> None:
    read = reading(records=(record(0, (2, 4)),), attachments=((2, 4),))

    assert parts_of(b"012345", read, {0: b"\x01" * 16}).of_record == {}


def test_an_empty_body_has_no_parts() -> None:
    assert roles(b"", reading(), {}) == []
    assert roles(b"x", reading(), {}) == [("glue", b"x")]
