# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.column_types import (
    IN_TEXT,
    KINDS,
)

MARKER = b"gAAAAA"
OLD, OTHER, NEW, NEWER = b"gAAAAAold-_==", b"gAAAAAother==", b"gAAAAAnew-_==", b"gAAAAAnewer=="
JSON = KINDS["json"]


@pytest.mark.parametrize("name", ["text", "character varying", "character", "citext"])
def test_a_text_value_is_one_token(name):
    kind = KINDS[name]
    assert kind.tokens("gAAAAAold-_==", MARKER) == [OLD]
    assert kind.tokens("not a token, kůň", MARKER) == ["not a token, kůň".encode()]
    assert kind.put("gAAAAAold-_==", [OLD], [NEW]) == "gAAAAAnew-_=="


@pytest.mark.parametrize("view", [bytes, memoryview, bytearray], ids=["psycopg", "psycopg2", "bytearray"])
def test_a_bytea_value_is_one_token_as_whichever_driver_gives_it(view):
    kind = KINDS["bytea"]
    assert kind.tokens(view(b"\x80\x00\xff"), b"\x80") == [b"\x80\x00\xff"]
    assert kind.put(view(b"\x80\x00\xff"), [b"\x80\x00\xff"], [b"\x80\x01"]) == b"\x80\x01"


@pytest.mark.parametrize(
    ("name", "array", "read", "write"),
    [
        ("text", "text", "t.a", "t.a"),
        ("character varying", "text", "t.a", "t.a"),
        ("character", "text", "t.a::text", "t.a"),
        ("citext", "text", "t.a::text", "t.a::citext"),
        ("text[]", "text", "t.a::text", "t.a::text[]"),
        ("character varying[]", "text", "t.a::text", "t.a::varchar[]"),
        ("bytea", "bytea", "t.a", "t.a"),
        ("json", "text", "t.a::text", "t.a::json"),
        ("jsonb", "text", "t.a::text", "t.a::jsonb"),
    ],
)
def test_how_a_kind_is_read_and_written(name, array, read, write):
    kind = KINDS[name]
    assert (kind.array, kind.read.format("t.a"), kind.write.format("t.a")) == (array, read, write)


def test_every_kind_is_tested_here():
    one_token = {"text", "character varying", "character", "citext", "bytea"}
    assert set(KINDS) == one_token | {"json", "jsonb", "text[]", "character varying[]"} | set(IN_TEXT.values())


@pytest.mark.parametrize(("plain", "name"), IN_TEXT.items())
def test_a_document_in_a_text_has_tokens_and_any_other_text_is_one(plain, name):
    kind = KINDS[name]
    assert (kind.array, kind.read, kind.write) == (KINDS[plain].array, KINDS[plain].read, KINDS[plain].write)
    assert not kind.whole
    document = '\n{"a" : "gAAAAAold-_==", "a":1e2}'
    assert kind.tokens(document, MARKER) == [OLD]
    assert kind.put(document, [OLD], [NEW]) == document.replace("old", "new")
    for text in ("gAAAAAold-_==", "{gAAAAAold-_==", '"gAAAAAold-_=="', "[" * 100_000 + OLD.decode()):
        assert kind.tokens(text, MARKER) == [text.encode()]
        assert kind.put(text, [text.encode()], [NEW]) == NEW.decode()


@pytest.mark.parametrize("name", ["text[]", "character varying[]"])
@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ("{gAAAAAold-_==,gAAAAAother==}", [OLD, OTHER], "{gAAAAAnew-_==,gAAAAAother==}"),
        ("{{gAAAAAold-_==},{NULL}}", [OLD], "{{gAAAAAnew-_==},{NULL}}"),
        ('{"gAAAAAold-_==",NULL,"",x}', [OLD], '{gAAAAAnew-_==,NULL,"",x}'),
        (r'{"a, \"b\" \\",gAAAAAold-_==,gAAAAAold-_==x}', [OLD, OLD + b"x"], None),
        ("[2:3]={gAAAAAold-_==,NULL}", [OLD], "[2:3]={gAAAAAnew-_==,NULL}"),
        ("{}", [], "{}"),
    ],
    ids=["two", "nested", "quoted", "others", "bounds", "none"],
)
def test_the_tokens_of_an_array_are_its_members_and_every_other_byte_stays(name, text, tokens, expected):
    kind = KINDS[name]
    assert kind.tokens(text, MARKER) == tokens
    new = [NEW if token == OLD else token for token in tokens]
    wanted = expected or r'{"a, \"b\" \\",gAAAAAnew-_==,gAAAAAold-_==x}'
    assert kind.put(text, tokens, new) == wanted


@pytest.mark.parametrize("name", ["text[]", "character varying[]"])
@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ("{old,NULL}", [b"old"], "{new,NULL}"),
        ('{old,"NULL","null",""}', [b"old", b"NULL", b"null"], '{new,"NULL","null",""}'),
        ('{old,"x,y","{z","two words"}', [b"old", b"x,y", b"{z", b"two words"], '{new,"x,y","{z","two words"}'),
        (r'{{old,"a \"b\" \\"},{NULL,NULL}}', [b"old", rb'a "b" \ '[:-1]], r'{{new,"a \"b\" \\"},{NULL,NULL}}'),
        ("[0:1]={old,NULL}", [b"old"], "[0:1]={new,NULL}"),
        (r'{"{\"a\": \"old\", \"b\": 1}",NULL}', [b"old"], r'{"{\"a\": \"new\", \"b\": 1}",NULL}'),
    ],
    ids=["null", "words", "commas", "escapes", "bounds", "document"],
)
def test_without_a_marker_every_member_of_an_array_but_null_is_a_whole_token(name, text, tokens, expected):
    kind = KINDS[name]
    assert kind.tokens(text, b"") == tokens
    assert kind.put(text, [b"old"], [b"new"]) == expected


@pytest.mark.parametrize(
    ("member", "written"),
    [
        ("a", "a"),
        ("ů\u00a0", "ů\u00a0"),
        *((text, f'"{text}"') for text in ("", "NULL", "nuLl", "a,b", "{", "}", "a b", "\t", "\n", "\v", "\f")),
        ('"', r'"\""'),
        ("a\\", r'"a\\"'),
    ],
)
def test_a_member_is_written_as_postgresql_does(member, written):
    assert KINDS["text[]"].put("{old,x}", [b"old"], [member.encode()]) == f"{{{written},x}}"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('"gAAAAAold-_=="', [OLD]),
        ('{"a": "gAAAAAold-_=="}', [OLD]),
        ('["gAAAAAold-_==", "gAAAAAother=="]', [OLD, OTHER]),
        ('{"a": {"b": [1, {"c": ["gAAAAAold-_==", null, true]}]}, "d": "gAAAAAother=="}', [OLD, OTHER]),
        ('["gAAAAAold-_==", "gAAAAAold-_=="]', [OLD, OLD]),
        ('{"gAAAAAold-_==": 1}', []),
        ('{"gAAAAAold-_==" : "gAAAAAother=="}', [OTHER]),
        ('{"gAAAAAold-_==" \\n: "gAAAAAother=="}'.replace("\\n", "\n"), [OTHER]),
        ('{"a": "text", "b": 7, "c": "xgAAAAAold"}', []),
        (r'{"a": "he said \"gAAAAAold\"", "b": "gAAAAAother=="}', [OTHER]),
        (r'{"a": "ends in \\", "b": "gAAAAAother=="}', [OTHER]),
        (r'{"a\"": "gAAAAAold-_==", "b\\": "gAAAAAother=="}', [OLD, OTHER]),
        ('{"a": "x: y", "b": ":"}', []),
        ("null", []),
        ("7", []),
        ("[]", []),
        ('""', []),
    ],
)
@pytest.mark.parametrize("name", ["json", "jsonb"])
def test_the_tokens_of_a_document_are_its_leaves(name, text, tokens):
    assert KINDS[name].tokens(text, MARKER) == tokens


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ('{"user": "bob", "password": "old"}', [b"old"], '{"user": "bob", "password": "new \\"1\\""}'),
        ('{"password":"old","note":"old"}', [b"old"], '{"password":"new \\"1\\"","note":"old"}'),
        ('{"password": ["old", 1, ""], "b": "old"}', [b"old"], '{"password": ["new \\"1\\"", 1, ""], "b": "old"}'),
        ('[{"password": "\\u006fld"}, "old"]', [b"old"], '[{"password": "new \\"1\\""}, "old"]'),
        ('[{"password": {"is": "old"}}, "old", "old"]', [], '[{"password": {"is": "old"}}, "old", "old"]'),
        ('{"is": "password", "other": "old"}', [], '{"is": "password", "other": "old"}'),
    ],
)
def test_with_names_the_strings_in_these_members_are_tokens_and_nothing_else(text, tokens, expected):
    kind = replace(JSON, names=("password",))
    assert kind.tokens(text, MARKER) == tokens
    assert kind.put(text, [b"old"] * len(tokens), [b'new "1"'] * len(tokens)) == expected
    assert json.loads(expected) is not None


def test_without_a_marker_every_leaf_may_be_a_token():
    assert JSON.tokens('{"a": "x", "b": ["", "y"], "c": 1}', b"") == [b"x", b"", b"y"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"gAAAAAold-_=="', '"gAAAAAnew-_=="'),
        ('{"gAAAAAold-_==": "gAAAAAold-_=="}', '{"gAAAAAold-_==": "gAAAAAnew-_=="}'),
        ('{"gAAAAAold-_==" : ["gAAAAAold-_=="]}', '{"gAAAAAold-_==" : ["gAAAAAnew-_=="]}'),
        ('["gAAAAAold-_==", "gAAAAAold-_=="]', '["gAAAAAnew-_==", "gAAAAAnew-_=="]'),
        ('["gAAAAAold-_==x", "x gAAAAAold-_=="]', '["gAAAAAold-_==x", "x gAAAAAold-_=="]'),
        (r'["\"gAAAAAold-_==\"", "\\", "gAAAAAold-_=="]', r'["\"gAAAAAold-_==\"", "\\", "gAAAAAnew-_=="]'),
        (r'{"a": "\u017d\/\n\ud83d\udd11 \\u0041", "b": "gAAAAAold-_=="}',
         r'{"a": "\u017d\/\n\ud83d\udd11 \\u0041", "b": "gAAAAAnew-_=="}'),
        (
            ' {\t"a" :\r\n 1.50e+2 , "a": "gAAAAAold-_==",\n\n"kůň": "🔑" ,"z":[ ] , "big": 12345678901234567890.10 } ',
            ' {\t"a" :\r\n 1.50e+2 , "a": "gAAAAAnew-_==",\n\n"kůň": "🔑" ,"z":[ ] , "big": 12345678901234567890.10 } ',
        ),
    ],
    ids=["root", "name", "name and blank", "twice", "part of a leaf", "quotes", "escapes", "every other byte"],
)  # fmt: skip
def test_only_the_leaf_is_replaced_and_every_other_byte_stays(text, expected):
    old = JSON.tokens(text, MARKER)
    new = [NEW if token == OLD else token for token in old]
    assert JSON.put(text, old, new) == expected
    assert json.loads(expected) is not None


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"gAAAAAold-_\u003d\u003D", OLD),
        (r"\u0067\u0041AAAAold-_==", OLD),
        (r"gAAAAA\/w==", b"gAAAAA/w=="),
        (r"gAAAAAold\n-_==\r\n", b"gAAAAAold\n-_==\r\n"),
    ],
    ids=["as Gson writes it", "the first characters", "as PHP writes it", "line breaks"],
)
def test_a_token_with_escapes_of_json_is_read_without_them_and_every_other_byte_stays(written, plain):
    text = r'{ "a\u003d" :"%s", "b": "\u003d\/x", "c": ["gAAAAAother==", "%s"], "n": 1e400 }'
    document = text % (written, written)
    assert JSON.tokens(document, MARKER) == [plain, OTHER, plain]
    assert JSON.put(document, [plain], [NEW]) == text % ((NEW.decode(),) * 2)
    assert JSON.put(document, [OTHER], [NEWER]) == document.replace("other", "newer")
    assert JSON.put(document, [plain, OTHER], [plain, OTHER]) == document


def test_a_token_with_line_breaks_is_written_with_their_escapes():
    document = r'{"a": "gAAAAAold-_==\r\n"}'
    assert JSON.put(document, [OLD + b"\r\n"], [NEW + b"\r\n"]) == document.replace("old", "new")


@pytest.mark.parametrize("names", [(), ("a",)])
def test_half_of_a_surrogate_pair_is_no_token_and_stays(names):
    kind = replace(JSON, names=names)
    document = r'{"a": ["\ud83d gAAAAA\u003d", "gAAAAAold-_\u003d="]}'
    half = rb"\ud83d gAAAAA\u003d"
    assert kind.tokens(document, b"") == [half, OLD]
    assert kind.put(document, [half, OLD], [half, NEW]) == document.replace(r"old-_\u003d", "new-_=")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("json in text", r'{"a": "gAAAAAold-_\u003d\u003d"}', '{"a": "gAAAAAnew-_=="}'),
        ("text[]", r'{"{\"a\": \"gAAAAAold-_\\u003d\\u003d\"}"}', r'{"{\"a\": \"gAAAAAnew-_==\"}"}'),
    ],
)
def test_escapes_of_json_are_read_in_every_type_that_holds_documents(name, text, expected):
    assert KINDS[name].tokens(text, MARKER) == [OLD]
    assert KINDS[name].put(text, [OLD], [NEW]) == expected


@pytest.mark.parametrize("name", ["text", "json in text"])
def test_a_text_that_is_no_document_has_no_escapes_of_json(name):
    text = r"gAAAAAold-_\u003d"
    assert KINDS[name].tokens(text, MARKER) == [text.encode()]


def test_a_token_that_is_the_name_of_a_member_moves_it_with_and_without_escapes():
    name = "gAAAAA" + "o" * 94
    for written in (name + "==", name + r"\u003d=", r"\u0067" + name[1:] + "=="):
        document = f'{{"{written}": 1}}'
        assert JSON.tokens(document, MARKER) == [name.encode() + b"=="]
        assert JSON.moves(document, MARKER)
        assert JSON.put(document, [name.encode() + b"=="], [NEW]) == '{"gAAAAAnew-_==": 1}'
    assert not JSON.moves(r'{"a\u003d": "' + name + '"}', MARKER)
    assert not KINDS["json in text"].moves(r'say "\x": ' + name, MARKER)


def test_a_token_may_be_the_name_of_a_member():
    old, new = (b"gAAAAA" + letter * 94 for letter in (b"o", b"n"))
    text = '{"%s" : {"%s":1}, "b": "%s"}'
    before, after = (text % ((each.decode(),) * 3) for each in (old, new))
    assert JSON.tokens(before, MARKER) == JSON.tokens(before, b"")[:3] == [old] * 3
    assert JSON.put(before, [old] * 3, [new] * 3) == after
    assert not replace(JSON, names=("b",)).tokens(before, MARKER)[1:]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("enc_" + "Ab3" * 12, True),
        ("enc_" + "0a1b" * 9, True),
        ("enc_preferred_contact_channel", False),
        ("enc_" + "Ab3" * 7, False),
    ],
)
def test_a_name_after_a_marker_is_a_token_where_it_is_no_words(name, told):
    assert JSON.tokens(f'{{"{name}": 1}}', b"enc_") == [name.encode()] * told


def test_each_token_goes_to_its_own_place():
    text = '{"a": ["gAAAAAold-_==", {"b": "gAAAAAother=="}], "c": "gAAAAAold-_=="}'
    replaced = JSON.put(text, [OLD, OTHER, OLD], [NEW, NEWER, NEW])
    assert replaced == '{"a": ["gAAAAAnew-_==", {"b": "gAAAAAnewer=="}], "c": "gAAAAAnew-_=="}'


def test_a_new_token_that_equals_an_old_one_is_not_replaced_again():
    assert JSON.put('["gAAAAAold-_==", "gAAAAAother=="]', [OLD, OTHER], [OTHER, NEW]) == (
        '["gAAAAAother==", "gAAAAAnew-_=="]'
    )


def test_a_document_in_which_nothing_changes_is_the_same_text():
    text = '{"a" : "gAAAAAold-_==","gAAAAAold-_==":null}'
    assert JSON.put(text, [OLD], [OLD]) == text
