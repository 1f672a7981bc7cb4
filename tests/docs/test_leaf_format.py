"""What the page about the log's format says, done by hand with the standard library alone, is what the log does."""

import json
import re
from hashlib import sha256
from pathlib import Path

from ledger import leaf, merkle, note

PAGE = (Path(__file__).parents[2] / "docs/reference/leaf-format.md").read_text("utf-8")
ROW = re.compile(r"^\| (none|\"\"[^|]*?) \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def entries(written: str) -> list[bytes]:
    return [] if written == "none" else [bytes.fromhex(one.strip().strip('"')) for one in written.split(",")]


def test_the_roots_on_the_page_are_those_of_the_tree() -> None:
    vectors = ROW.findall(PAGE)
    assert len(vectors) == 4
    assert [(text, merkle.root_of(entries(text)).hex()) for text, _ in vectors] == vectors


def test_a_commitment_is_what_the_page_says() -> None:
    salt, content = bytes(range(32)), "Lò Thị Mẫu".encode()
    for role, prefix in (("body", leaf.BODY_PREFIX), ("raw", leaf.RAW_PREFIX)):
        by_hand = sha256(b"hub/pc/v1\x00" + role.encode() + b"\x00" + salt + sha256(content).digest()).digest()
        assert leaf.commit_to(prefix, salt, content) == by_hand
        assert f'"{role}" ‖ 00' in PAGE


def test_every_member_of_a_leaf_is_on_the_page() -> None:
    for name in leaf.Leaf.__struct_fields__:
        assert re.search(rf"`{name}`", PAGE), name


def test_a_key_id_is_what_the_page_says() -> None:
    key = note.VerifierKey("lienthong.example/log", bytes(32))
    assert key.id == sha256(b"lienthong.example/log\x0a\x01" + bytes(32)).digest()[:4]


def test_canonical_is_plain_sorted_json() -> None:
    one = leaf.Leaf(
        v=1, k="event", idx=0, sid="0" * 32, rev=0, prev=leaf.NO_PREV, typ="dossier.received", sv=1,
        tr="2026-01-05T01:34:00.000000Z", pc=(leaf.Commitment(c="0" * 64, r="body"),),
    )  # fmt: skip
    stored = leaf.encode(one)
    assert json.dumps(json.loads(stored), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == stored
