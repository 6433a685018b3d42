# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of tokens in a column: a text or bytea is one token, and a JSON document holds them in its strings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...value_forms.json_text import is_document
from ...value_forms.token_look import FERNETS, SHORTEST

# A string of a JSON text, and the colon if it is a member's name. All strings are matched, so that none is cut.
_STRING = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"(?P<name>\s*:)?')
# A Fernet token, or its base64, anywhere in a string. One that does not open must be found, not passed over.
_LOOKS = re.compile(rf"(?:{'|'.join(FERNETS)})[\w=-]{{60,}}", re.ASCII)
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# A member of an array's text. All quoted ones are matched, so that none is cut.
_MEMBER = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^{},"\\]+)', re.DOTALL)
# A member that PostgreSQL quotes as it writes an array. These are its spaces.
_QUOTED = re.compile(r'|null|.*[{},"\\ \t\n\r\v\f].*', re.IGNORECASE | re.DOTALL)


def _plain(leaf: str) -> str:
    """Return a string of a JSON text without its escapes. Half of a surrogate pair stays escaped: UTF-8 has none."""
    if "\\" not in leaf:
        return leaf
    text = str(json.loads(f'"{leaf}"'))
    return leaf if _HALF_PAIR.search(text) else text


# A name of words, as people choose it: a token has capitals, or is hex.
_WORDS = re.compile(r"(?=.*[g-z])[a-z0-9_. -]*")


def _begins(name: str, begin: str) -> bool:
    """Return whether a name may be a token that begins with ``begin``: ``enc_preferred_contact_channel`` is not one."""
    rest = name[len(begin) :]
    return name.startswith(begin) and len(rest) >= SHORTEST and not _WORDS.fullmatch(rest)


@lru_cache  # called for every page, and for each document in it
def _names_of(marker: bytes) -> re.Pattern[str]:
    """Return a pattern that a document matches if names of its members may be tokens."""
    begins = [*FERNETS, *([f'"{re.escape(marker.decode("utf-8"))}'] if marker else [])]
    return re.compile(rf'(?:{"|".join(begins)})[^"\\]*"\s*:')


@dataclass(frozen=True)
class ColumnCodec:
    """Reads, compares and writes values of one SQL type. ``{}`` is the column or the parameter."""

    array: str  # type of the parameter that carries the values
    read: str = "{}"
    write: str = "{}"
    whole = True  # a value is one token, and does not hold several

    def elements(self, values: Sequence[Any]) -> Sequence[str | None]:
        """Return the values as elements of an array's text, without their quotes."""
        return values

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        """Return the tokens in a value as read."""
        return [value.encode("utf-8")]

    def owners(self, value: Any) -> list[str]:
        """Return the name of the member that each token is in, if a scheme names members of JSON documents."""
        return [""]

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        """Return the value with each old token replaced by the new one."""
        return new[0].decode("utf-8")

    def find(self, values: Sequence[Any], marker: bytes) -> list[tuple[int, int, bytes]]:
        """Return all tokens in a column of a page, each as its row, its place in the row's value, and the token."""
        return [
            (row, place, token)
            for row, value in enumerate(values)
            if value
            for place, token in enumerate(self.tokens(value, marker))
        ]

    def replace(self, values: Sequence[Any], fresh: Sequence[tuple[int, bytes, bytes]]) -> dict[int, Any]:
        """Return new values by row, from the row, the old and the new token of each replacement."""
        pairs: dict[int, tuple[list[bytes], list[bytes]]] = {}
        for row, before, after in fresh:
            old, new = pairs.setdefault(row, ([], []))
            old.append(before)
            new.append(after)
        return {row: self.put(values[row], old, new) for row, (old, new) in pairs.items()}


class TextCodec(ColumnCodec):
    """A text is one token. It reads and replaces a whole column at once, for speed."""

    def find(self, values: Sequence[Any], marker: bytes) -> list[tuple[int, int, bytes]]:
        return [(row, 0, value.encode("utf-8")) for row, value in enumerate(values) if value]

    def replace(self, values: Sequence[Any], fresh: Sequence[tuple[int, bytes, bytes]]) -> dict[int, Any]:
        return {row: after.decode("utf-8") for row, _, after in fresh}


class BytesCodec(ColumnCodec):
    """A bytea value is one token."""

    def elements(self, values: Sequence[Any]) -> Sequence[str | None]:
        return [None if value is None else f"\\x{bytes(value).hex()}" for value in values]

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        return [bytes(value)]

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        return new[0]


@dataclass(frozen=True)
class JsonCodec(ColumnCodec):
    r"""Tokens are strings of a JSON document, or names of its members. Replacing them leaves all other text unchanged.

    They are read without the escapes that some libraries write, such as ``\u003d`` for ``=``.
    With ``names``, exactly the strings in the members of these names are tokens.
    """

    names: tuple[str, ...] = ()
    whole = False

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        begin = marker.decode("utf-8")
        texts = (_plain(match["text"]) for match in self._strings(value, begin))
        if self.names:
            return [text.encode("utf-8") for text in texts if text]
        return [text.encode("utf-8") for text in texts if text.startswith(begin) or _LOOKS.search(text)]

    def find(self, values: Sequence[Any], marker: bytes) -> list[tuple[int, int, bytes]]:
        """Return the tokens. Those of a jsonb with tokens as names share one place: renaming reorders members."""
        tokens = super().find(values, marker)
        moving = {row for row in {row for row, _, _ in tokens} if self.moves(values[row], marker)}
        return [(row, 0 if row in moving else place, token) for row, place, token in tokens]

    def moves(self, value: str, marker: bytes) -> bool:
        """Return whether names of members may be tokens."""
        if self.names:
            return False
        return bool(_names_of(marker).search(value)) or ("\\" in value and self._has_escaped_name(value, marker))

    def _has_escaped_name(self, value: str, marker: bytes) -> bool:
        """Return whether a name may be a token once its escapes are left out: the pattern does not match these."""
        return any(match["name"] for match in self._strings(value, marker.decode("utf-8")))

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        fresh = {before.decode("utf-8"): after.decode("utf-8") for before, after in zip(old, new)}
        parts, end = [], 0
        for match in self._strings(value, None):
            before = _plain(match["text"])
            after = fresh.get(before, before)
            if after != before:
                parts += [value[end : match.start("text")], json.dumps(after, ensure_ascii=False)[1:-1]]
                end = match.end("text")
        return "".join([*parts, value[end:]])

    def owners(self, value: Any) -> list[str]:
        return [name for name, match in self._members(value, None) if match["text"]] if self.names else [""]

    def _strings(self, value: str, begin: str | None) -> Iterator[re.Match[str]]:
        return (match for _, match in self._members(value, begin))

    def _members(self, value: str, begin: str | None) -> Iterator[tuple[str, re.Match[str]]]:
        """Yield the strings that are not names of members, each after the name of its member.

        Also yield names that look like Fernet tokens, or begin with ``begin`` (None: with anything). With ``names``,
        yield only the strings of these members, including those in arrays.
        """
        name, end = "", 0
        for match in _STRING.finditer(value):
            if self.names and "}" in value[end : match.start()]:
                name = ""
            if match["name"]:
                name = _plain(match["text"])
                begins = begin is None or (begin and _begins(name, begin))
                if not self.names and (_LOOKS.search(name) or (begins and not name.startswith(FERNETS))):
                    yield name, match
            elif not self.names or name in self.names:
                yield name, match
            end = match.end()


class JsonTextCodec(JsonCodec):
    """A text that is a JSON document holds tokens among its leaves; any other text is one token."""

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        return super().tokens(value, marker) if is_document(value) else [value.encode("utf-8")]

    def owners(self, value: Any) -> list[str]:
        return super().owners(value) if is_document(value) else [""]

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        return super().put(value, old, new) if is_document(value) else new[0].decode("utf-8")

    def moves(self, value: str, marker: bytes) -> bool:
        return is_document(value) and super().moves(value, marker)


class MemberCodec(JsonTextCodec):
    """A member of an array is a token if it looks like one, or holds tokens as a JSON document."""

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        may_be = value and (value.startswith(marker.decode("utf-8")) or _LOOKS.search(value))
        return super().tokens(value, marker) if may_be or is_document(value) else []

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        held = value.encode("utf-8")
        return super().put(value, old, new) if is_document(value) else dict(zip(old, new)).get(held, held).decode()


class ArrayCodec(ColumnCodec):
    """Tokens are in the members of an array. Replacing them leaves all other text unchanged."""

    whole = False
    member = MemberCodec("text")

    def tokens(self, value: Any, marker: bytes) -> list[bytes]:
        return [token for member, _ in _members_of(value) for token in self.member.tokens(member, marker)]

    def put(self, value: Any, old: Sequence[bytes], new: Sequence[bytes]) -> Any:
        parts, end = [], 0
        for member, match in _members_of(value):
            after = self.member.put(member, old, new)
            if after != member:
                parts += [value[end : match.start()], _as_member(after)]
                end = match.end()
        return "".join([*parts, value[end:]])


def _members_of(array: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the members of an array's text, at any depth, without NULL. Before its first brace are its bounds."""
    for match in _MEMBER.finditer(array, array.index("{")):
        bare = match["bare"]
        if bare is None:
            yield re.sub(r"(?s)\\(.)", r"\1", match["quoted"]), match
        elif bare.upper() != "NULL":
            yield bare, match


def members(array: str) -> list[str]:
    """Return the members of an array's text, which may be cut off."""
    return [member for member, _ in _members_of(array)]


def _as_member(text: str) -> str:
    """Return a member exactly as PostgreSQL writes it, because a prepared rotation compares its text."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"' if _QUOTED.fullmatch(text) else text


_TYPES: dict[str, ColumnCodec] = {
    "text": TextCodec("text"),
    "character varying": TextCodec("text"),
    "character": TextCodec("text", read="{}::text"),
    "citext": TextCodec("text", read="{}::text", write="{}::citext"),
    "text[]": ArrayCodec("text", read="{}::text", write="{}::text[]"),
    "character varying[]": ArrayCodec("text", read="{}::text", write="{}::varchar[]"),
    "bytea": BytesCodec("bytea"),
    "json": JsonCodec("text", read="{}::text", write="{}::json"),
    "jsonb": JsonCodec("text", read="{}::text", write="{}::jsonb"),
}
WRITTEN = tuple(_TYPES)
# The name of a text type whose values are JSON documents.
IN_TEXT = {name: f"json in {name}" for name in ("text", "character varying", "character", "citext")}
KINDS: dict[str, ColumnCodec] = {
    **_TYPES,
    **{IN_TEXT[name]: JsonTextCodec(_TYPES[name].array, _TYPES[name].read, _TYPES[name].write) for name in IN_TEXT},
}
