"""Codes are compared without marks, case or punctuation."""

import unicodedata

import pytest

from hub.views.folding import folded


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("H99.01-260101-0001", "h99012601010001"),
        ("Đ-57/ĐKKS", "d57dkks"),
        ("Hồ sơ số 12", "hososo12"),
        ("", ""),
        ("--", ""),
    ],
)
def test_folding(text: str, plain: str) -> None:
    assert folded(text) == plain
    assert folded(unicodedata.normalize("NFD", text)) == plain
    assert folded(plain) == plain
