import hashlib
from datetime import UTC, datetime

import pytest

from contracts.codetables import Agency, Unknown, agency, current_agency, load, read
from contracts.errors import Misconfigured
from contracts.moment import from_datetime

BEFORE = from_datetime(datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC))
AFTER = from_datetime(datetime(2025, 6, 30, 17, 0, 0, tzinfo=UTC))  # 2025-07-01 00:00 in Việt Nam
TABLES = ("agencies", "agency_notations", "applicant_types", "channels", "document_flags", "fee_modes", "statuses")

SURVIVORS = {
    "H60": "H22",
    "H38": "H63",
    "H55": "H03",
    "H44": "H28 H62",
    "H05": "H02",
    "H31": "H54",
    "H24": "H23",
    "H42": "H25 H40",
    "H50": "H46",
    "H17": "H47",
    "H48": "H34",
    "H21": "H08",
    "H32": "H43",
    "H36": "H11 H16",
    "H15": "H45",
    "H29": "H06 H09",
    "H19": "H10",
    "H53": "H39",
    "H13": "H30 H51",
    "H61": "H07 H59",
    "H20": "H58",
    "H12": "H04",
    "H01": "H33",
}
"""Resolution 202/2025/QH15, article 1: who took over whom."""


def known(code: str, on_us: int | None = None) -> Agency:
    found = agency(code, on_us)
    assert isinstance(found, Agency)
    return found


def heading(content: bytes, *, key: str = '"code"', extra: str = "") -> str:
    return (
        f'title="t"\nowner="o"\nedition="1"\nsha256="{hashlib.sha256(content).hexdigest()}"\n'
        f'key=[{key}]\nunknown="park"\nsource="s"\n{extra}'
    )


@pytest.mark.parametrize("name", TABLES)
def test_every_table_shipped_is_the_one_its_hash_names(name: str) -> None:
    table = load(name)

    assert table.rows
    assert table.header.source
    assert all(len(rows) == 1 for rows in table.index.values())


def test_thirty_four_provinces_remain_after_the_merger_and_sixty_three_stood_before() -> None:
    provinces = [known(f"H{number:02}", when) for when in (BEFORE, AFTER) for number in range(1, 64)]

    assert sum(province.valid_at(BEFORE) for province in provinces[:63]) == 63
    assert sum(province.valid_at(AFTER) for province in provinces[63:]) == 34


def test_the_merger_is_as_the_national_assembly_resolved_it() -> None:
    merged = {
        code: " ".join(known(code).predecessors)
        for code in (f"H{number:02}" for number in range(1, 64))
        if known(code).predecessors
    }

    assert merged == SURVIVORS
    for survivor, predecessors in SURVIVORS.items():
        assert [known(code).successor for code in predecessors.split()] == [survivor] * len(predecessors.split())


def test_the_work_of_a_retired_province_passes_to_its_successor_on_the_day() -> None:
    before, after = current_agency("H22", BEFORE), current_agency("H22", AFTER)

    assert (known("H22").name, known("H60").name) == ("Tỉnh Hà Giang", "Tỉnh Tuyên Quang")
    assert isinstance(before, Agency)
    assert isinstance(after, Agency)
    assert (before.code, after.code) == ("H22", "H60")


def test_a_retired_agency_is_still_answered() -> None:
    assert not known("H30", AFTER).valid_at(AFTER)
    assert known("H30", AFTER).successor == "H13"


def test_ministries_merged_in_march_2025_have_successors() -> None:
    assert {code: known(code).successor for code in ("G04", "G05", "G07", "G13", "G14")} == {
        "G04": "G17",
        "G05": "G12",
        "G07": "G09",
        "G13": "G10",
        "G14": "G06",
    }


def test_successions_close_no_circle_and_both_sides_tell_the_same() -> None:
    for row in load("agencies").rows:
        found = known(row["code"])
        if found.successor:
            assert found.code in known(found.successor).predecessors
            assert not known(found.successor).successor


def test_invented_agencies_are_marked() -> None:
    assert {row["code"] for row in load("agencies").rows if row["invented"] == "yes"} == {
        "G99",
        "H95",
        "H96",
        "H98",
        "H99",
    }


def test_an_unknown_code_is_a_typed_answer() -> None:
    assert agency("H64") == Unknown("agencies", "H64")
    assert current_agency("", AFTER) == Unknown("agencies", "")
    assert load("channels").find("4") == Unknown("channels", "4")
    assert load("applicant_types").find("qcvn120", "9") == Unknown("applicant_types", "qcvn120/9")


def test_the_same_code_means_different_applicants_in_different_dialects() -> None:
    table = load("applicant_types")
    rows = [table.find(dialect, "1") for dialect in ("qcvn120", "portal_2026")]

    assert [row["type"] for row in rows if not isinstance(row, Unknown)] == ["citizen", "business"]


def test_a_row_is_answered_by_date() -> None:
    content = b"code,name,valid_from,valid_until\nX,old,,2025-07-01\nX,new,2025-07-01,\n"
    table = read("t", content, heading(content))

    names = [
        row if isinstance(row, Unknown) else row["name"]
        for row in (table.find("X", on_us=BEFORE), table.find("X", on_us=AFTER))
    ]
    assert names == ["old", "new"]


def test_a_table_that_was_changed_without_its_hash_stops_the_start() -> None:
    content = b"code,name\nX,old\n"
    with pytest.raises(Misconfigured, match="sha256") as caught:
        read("t", content.replace(b"old", b"new"), heading(content))
    assert caught.value.code == "config.invalid"


@pytest.mark.parametrize(
    ("content", "key", "extra"),
    [
        (b"code,name\nX,1,2\n", '"code"', ""),
        (b"code,name\nX\n", '"code"', ""),
        (b"code,name\nX,1\n", '"other"', ""),
        (b"code,name\nX,1\n", '"code"', "more = 1\n"),
        (b"code,name\nX,\xff\n", '"code"', ""),
        (b'code,name\n"X,1\n', '"code"', ""),
    ],
)
def test_a_malformed_table_stops_the_start(content: bytes, key: str, extra: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read("t", content, heading(content, key=key, extra=extra))
    assert caught.value.code == "config.invalid"


def test_a_missing_table_stops_the_start() -> None:
    with pytest.raises(Misconfigured) as caught:
        load("nothing")
    assert caught.value.code == "config.missing"
