import json
import re

import pytest

from contracts.errors import MessageRefused
from contracts.strict_json import FILE_URL_TIME, decode, split, split_object, strip_volatile


def refused(body: bytes, array_key: str | None = "data") -> str:
    with pytest.raises(MessageRefused) as caught:
        split(body, array_key)
    return caught.value.code


def undecodable(raw: bytes) -> str:
    with pytest.raises(MessageRefused) as caught:
        decode(raw)
    return caught.value.code


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_an_envelope_comes_apart_into_head_records_and_their_places() -> None:
    body = '{ "session" : "phiên", "data" : [ {"a": 1} ,\n{"b":"ế"} ] ,"isUpdating":"False"}'.encode()

    parts = split(body, "data")

    assert parts.head == {"session": "phiên", "isUpdating": "False"}
    assert [body[start:end] for start, end in parts.spans] == parts.items == [b'{"a": 1}', '{"b":"ế"}'.encode()]
    start, end = parts.head_spans["session"]
    assert body[start:end].decode() == '"phiên"'


def test_a_value_that_looks_like_a_key_does_not_move_the_places() -> None:
    body = b'{"a":"data","data":["data",  "a"],"b":"a"}'

    parts = split(body, "data")

    assert parts.items == [b'"data"', b'"a"']
    assert {name: body[start:end] for name, (start, end) in parts.head_spans.items()} == {"a": b'"data"', "b": b'"a"'}


def test_a_bare_array_is_its_own_envelope() -> None:
    parts = split(b' [ {"x":1}, [2] ] ', None)

    assert (parts.head, parts.items, parts.spans) == ({}, [b'{"x":1}', b"[2]"], [(3, 10), (12, 15)])


def test_a_single_object_is_one_record_without_the_space_around_it() -> None:
    parts = split_object(b'\n {"x": 1}\t')

    assert (parts.items, parts.spans) == ([b'{"x": 1}'], [(2, 10)])


def test_a_body_that_is_not_an_object_is_no_single_record() -> None:
    with pytest.raises(MessageRefused) as caught:
        split_object(b"[1]")
    assert caught.value.code == "read.envelope"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "read.not_json"),
        (b"  \n", "read.not_json"),
        (b"hello", "read.not_json"),
        (b"<xml/>", "read.not_json"),
        (b'{"data":[1]} x', "read.not_json"),
        (b'{"data":[1]', "read.not_json"),
        (b'{"data":[NaN]}', "read.not_json"),
        (b'{"data":[1],}', "read.not_json"),
        (b"{'data':[1]}", "read.not_json"),
        (b'\xef\xbb\xbf{"data":[1]}', "read.bom"),
        (b'{"data":["\xff"]}', "read.encoding"),
        ('{"data":["Lê"]}'.encode("cp1258"), "read.encoding"),
        ('{"data":[1]}'.encode("utf-16"), "read.encoding"),
        ('{"data":[1]}'.encode("utf-16-le"), "read.encoding"),
        ('{"data":[1]}'.encode("utf-32-be"), "read.encoding"),
        (b'{"data":["a\x00b"]}', "read.nul"),
        (b'{"data":[1],"session":"\\u0000"}', "read.nul"),
        (b'{"data":[1],"session":"\\ud800"}', "read.surrogate"),
        (b'{"session":1,"session":1,"data":[1]}', "read.duplicate_key"),
        (b'{"data":[1],"data":[1]}', "read.duplicate_key"),
        (b'{"data":[1],"data":[2,3]}', "read.duplicate_key"),
        (b'{"data":[1],"":1,"":1}', "read.duplicate_key"),
        (b'{"data":[1],"a":1,"\\u0061":2}', "read.duplicate_key"),
        (b'{"data":[1],"session":{"a":1,"a":2}}', "read.duplicate_key"),
        (b"{}", "read.envelope"),
        (b'{"Data":[1]}', "read.envelope"),
        (b'{"data":{"MaHoSo":"1"}}', "read.envelope"),
        (b'{"data":null}', "read.envelope"),
        (b'{"data":"[1]"}', "read.envelope"),
        (b"[1]", "read.envelope"),
        (b'"text"', "read.envelope"),
        (b'{"data":[]}', "read.record_count"),
        (b'{"data":[' + b"1," * 1_000 + b"1]}", "read.record_count"),
        (b'{"data":[1]' + b"".join(b',"%d":1' % number for number in range(256)) + b"}", "read.envelope"),
        (nested(10_000), "read.too_deep"),
        (b'{"data":' + nested(10_000) + b"}", "read.too_deep"),
        (b'{"data":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "read.too_deep"),
        (b'{"data":[1],"session":' + nested(33) + b"}", "read.too_deep"),
    ],
)
def test_a_spoiled_envelope_is_refused_whole_and_by_name(body: bytes, code: str) -> None:
    assert refused(body) == code


def test_a_bare_array_in_place_of_which_an_object_came_is_refused() -> None:
    assert refused(b'{"data":[1]}', None) == "read.envelope"


def test_a_duplicate_names_the_key() -> None:
    with pytest.raises(MessageRefused) as caught:
        split(b'{"data":[1],"session":1,"session":2}', "data")
    assert "session" in caught.value.errors[0].vi


def test_a_thousand_records_are_the_most() -> None:
    assert len(split(b'{"data":[' + b"1," * 999 + b"1]}", "data").items) == 1_000


def test_a_fault_of_one_record_stays_with_that_record() -> None:
    bad = [b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', nested(40), b'{"a":99999999999999999999}']
    body = b'{"data":[' + b",".join([*bad, b'{"good":1}']) + b"]}"

    parts = split(body, "data")

    assert [undecodable(item) for item in parts.items[:-1]] == [
        "read.duplicate_key",
        "read.surrogate",
        "read.nul",
        "read.too_deep",
        "read.not_json",
    ]
    assert decode(parts.items[-1]) == {"good": 1}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"a":1}', "read.duplicate_key"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "read.duplicate_key"),
        (b'[{"a":"x","a":"x"}]', "read.duplicate_key"),
        (b'{"a" :1,"a" :1}', "read.duplicate_key"),
        (b'{"a\\"":1,"a\\u0022":2}', "read.duplicate_key"),
        (b'{"\\\\":1,"\\u005c":2}', "read.duplicate_key"),
        (b'{"a":"\\u0000"}', "read.nul"),
        (b'{"\\u0000":1}', "read.nul"),
        (b'{"a":["\\u0000"]}', "read.nul"),
        (b'"\x00"', "read.nul"),
        (b'"\\udc00"', "read.surrogate"),
        (b'"\\ud83d x \\ude00"', "read.surrogate"),
        (b"NaN", "read.not_json"),
        (b"-Infinity", "read.not_json"),
        (b"1e999", "read.not_json"),
        (b"9223372036854775808", "read.not_json"),
        (b'{"a":-9223372036854775809}', "read.not_json"),
        (b"9" * 5_000, "read.not_json"),
        (b"01", "read.not_json"),
        (b'"\t"', "read.not_json"),
        (b'{"a":1}{"a":1}', "read.not_json"),
        (b'"\xc3"', "read.encoding"),
        (b"\xef\xbb\xbf1", "read.bom"),
        (b"[" + b"[]," * 100_000 + b"1,1]", "read.too_many_elements"),
        (b'"' + b"\\ud800" * 20_000 + b'"', "read.not_json"),
        (nested(33), "read.too_deep"),
        (nested(10_000), "read.too_deep"),
    ],
)
def test_a_spoiled_record_is_refused_by_name(raw: bytes, code: str) -> None:
    assert undecodable(raw) == code


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"\\\\u0000"}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a\\\\":1,"a":2}',
        b'{"url":"http:\\/\\/x\\/y"}',
        b'{"a" : "x :", "b":"\\": "}',
        '{"tên":"Lò Thị Mẫu","giá":150000,"trống":null,"cờ":true,"số":-1.5}'.encode(),
        b"9223372036854775807",
        nested(32),
        b'{"a":{"a":{"a":1}}}',
    ],
)
def test_what_is_json_is_decoded_as_the_standard_library_does(raw: bytes) -> None:
    assert decode(raw) == json.loads(raw)


def test_a_key_of_megabytes_is_only_a_key() -> None:
    key = "đ\\n" * 1_000_000

    parts = split(f'{{"{key}":7,"data":[1]}}'.encode(), "data")

    assert list(parts.head.values()) == [7]


def test_ten_deep_is_fine() -> None:
    assert decode(nested(10)) == json.loads(nested(10))


def test_the_time_at_the_end_of_a_file_url_is_no_part_of_the_fingerprint() -> None:
    first = b'{"DuongDanTaiTepTin":"https://mc.example.vn/f/551?t=1789434600000","x":"?t=5"}'
    later = first.replace(b"1789434600000", b"1789434699999")

    assert first != later
    assert strip_volatile(first, (FILE_URL_TIME,)) == strip_volatile(later, (FILE_URL_TIME,))
    assert b"?t=5" in strip_volatile(first, (FILE_URL_TIME, re.compile(b"never")))


@pytest.mark.parametrize("space", ["", " ", "\n\t "])
def test_a_plain_envelope_is_read_as_one_that_must_be_taken_member_by_member(space: str) -> None:
    head = f'{{{space}"session"{space}:{space}"phiên mẫu"{space},{space}"madonvi":"H99",'
    array = f'"data":[{{"a":1}},{space}{{"b":[2]}}]'
    plain = (head + array + "}").encode()
    other = (head + array + ',"last":"1"}').encode()

    one, two = split(plain, "data"), split(other, "data")

    assert one.head == {"session": "phiên mẫu", "madonvi": "H99"}
    assert two.head == {**one.head, "last": "1"}
    assert (one.items, one.spans) == (two.items, two.spans) == ([b'{"a":1}', b'{"b":[2]}'], one.spans)
    assert [plain[start:end] for start, end in one.spans] == one.items
    assert {name: plain[slice(*span)] for name, span in one.head_spans.items()} == {
        "session": '"phiên mẫu"'.encode(),
        "madonvi": b'"H99"',
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a":"1","a":"2","data":[{}]}', "read.duplicate_key"),
        (b'{"data":"1","data":[{}]}', "read.duplicate_key"),
        (b'{"a":"1","data":[{},]}', "read.not_json"),
        (b'{"a":"1","data":[{}],"data":[{}]}', "read.duplicate_key"),
        (b'{"a":"1","data":[]}', "read.record_count"),
    ],
)
def test_a_faulty_plain_envelope_is_refused_as_any_other(body: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        split(body, "data")
    assert refused.value.code == code
