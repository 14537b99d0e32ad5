import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from alumniq_pipelines.core.problems.request import (
    BodyNestedTooDeeply,
    BodyNotForm,
    BodyNotJson,
    BodyNotObject,
    BodyNotUtf8,
    UnreadableBody,
)
from webhook_gateway.http.request_body import Pairs, read_pairs

MULTIPART = "multipart/form-data; boundary=frontier"


def read(body: bytes, content_type: str = "") -> Pairs:
    return list(asyncio.run(read_pairs(body, Headers({"content-type": content_type}))))


def part(name: str, value: str, more: str = "") -> str:
    return f'--frontier\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


@pytest.mark.parametrize("body", [b"", b"   \r\n", b"\xef\xbb\xbf"])
def test_an_empty_body_holds_nothing(body: bytes) -> None:
    assert read(body) == []


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/plain", "application/x-www-form-urlencoded", "?"]
)
def test_the_format_is_detected_from_the_body(content_type: str) -> None:
    expected = [("filename", "a b.csv"), ("apiKey", "k")]
    assert read(b'\xef\xbb\xbf {"filename": "a b.csv", "apiKey": "k"}', content_type) == expected
    assert read(b"filename=a+b.csv&apiKey=k", content_type) == expected


def test_a_repeated_name_is_returned_twice() -> None:
    assert read(b'{"a": "1", "a": "2"}') == [("a", "1"), ("a", "2")]
    assert read(b"a=1&a=2") == [("a", "1"), ("a", "2")]


def test_a_multipart_form_is_read() -> None:
    body = part("filename", "été.csv") + part("apiKey", "k") + "--frontier--\r\n"

    assert read(body.encode(), MULTIPART) == [("filename", "été.csv"), ("apiKey", "k")]


def test_a_file_in_a_form_is_no_text() -> None:
    body = part("filename", "content", '; filename="warehouse.csv"') + "--frontier--\r\n"

    [(name, value)] = read(body.encode(), MULTIPART)

    assert name == "filename"
    assert not isinstance(value, str)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", BodyNotJson),
        (b'{"a": }', BodyNotJson),
        (b"{'a': 'b'}", BodyNotJson),
        (b'{"a": "b"} {"c": "d"}', BodyNotJson),
        (b'{"a": "b\n"}', BodyNotJson),
        (b'{"a": NaN}', BodyNotJson),
        (b'{"a": -Infinity}', BodyNotJson),
        (b'{"a": "\\ud8"}', BodyNotJson),
        (b'["a"]', BodyNotObject),
        (b'"a"', BodyNotObject),
        (b"5", BodyNotObject),
        (b"null", BodyNotObject),
        (b"hello", BodyNotObject),
        (b"[" * 60_000, BodyNestedTooDeeply),
        (b'{"a":' * 12_000, BodyNestedTooDeeply),
        (b"a=%ff", BodyNotForm),
        (b"&".join([b"a=1"] * 101), BodyNotForm),
        (b'\xff\xfe{\0"\0', BodyNotUtf8),
        ('{"a": "é"}'.encode("latin-1"), BodyNotUtf8),
        (b'\0{\0"', BodyNotObject),
    ],
    ids=lambda value: str(value)[:30],
)
def test_each_unreadable_body_is_refused_with_its_own_message(
    body: bytes, problem: type[UnreadableBody]
) -> None:
    with pytest.raises(problem) as caught:
        read(body)

    assert type(caught.value) is problem
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_longest_number_costs_nothing() -> None:
    """Python refuses to convert integers of more than 4,300 digits, and slows down before."""
    [(name, value)] = read(b'{"filename": ' + b"9" * 60_000 + b"}")

    assert name == "filename"
    assert not isinstance(value, str)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=frontier; charset=zlib",
        "multipart/form-data; boundary=frontier; charset=undefined",
        "multipart/form-data; boundary=frontier; charset=\0",
        f"multipart/form-data; boundary={'b' * 10_000}",
    ],
    ids=ascii,
)
def test_a_multipart_form_with_a_broken_header_is_refused_or_read(content_type: str) -> None:
    body = part("filename", "warehouse.csv") + "--frontier--\r\n"
    try:
        pairs = read(body.encode(), content_type)
    except UnreadableBody:
        return
    assert all(isinstance(name, str) for name, _ in pairs)


@given(st.binary(), st.sampled_from(["", "application/json", MULTIPART, "multipart/form-data"]))
def test_any_bytes_are_either_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        pairs = read(body, content_type)
    except UnreadableBody:
        return
    assert all(isinstance(name, str) for name, _ in pairs)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_json_object_is_read(options: dict[str, object]) -> None:
    pairs = read(json.dumps(options).encode())

    assert [name for name, _ in pairs] == list(options)
    assert [value for _, value in pairs if isinstance(value, str)] == [
        value for value in options.values() if isinstance(value, str)
    ]
