"""Arbitrary bytes end in a tree or a refusal, and what is cut out by byte range is what the tree holds."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from contracts.errors import MessageRefused
from contracts.strict_xml import parse, record_spans, value_spans

NAMES = st.sampled_from(["a", "b", "HoSo", "data"])
TEXTS = st.text(alphabet="xđ >'\"\n]", max_size=5).map(lambda text: text.replace("]]>", ""))
TOKENS = st.sampled_from(
    ["<a>", "</a>", "<a/>", "<b ", "x='1'", '"', ">", "&amp;", "&x;", "<!DOCTYPE a [", "<!ENTITY x 'y'>", "]>", "<!--",
     "-->", "<![CDATA[", "]]>", "<?p ?>", '<?xml version="1.0"?>', "t", "\x00", "\ufeff", "đ"]
)  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(NAMES)
    attribute = draw(st.sampled_from(["", " q='>'", ' q="/>"', " q = '\"' "]))
    children = draw(st.lists(elements(depth - 1), max_size=3)) if depth else []
    inner = draw(TEXTS) + "".join(
        child + draw(st.sampled_from(["", "<!-- <HoSo/> -->", "<![CDATA[</data>]]>"])) for child in children
    )
    if not inner and draw(st.booleans()):
        return f"<{name}{attribute}/>"
    return f"<{name}{attribute}>{inner}</{name} >"


def _below(root: etree._Element, path: tuple[str, ...]) -> list[etree._Element]:
    return root.findall("/".join(path[1:])) if path[0] == root.tag and len(path) > 1 else []


@given(st.binary(max_size=80) | st.lists(TOKENS, max_size=12).map(lambda tokens: "".join(tokens).encode()))
@settings(max_examples=500)
def test_any_bytes_end_in_a_tree_or_a_refusal(body: bytes) -> None:
    for reader in (parse, partial(record_spans, path=("a", "a")), partial(value_spans, path=("a",))):
        try:
            reader(body)
        except MessageRefused as refusal:
            code = refusal.code
        else:
            code = "read."
        assert code.startswith("read.")


@given(elements())
@settings(max_examples=300)
def test_what_is_cut_out_is_what_the_tree_holds(text: str) -> None:
    body = text.encode()
    root = parse(body)
    for path in (("data", "HoSo"), ("a", "b", "HoSo"), ("HoSo",), ("data",)):
        expected = [root] if path == (root.tag,) else _below(root, path)

        cut = [body[start:end] for start, end in record_spans(body, path)]

        assert [etree.tostring(parse(piece), method="c14n") for piece in cut] == [
            etree.tostring(element, method="c14n", with_tail=False) for element in expected
        ]
