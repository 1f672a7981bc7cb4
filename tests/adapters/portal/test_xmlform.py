"""The XML form of records."""

from typing import Any

import pytest

from adapters.portal.xmlform import encode, flat_texts, record_of, unfit
from contracts import strict_xml
from contracts.errors import MessageRefused


@pytest.mark.parametrize(
    "members",
    [
        {"A": "", "B": "x"},
        {"A": "<&>]]>'\""},
        {"A": "hai\r\ndòng\r"},
        {"TaiLieuNop": [{"A": "1"}, {"A": ""}], "DanhSachLePhi": []},
        {"La": {"B": {"C": "1"}}},
    ],
)
def test_members_come_back_as_they_were_written(members: dict[str, Any]) -> None:
    assert record_of(strict_xml.parse(encode("HoSo", members))) == members


def test_numbers_flags_and_nothing_are_written_as_text() -> None:
    assert encode("R", {"a": 1, "b": True, "c": None}) == b"<R><a>1</a><b>true</b><c/></R>"


def test_characters_xml_can_not_hold_are_replaced_and_told() -> None:
    assert unfit("a\x0b")
    assert not unfit("a\t\n\r đ")
    assert record_of(strict_xml.parse(encode("R", {"a": "x\x0by\ufffe"}))) == {"a": "x\ufffdy\ufffd"}


def test_a_member_that_occurs_twice_is_refused() -> None:
    with pytest.raises(MessageRefused) as caught:
        record_of(strict_xml.parse(b"<R><a>1</a><a>2</a></R>"))
    assert caught.value.code == "read.duplicate_key"


def test_a_small_document_is_told_without_its_records() -> None:
    assert flat_texts(b"<R><a>1</a><data><HoSo><x>1</x><x>2</x></HoSo></data></R>") == ("R", {"a": "1", "data": ""})
