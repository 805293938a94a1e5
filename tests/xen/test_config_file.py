"""Reading and writing xl.cfg. Where xl's own library is installed it is asked too, and must say the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teig.xen.config_edit import append, apply, quoted, remove, render, replace
from teig.xen.config_file import Atom, Value, decode, encode, parse, parse_number
from teig.xen.config_text import BadConfig
from tests.xen.xlutil import XlUtil

FILE = """# A guest.
name = "web"   # its name
memory=512; vcpus = 2

disk = [
    'phy:/dev/vg0/web,xvda,w',  # root
    "format=raw, vdev=xvdb, access=rw, target=/dev/vg0/web-data",
]
vif = [ 'mac=00:16:3e:00:00:01' ]
vif += [ "bridge=xenbr1", ]
extra = "root=/dev/xvda"
extra += ' quiet'
on_crash = 'restart'
shadow_memory = 0x10
"""
PIECES = st.sampled_from(
    ["name", "disk", "a", "_b", "B", "1", "0x1f", "08", "-1", "1.5", '"x"', "'y'", '"a\\"b"', "'\\n'", '"\\q"', "=",
     "+=", "[", "]", ",", ";", "\n", " ", "\t", "# c", "#\n", "(", ")", "True", "import", "\r\n", ".", "\\", '"',
     "é", "\x0c"]
)  # fmt: skip


def plain(value: Value) -> Any:
    return encode(value.text) if isinstance(value, Atom) else [plain(item) for item in value.items]


def read(text: str) -> dict[str, Any] | None:
    """What Teig reads of a file, None where xl is said to refuse it."""
    try:
        config = parse(text)
    except BadConfig:
        return None
    return None if config.deviations else {name: plain(setting.value) for name, setting in config.settings.items()}


def test_everything_in_a_file_is_found_where_it_stands() -> None:
    config = parse(FILE)
    assert read(FILE) == {
        "name": b"web", "memory": b"512", "vcpus": b"2", "extra": b"root=/dev/xvda quiet", "on_crash": b"restart",
        "disk": [b"phy:/dev/vg0/web,xvda,w", b"format=raw, vdev=xvdb, access=rw, target=/dev/vg0/web-data"],
        "vif": [b"mac=00:16:3e:00:00:01", b"bridge=xenbr1"], "shadow_memory": b"0x10",
    }  # fmt: skip
    for one in config.assignments:
        assert config.text[one.name_span.start : one.name_span.end] == one.name
    assert [config.lines.place(offset) for offset, _ in config.comments] == [(1, 1), (2, 16), (6, 33)]
    memory = config.settings["memory"].last
    assert config.lines.place(memory.span.start) == (3, 1)
    assert config.lines.line(3) == "memory=512; vcpus = 2"


def test_a_file_that_xl_reads_is_read_the_same(xlutil: XlUtil) -> None:
    assert read(FILE) == xlutil.read(FILE.encode())


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("name = \n", 1, 8, "Expected a value, and found the end of the line."),
        ("name = web\n", 1, 8, "Expected a value, and found web."),
        ("a = 1\nname 'web'\n", 2, 6, "Expected = after name, and found 'web'."),
        ("disk = [ 'a' 'b', \n 'c'\nvif = []\n", 3, 1, "Expected , or ], and found vif."),
        ("disk = [ 'a',\n", 2, 1, "Expected a value, and found the end of the file."),
        ("name = 'web\n", 1, 8, "A string begins with ' and does not end on this line."),
        ("a = 1 b = 2\n", 1, 7, "Expected a new line, and found b."),
        ("cpus = 0-3\n", 1, 9, "Expected a new line, and found -3."),
        ("import os, re\n", 1, 8, "Expected = after import, and found os."),
        ("arch = os.uname()[4]\n", 1, 8, "Expected a value, and found os.uname."),
        ("a = 1\nimport os\nif os.x:\n", 2, 8, "Expected = after import, and found os."),
        ("memory = 128 * 2\n", 1, 14, "Expected a value or a new line, and found *, as in Python code."),
        ("memory = 12GB\n", 1, 10, "Expected a number, and found '12GB'."),
        ("a = [1]\na += 'x'\n", 2, 6, "a cannot be added to: one value is a list and the other is not."),
        ("a = 'x\x00'\n", 1, 5, "A string begins with ' and does not end on this line."),
        ("a = \x00\n", 1, 5, "The character U+0000 cannot stand here."),
        ("a = " + "[" * 40, 1, 37, "Lists lie more than 32 deep in each other."),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_place(text: str, line: int, column: int, expected: str) -> None:
    with pytest.raises(BadConfig) as caught:
        parse(text)
    assert (caught.value.message, caught.value.todo != "") == (expected, True)
    lines = parse("").lines.__class__(text)
    assert lines.place(caught.value.offset) == (line, column)


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("a = 'x' # end", b"x", "xl refuses the whole file"),
        ("a = 1\r\n", b"1", "carriage return"),
        ("a = -1\n", b"-1", "does not read '-1' as a number"),
        ("a = True\n", b"1", "does not know True"),
        ("a = ('x', 'y')\n", [b"x", b"y"], "no ( )"),
        ("a = ('x')\n", b"x", "no ( )"),
        ("a = 'x' 'y'\n", b"xy", "stand beside each other"),
        ("a = '\\q'\n", b"\\q", "does not understand \\q"),
        ("a = '\\x41'\n", b"A", "does not understand \\x41"),
    ],
)
def test_plain_assignments_of_xm_are_read_and_noted(text: str, value: Any, said: str) -> None:
    config = parse(text)
    assert plain(config.settings["a"].value) == value
    assert said in config.deviations[0].message


def test_carriage_returns_are_noted_once() -> None:
    assert len(parse("a = 1\r\nb = 2\r\n").deviations) == 1


def test_capital_names_are_noted() -> None:
    assert "lower case" in parse("Name = 'x'\n").deviations[0].message


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_what_xl_refuses_is_refused_and_what_it_reads_is_read_alike(xlutil: XlUtil, text: str) -> None:
    if "\\" in text or text.endswith("\x0c"):  # xl misreads octal escapes, and forgets to say that it does at the end
        return
    data = (text + "\n").encode()
    assert read(decode(data)) == xlutil.read(data)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.binary().map(decode), st.lists(PIECES).map("".join)))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        config = parse(text)
    except BadConfig as error:
        problems = [error]
    else:
        problems = list(config.deviations)
        assert apply(config.text, []) == text
    for problem in problems:
        assert 0 <= problem.offset <= len(text)
        assert problem.message
        assert problem.todo


VALUES = st.recursive(
    st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(quoted),
        st.integers(0, 10**9).map(str),
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]"),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_what_is_written_is_read_back(wanted: dict[str, str]) -> None:
    text = "".join(f"{name} = {value}\n" for name, value in wanted.items())
    config = parse(text)
    again = parse(render(config.assignments))
    assert [one.name for one in again.assignments] == list(wanted)
    assert {name: plain(one.value) for name, one in again.settings.items()} == {
        name: plain(one.value) for name, one in config.settings.items()
    }


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_xl_reads_a_quoted_text_back(xlutil: XlUtil, text: str) -> None:
    assert xlutil.read(f"a = {quoted(text)}\n".encode()) == {"a": text.encode()}


@given(st.binary())
def test_bytes_survive(data: bytes) -> None:
    assert encode(decode(data)) == data


def test_edits_touch_nothing_else() -> None:
    config = parse(FILE)
    memory, crash = config.settings["memory"].value, config.settings["on_crash"].last
    assert isinstance(memory, Atom)
    removed = remove(config, crash)
    assert removed is not None
    changed = apply(FILE, [replace(memory, "1024"), removed, append(config, "cap = 100")])
    assert changed == FILE.replace("512", "1024").replace("on_crash = 'restart'\n", "") + "cap = 100\n"
    assert remove(config, config.settings["memory"].last) is None, "vcpus stands on the same line"


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("0x1f", 31), ("010", 8), ("08", None), ("0", 0), (" 7", 7), ("-3", -3), ("1x", None), ("", None),
     ("9" * 30, None), ("0x", None), ("+5", 5), ("1_0", None), ("٣", None)],
)  # fmt: skip
def test_numbers_are_those_of_strtol(text: str, number: int | None) -> None:
    assert parse_number(text) == number
