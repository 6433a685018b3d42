# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the values of each SQL type as texts, as bytes, or as words of the server's text output.

Short numbers and dates cannot be judged by their appearance. What the application reads of them is compared
(model_readers.py). A number as long as ciphertext, and a list of numbers, may be bytes.
"""

from __future__ import annotations

import ipaddress
import re
import time
import uuid
from collections.abc import Sequence

from ...postgres import sql
from ...postgres.catalog import BITS, LARGE_OBJECT, NUMBER, NUMBER_LISTS, UUIDS, Column
from ...value_forms.value_look import SHORTEST, Value
from .column_types import KINDS, ArrayCodec, JsonCodec, members

LONGEST = 4096  # bytes or characters that are read of a value
LONGEST_DOCUMENT = 20_000
# A regular expression of PostgreSQL for what is striking in a word: its letters, capitals and digits change by chance.
STRIKING = "(?:[a-z]{1,3}[A-Z0-9]{1,4}){4}|(?:[A-F]{1,3}[0-9]{1,4}){5}"
# From a longer document, such words of the rest with the names of their members, and its lists of numbers.
LONGEST_REST, MOST_OF_REST = 250_000, 100
_REST = rf"""(?:"[^"\\]*"\s*:\s*)?"[^"\\\s]*(?:{STRIKING})[^"\\\s]*"|\[[0-9, ]{{60,}}\]"""
# Types that the engine does not write, and that may still hold ciphertext.
UNWRITTEN = (
    *("bytea[]", "json[]", "jsonb[]", "citext[]", "character[]", "name[]", "hstore", "xml", "jsonpath"),
    *("ltree", "ltree[]", *UUIDS),
)
CATEGORIES = ("S", "C", "V")  # of PostgreSQL: texts such as name and citext, composite types, bits
# What such a value holds, in PostgreSQL's text of it: bytes in hex, or words.
_WORDS = re.compile(rf'\\\\x([\da-f]+)|([^\s{{}}()<>",\\]{{{SHORTEST},}})')
# Whether this role may read the large object m.
READABLE_OBJECT = (
    "(pg_has_role(m.lomowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(m.lomacl) AS a"
    " WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE'))))"
)
LARGE_OBJECTS = (
    f"SELECT encode(lo_get(m.oid, 0, {LONGEST}), 'hex') AS value"
    f" FROM (SELECT DISTINCT {{column}} FROM {{rows}} AS t LIMIT {{most}}) AS t"
    f" JOIN pg_largeobject_metadata AS m ON m.oid = {{column}} WHERE {READABLE_OBJECT}"
)
_LARGE = "abs({column}) >= 1e35 AND {column} <> 'NaN' AND {column} = trunc({column})"  # and of no fraction
_LONG = "cardinality({column}) >= 16"
_INTEGER = re.compile(r"-?(\d+)(?:\.0*)?", re.ASCII)
_RUN = re.compile(r"(\d)\1{5}")  # in one of 3,000 random numbers of 36 digits
_ROUND = re.compile(r"\.0+(?=[,}])")  # of the members of a list of numeric
_MEMBER = re.compile(r"-?[\d.]+(?:e[+-]?\d+)?", re.ASCII)
_BYTES = range(-128, 256)
_ADDRESSES = range(0x20, 0x40)  # what IPv6 addresses begin with
# The range of the time in milliseconds with which a ULID begins.
_FIRST, _LAST = (int(time.mktime((year, 1, 1, 0, 0, 0, 0, 1, 0)) * 1000) for year in (2000, 2050))


def is_judged(column: Column) -> bool:
    """Return whether values of a column can be judged by their appearance."""
    return (
        column.type in (*KINDS, NUMBER, *NUMBER_LISTS)
        or column.category in CATEGORIES
        or column.type == LARGE_OBJECT
        or column.type.rpartition(".")[2] in UNWRITTEN
    )


def is_document(column: Column) -> bool:
    """Return whether the values of a column are JSON documents, or are read as such."""
    return column.type in NUMBER_LISTS or isinstance(KINDS.get(column.type), JsonCodec)


def condition(column: Column) -> str:
    """Return SQL for whether a value is long enough to be judged."""
    if column.type in (NUMBER, *NUMBER_LISTS):
        return _LARGE if column.type == NUMBER else _LONG
    return f"{expression(column)[1]} >= {SHORTEST}"


def expression(column: Column) -> tuple[str, str]:
    """Return SQL for a value as it is read, and for its length."""
    if column.type == "bytea":
        return f"encode(substring({{column}} for {LONGEST}), 'hex')", "octet_length({column})"
    kind = KINDS.get(column.type)
    is_short = column.type == NUMBER or (kind and not isinstance(kind, (JsonCodec, ArrayCodec)))
    longest = LONGEST if is_short else LONGEST_DOCUMENT
    length = "octet_length({column}::text)"
    # Counting the characters of a short text takes as long as searching it.
    return f"CASE WHEN {length} > {longest} THEN left({{column}}::text, {longest}) ELSE {{column}}::text END", length


def whole(column: Column) -> str:
    """Return SQL for a value as it is read. For a long document, add what may be ciphertext in the rest of it."""
    read, _ = expression(column)
    if not isinstance(KINDS.get(column.type), JsonCodec):
        return read
    rest = f"substr({{column}}::text, {LONGEST_DOCUMENT + 1}, {LONGEST_REST})"
    pattern = _REST.replace("{", "{{").replace("}", "}}")
    words = f"SELECT (regexp_matches({rest}, '{pattern}', 'g'))[1] AS word LIMIT {MOST_OF_REST}"
    joined_words = f"(SELECT string_agg(word, ', ') FROM ({words}) AS of_rest)"
    is_long = f"octet_length({{column}}::text) > {LONGEST_DOCUMENT}"
    return f"CASE WHEN {is_long} THEN concat({joined_words}, ' ', {read}) ELSE {read} END"


def large_objects(column: Column, rows: sql.Composable, most: int) -> sql.Composable:
    """Return SQL for the beginnings of some large objects of a column."""
    name = sql.Identifier("t", column.name)
    return sql.SQL(LARGE_OBJECTS).format(column=name, rows=rows, most=sql.verbatim(str(most)))


def values(column: Column, read: Sequence[str]) -> list[Value]:
    """Return the values that were read, or their parts."""
    if column.type in ("bytea", LARGE_OBJECT):
        return [bytes.fromhex(value) for value in read]
    if column.type == NUMBER:
        return _of_numbers([match[1] for value in read if (match := _INTEGER.fullmatch(value))])
    if column.type in NUMBER_LISTS:
        return _of_lists([_as_json(value) for value in read])
    if column.type in BITS:
        return [int(value, 2).to_bytes(-(-len(value) // 8), "big") for value in read]
    if column.type in UUIDS:
        parts = (part for value in read for part in value.strip("{}").split(","))
        return [_of_uuid(part) for part in parts if part not in ("", "NULL")]
    if isinstance(KINDS.get(column.type), ArrayCodec):
        return [member for value in read for member in members(value)]
    if column.type in KINDS or column.category == "S":
        return list(read)
    return [_word(*groups) for value in read for groups in _WORDS.findall(value)]


def _word(data: str, text: str) -> Value:
    return text or bytes.fromhex(data[: len(data) // 2 * 2])


def _of_lists(lists: Sequence[str]) -> list[Value]:
    """Return lists of numbers. Empty if a member of one shows that the column's lists are not bytes."""
    numbers = (float(number) for each in lists for number in _MEMBER.findall(each))
    return [] if any(number not in _BYTES for number in numbers) else [*lists]


def _of_numbers(numbers: Sequence[str]) -> list[Value]:
    """Return the bytes of numbers, all of one length, but the text of round ones."""
    rounded = [number for number in numbers if _RUN.search(number)]
    integers = [int(number) for number in numbers if not _RUN.search(number)]
    sizes = [-(-number.bit_length() // 8) for number in integers]
    longest = max(sizes, default=0)
    padded = (longest if size == longest - 1 else size for size in sizes)
    return [*rounded, *(_of_number(number.to_bytes(size, "big")) for number, size in zip(integers, padded))]


def _of_number(data: bytes) -> Value:
    """Return the bytes of one number. If it is a network address, or a UUID with its version, return its text."""
    if len(data) != 16:
        return data
    return str(ipaddress.IPv6Address(data)) if data[0] in _ADDRESSES else _of_uuid(data.hex())


def _as_json(array: str) -> str:
    """Return a list of numbers as JSON has it."""
    return _ROUND.sub("", array[array.index("{") :]).replace("{", "[").replace("}", "]").replace("NULL", "null")


def _of_uuid(text: str) -> Value:
    """Return a UUID with its version as a text, and any other one as its bytes.

    Return empty for a ULID, which its time shows.
    """
    parsed_uuid = uuid.UUID(text)
    if _FIRST < parsed_uuid.int >> 80 < _LAST or parsed_uuid.int in (0, (1 << 128) - 1):
        return ""
    known = parsed_uuid.variant == uuid.RFC_4122 and 1 <= (parsed_uuid.version or 0) <= 8
    return str(parsed_uuid) if known else parsed_uuid.bytes
