"""Logs must not tell secrets or identity numbers, wherever they hide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.redaction import MASK, is_secret, redact, redact_path, redact_text


@pytest.mark.parametrize(
    "key", ["session", "Session", "access_token", "client_secret", "PASSWORD", "Authorization", "Set-Cookie", "api_key"]
)
def test_the_value_of_a_secret_key_is_never_shown(key: str) -> None:
    assert redact("abc", key) == MASK
    assert redact({"outer": {key: ["a", "b"]}}) == {"outer": {key: MASK}}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/p/bi-mat/mapi/g", "/p/***/mapi/g"),
        ("http://host:1/p/bi-mat?x=1", "http://host:1/p/***?x=1"),
        ("/v1/messages", "/v1/messages"),
        ("/map/g", "/map/g"),
    ],
)
def test_the_secret_segment_of_a_path_is_masked(path: str, shown: str) -> None:
    assert redact_path(path) == shown


@pytest.mark.parametrize(
    "text",
    [
        "POST /p/bi-mat-1/mapi/g",
        "?token=bi-mat-1&x=2",
        '{"session": "bi-mat-1"}',
        "Authorization: Bearer bi-mat-1",
        "got Bearer bi-mat-1",
        "password='bi-mat-1'",
    ],
)
def test_secrets_inside_free_text_are_masked(text: str) -> None:
    assert "bi-mat-1" not in redact_text(text)
    assert MASK in redact_text(text)


@pytest.mark.parametrize("text", ["CCCD 001099000001", "cmnd:123456789,", "(001099000001)", "số 001099000001."])
def test_numbers_of_nine_or_twelve_digits_are_masked(text: str) -> None:
    assert "001099000001" not in redact_text(text)
    assert "123456789" not in redact_text(text)


@pytest.mark.parametrize(
    "text", ["H99.12-250101-0001", "12345678", "1234567890", "0912345678", "deadbeef001099000001cafe", "1.000123456789"]
)
def test_codes_and_other_numbers_stay_readable(text: str) -> None:
    assert redact_text(text) == text


def test_whole_numbers_are_masked_unless_their_key_says_they_measure() -> None:
    assert redact(1_099_000_001_11, "applicant") == redact(109_900_000_111, "applicant") == MASK
    assert redact(123_456_789, "position") == 123_456_789
    assert redact(123_456_789, "elapsed_us") == 123_456_789
    assert redact(42, "applicant") == 42


def test_bytes_are_told_by_length_only() -> None:
    assert redact(b"Lo Thi Mau") == "<10 bytes>"


def test_sets_are_told_in_a_fixed_order() -> None:
    assert redact({"b", "a"}) == ["a", "b"]


def test_a_value_nested_too_deep_is_masked_whole() -> None:
    deep: object = "bottom"
    for _ in range(10):
        deep = [deep]
    assert "bottom" not in str(redact(deep))


def test_other_objects_are_told_as_redacted_text() -> None:
    assert redact(ValueError("token=abc")) == f"token={MASK}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=20
    )
)
def test_any_value_can_be_redacted(value: object) -> None:
    redact(value, "key")


def test_which_keys_are_secret_is_by_word() -> None:
    assert is_secret("X-Session-Id")
    assert not is_secret("position")
