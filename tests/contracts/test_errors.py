import pytest

from contracts.errors import CODES, IntegrityViolation, MessageRefused, Misconfigured, Overloaded, field_error


def test_every_code_is_dotted_and_speaks_both_languages() -> None:
    for code, text in CODES.items():
        first, _, second = code.partition(".")
        assert first
        assert second
        assert text.vi
        assert text.en


def test_no_vietnamese_text_of_a_refusal_contains_what_senders_take_for_success() -> None:
    assert not [code for code, text in CODES.items() if "thành công" in text.vi.casefold()]


def test_values_are_filled_into_both_texts() -> None:
    error = field_error("read.missing", "/MaHoSo", line=3, name="MaHoSo")

    assert (error.path, error.line) == ("/MaHoSo", 3)
    assert "MaHoSo" in error.vi
    assert "MaHoSo" in error.en
    assert "{" not in error.vi + error.en


def test_a_refusal_without_field_errors_is_its_own_field_error() -> None:
    refusal = MessageRefused("read.record_count", limit=1_000)

    assert [(error.code, error.path) for error in refusal.errors] == [("read.record_count", "")]
    assert "1000" in refusal.errors[0].vi


def test_an_unlisted_code_is_a_mistake_of_ours() -> None:
    for make in (MessageRefused, IntegrityViolation, Misconfigured, Overloaded, field_error):
        with pytest.raises(KeyError):
            make("no.such_code")
