import pytest

from contracts.errors import MessageRefused
from contracts.strict_xml import parse, record_spans, value_spans

BOMB = b"""<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><lolz>&c;</lolz>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


def deep(levels: int) -> bytes:
    return b"<a>" * levels + b"</a>" * levels


def refused(body: bytes) -> str:
    with pytest.raises(MessageRefused) as caught:
        parse(body)
    return caught.value.code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "read.not_xml"),
        (b"text", "read.not_xml"),
        (b'{"a":1}', "read.not_xml"),
        (b"<a>", "read.not_xml"),
        (b"<a/><b/>", "read.not_xml"),
        (b"<a>&x;</a>", "read.not_xml"),
        (b"<a>&#0;</a>", "read.not_xml"),
        (b"<a><x:b/></a>", "read.not_xml"),
        (b'junk<?xml version="1.0"?><a/>', "read.not_xml"),
        (b' <?xml version="1.0"?><a/>', "read.not_xml"),
        (b"<!doctype a><a/>", "read.not_xml"),
        (b"<!DOCTYPE a><a/>", "read.dtd"),
        (BOMB, "read.dtd"),
        (EXTERNAL, "read.dtd"),
        (b'<!DOCTYPE a SYSTEM "http://example.vn/a.dtd"><a/>', "read.dtd"),
        (b"\xef\xbb\xbf<a/>", "read.bom"),
        ("<a>Lê</a>".encode("cp1258"), "read.encoding"),
        ("<a>Lê</a>".encode("utf-16"), "read.encoding"),
        ("<a/>".encode("utf-16-be"), "read.encoding"),
        (b'<?xml version="1.0" encoding="windows-1258"?><a/>', "read.encoding"),
        (b"<a>\x00</a>", "read.nul"),
        (deep(65), "read.too_deep"),
        (deep(300), "read.too_deep"),
        (deep(10_000), "read.too_deep"),
        (b"<a>" + b"<b/>" * 200_000 + b"</a>", "read.too_many_elements"),
        (b"<a " + b" ".join(b'x%d="1"' % number for number in range(65)) + b"/>", "read.too_many_elements"),
    ],
)
def test_a_spoiled_document_is_refused_by_name(body: bytes, code: str) -> None:
    assert refused(body) == code


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<a/>',
        b"<?xml version=\"1.0\" encoding='utf-8'?><a/>",
        b"<a><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE y>]]></a>",
        deep(64),
        b"<a " + b" ".join(b'x%d="1"' % number for number in range(64)) + b"/>",
    ],
)
def test_a_plain_document_is_read(body: bytes) -> None:
    assert parse(body).tag == "a"


def test_comments_and_instructions_are_no_children() -> None:
    root = parse(b"<a>x<!-- c --><?p i?>y<b/></a>")

    assert [child.tag for child in root] == ["b"]
    assert root.text == "xy"


def test_a_fault_names_its_line() -> None:
    with pytest.raises(MessageRefused) as caught:
        parse(b"<a>\n<b>\n</a>")
    assert "line 3" in caught.value.detail


def test_records_are_found_byte_for_byte() -> None:
    records = [
        "<HoSo x='>\"'><HoSo>Lò Thị Mẫu</HoSo></HoSo >",
        "<HoSo/>",
        '<p:HoSo xmlns:p="u" q="/>" />',
        "<HoSo></HoSo>",
        '<HoSo q="/>">/></HoSo>',
    ]
    body = ("<r><!-- <data><HoSo/> --><data>" + " <Khac><HoSo/></Khac>".join(records) + "</data><HoSo/></r>").encode()

    spans = record_spans(body, ("r", "data", "HoSo"))

    assert [body[start:end].decode() for start, end in spans] == records


def test_a_value_is_what_stands_between_its_tags() -> None:
    body = '<r><session a=">"> bí mật </session><session/></r>'.encode()

    assert [body[start:end].decode() for start, end in value_spans(body, ("r", "session"))] == [" bí mật ", ""]


def test_spans_are_refused_where_there_is_a_doctype_or_no_xml() -> None:
    for body, code in ((BOMB, "read.dtd"), (b"<a>", "read.not_xml")):
        with pytest.raises(MessageRefused) as caught:
            record_spans(body, ("a",))
        assert caught.value.code == code
