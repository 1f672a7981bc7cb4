"""A message's parts are its bytes, whatever the spans; its list of records is compared as a list."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import field_error
from contracts.reading import Reading, Record, RefusedRecord
from hub.intake import compare_with_tail, parts_of, verdicts
from tests.hub.little_hub import CODE

spans = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: (min(pair), max(pair)))


@given(
    body=st.binary(max_size=40),
    records=st.lists(spans, max_size=4),
    refused=st.lists(spans, max_size=2),
    secrets=st.lists(spans, max_size=2),
    attachments=st.lists(spans, max_size=3),
)
def test_parts_concatenated_are_the_body(
    body: bytes,
    records: list[tuple[int, int]],
    refused: list[tuple[int, int]],
    secrets: list[tuple[int, int]],
    attachments: list[tuple[int, int]],
) -> None:
    reading = Reading(
        standard="plain",
        edition="1",
        service="records",
        records=tuple(
            Record(index=index, span=span, dossier=CODE, facts=(), material=b"", service="records")
            for index, span in enumerate(records)
        ),
        refused=tuple(
            RefusedRecord(index=10 + index, span=span, errors=(field_error("read.structure", name="x"),))
            for index, span in enumerate(refused)
        ),
        secrets=tuple(secrets),
        attachments=tuple(attachments),
    )
    streams = {index: bytes([index]) * 16 for index in range(len(records))}

    cut = parts_of(body, reading, streams)

    assert b"".join(part.content for part in cut.parts) == body
    assert all(part.content for part in cut.parts)
    assert all((part.role == "dossier") == (part.owner is not None) for part in cut.parts)
    assert all(cut.parts[at].owner == streams[index] for index, at in cut.of_record.items())
    secret = {at for start, end in secrets for at in range(start, min(end, len(body)))}
    place = 0
    for part in cut.parts:
        if part.role == "dossier":
            assert secret.isdisjoint(range(place, place + len(part.content)))
        place += len(part.content)


fingerprints = st.lists(st.sampled_from([b"4", b"5", b"6"]), max_size=5)


@given(accepted=fingerprints, offered=fingerprints)
def test_the_known_prefix_is_the_longest_one_that_ends_what_was_accepted(
    accepted: list[bytes], offered: list[bytes]
) -> None:
    known = compare_with_tail(accepted, offered)

    fits = [n for n in range(len(offered) + 1) if n <= len(accepted) and accepted[len(accepted) - n :] == offered[:n]]
    assert known == max(fits)


@given(sent=st.lists(fingerprints.filter(bool), min_size=1, max_size=4))
def test_a_packet_sent_again_at_once_is_all_duplicates(sent: list[list[bytes]]) -> None:
    accepted: list[bytes] = []
    for packet in sent:
        for _ in range(2):
            words = verdicts(accepted, packet, [False] * len(packet))
            news = [one for one, word in zip(packet, words, strict=True) if word != "duplicate"]
            accepted += news
        assert verdicts(accepted, packet, [False] * len(packet)) == ["duplicate"] * len(packet)
