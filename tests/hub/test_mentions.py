"""Codes are found in bytes in any spelling, and never inside a longer code."""

import pytest

from hub.mentions import Mentions

CODE = "000.21.44.H98-260105-0057"


@pytest.mark.parametrize("form", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_code_is_found_in_every_encoding_and_case(form: str) -> None:
    mentions = Mentions([CODE])
    assert f'{{"MaHoSo":"{CODE}"}}'.encode(form) in mentions
    assert f"<MaHoSo>{CODE.lower()}</MaHoSo>".encode(form) in mentions


def test_a_code_with_marks_is_found_escaped_and_plain() -> None:
    mentions = Mentions(["57/ĐKKS-2026"])
    assert '{"so":"57/ĐKKS-2026"}'.encode() in mentions
    assert '{"so":"57/đkks-2026"}'.encode() in mentions
    assert rb'{"so":"57/\u0111kks-2026"}' in mentions


def test_a_longer_code_is_another_one() -> None:
    mentions = Mentions([CODE])
    assert f"{CODE}1".encode() not in mentions
    assert f"1{CODE}".encode() not in mentions
    assert b"" not in mentions


def test_codes_too_short_to_tell_are_not_looked_for() -> None:
    assert b'{"so":"12345"}' not in Mentions(["12345"])
    assert b"anything" not in Mentions([])
