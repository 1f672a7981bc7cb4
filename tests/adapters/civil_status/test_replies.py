"""How replies of DVCLT are understood: by whole rows of a table."""

import json
import unicodedata
from typing import Any

import pytest

from adapters.civil_status.replies import DEFAULT_RETRY_S, classify
from contracts.delivery import Outcome, Reply


def answered(value: Any, http: int = 200) -> Outcome:
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return classify(Reply(status=http, body=body))


def said(text: str, status: int = 0, code: str = "") -> Outcome:
    return answered({"status": status, "statusDescription": "Lỗi", "errorCode": code, "errorDescription": text})


DONE = [
    "Hồ sơ bị từ chối. Không thể cập nhật trạng thái",
    "Hồ sơ H99.07.11-20260105-0000042 đã bị từ chối. Không thể cập nhật trạng thái.",
    "Hồ sơ 000.11.07.H99-260105-0042 đã tồn tại trong một cửa điện tử",
    "Hồ sơ đã được tiếp nhận",
    "Hồ sơ đã trả kết quả, không được cập nhật trạng thái",
    "Hồ sơ đã có kết quả xử lý. Không thể cập nhật trạng thái",
    "Hồ sơ đã hoàn thành đăng ký, không được cập nhật trạng thái",
]
RETRY = [
    "Hồ sơ chưa cập nhật trạng thái",
    "Hồ sơ H99.07.11-20260105-0000042 chưa cập nhật trạng thái 1",
    "Hồ sơ chưa được gửi không thể cập nhật trạng thái",
    "Có lỗi trong quá trình thêm mới",
    "Client received SOAP Fault from server: kết nối bị ngắt",
    "Server Error in '/' Application.",
]
PERMANENT = ["Logic xử lý không hợp lệ", "Cập nhật không thành công", "Hồ sơ không tồn tại"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [(text, "done") for text in DONE]
    + [(text, "retry") for text in RETRY]
    + [(text, "permanent") for text in PERMANENT],
)
def test_a_known_phrase_is_understood_in_every_spelling(text: str, verdict: str) -> None:
    spellings = [text, text.upper(), unicodedata.normalize("NFD", text), f"  {text.replace(' ', '  ')}\n"]
    for spelling in spellings:
        assert said(spelling).verdict == verdict
        assert answered(spelling.encode()).verdict == verdict
        assert answered(spelling).verdict == verdict


@pytest.mark.parametrize(
    "text",
    [
        "Không thành công",
        "Thành công một phần",
        "chưa cập nhật thành công",
        "Hồ sơ không bị từ chối. Không thể cập nhật trạng thái",
    ],
)
def test_a_phrase_that_only_contains_a_known_one_is_not_taken_for_it(text: str) -> None:
    assert said(text).verdict == "unknown"


def test_a_success_phrase_beside_a_failed_status_is_not_believed() -> None:
    assert answered({"status": 0, "statusDescription": "Cập nhật thành công"}).verdict == "unknown"
    assert answered({"status": 1, "statusDescription": "Cập nhật thành công"}).verdict == "done"
    assert answered({"message": "Cập nhật thành công"}).verdict == "done"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("100", "retry"),
        ("101", "retry"),
        ("106", "permanent"),
        ("108", "permanent"),
        ("200", "permanent"),
        ("201", "permanent"),
        ("302", "permanent"),
        ("500", "retry"),
        ("01", "permanent"),
        ("03", "retry"),
        ("00", "unknown"),
        ("777", "unknown"),
    ],
)
def test_a_code_speaks_where_no_phrase_does(code: str, verdict: str) -> None:
    assert said("điều chưa ai nói", code=code).verdict == verdict


def test_a_phrase_says_more_than_a_code() -> None:
    assert said("Hồ sơ đã trả kết quả, không được cập nhật trạng thái", code="500").verdict == "done"


@pytest.mark.parametrize(("status", "code"), [(1, "00"), ("1", None), (1, ""), (None, "00")])
def test_success_is_status_1_or_a_bare_00(status: object, code: object) -> None:
    assert answered({"status": status, "errorCode": code}).verdict == "done"


@pytest.mark.parametrize(
    ("http", "verdict"),
    [
        (200, "unknown"),
        (400, "permanent"),
        (403, "retry"),
        (404, "retry"),
        (422, "permanent"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
    ],
)
def test_http_speaks_last(http: int, verdict: str) -> None:
    assert answered(b"", http).verdict == verdict
    assert answered({"type": "about:blank", "title": "x", "status": http, "traceId": "t"}, http).verdict == verdict


def test_a_soap_fault_is_a_fault_of_the_target_whatever_its_status() -> None:
    fault = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault/></s:Body></s:Envelope>'
    assert answered(fault.encode()).verdict == "retry"
    assert answered(b"<html><body>Gateway</body></html>").verdict == "unknown"
    assert answered(b"<!DOCTYPE x [<!ENTITY a 'b'>]><Fault>&a;</Fault>").verdict == "unknown"


@pytest.mark.parametrize("body", [b"null", b"[]", b"12", b"true", b"[" * 100_000, b"\xff\xfe", b"{"])
def test_an_unreadable_reply_is_unknown(body: bytes) -> None:
    assert answered(body).verdict == "unknown"


def test_the_target_may_say_how_long_to_wait() -> None:
    asked = classify(Reply(status=429, headers=(("retry-after", "7"),)))
    assert asked.retry_after_s == 7
    assert classify(Reply(status=503)).retry_after_s == DEFAULT_RETRY_S
    assert classify(Reply(status=503, headers=(("retry-after", "Mon"),))).retry_after_s == DEFAULT_RETRY_S
    assert classify(Reply(status=503, headers=(("retry-after", "9" * 30),))).retry_after_s <= 3_600
    assert said("Cập nhật thành công", status=1).retry_after_s == 0


def test_the_row_that_matched_is_named() -> None:
    assert said("Logic xử lý không hợp lệ").phrase == "phrase=logic xử lý không hợp lệ"
    assert said("x", code="201").phrase == "code=201"
