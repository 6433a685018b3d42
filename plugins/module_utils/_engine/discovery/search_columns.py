# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that are computed from a plaintext: search hashes and blind indexes. How is data, and is found by computing.

A hash that comes out as it is stored proves its recipe, as a token that authenticates proves its scheme.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from ..crypto.derivation import data_protection, direct, from_hex
from ..postgres import sql
from ..postgres.catalog import Column, Table
from ..postgres.connection import Database, array

if TYPE_CHECKING:
    from ..crypto.keyring import Keyring

TYPES = ("text", "character varying", "character", "citext", "bytea", "uuid")
MANY = ("text[]", "character varying[]", "uuid[]", "json", "jsonb")  # of values that may hold digests among others
SAMPLE = 50  # rows of a table: half of them the first that are met, half the last by the table's key
LAST = 1000  # rows of the end of a table among which those are
TRIED = 4  # of them, the first and the last that no known recipe explains, on which every recipe is tried
EVERY = 12  # of the others, the one on which every recipe is tried: the first ones may be older than the column
LARGEST = 20_000  # bytes of a token that is opened for this
LARGEST_OF_ALL = 200_000  # the same of a table that has none so small
MOST = 4  # ways by which one column is computed: with more, such as a prefix for each tenant, nobody knows the rest
BLOCK = 64  # bytes of SHA-256
LONGEST = 140  # characters of a stored digest: SHA-512 in hex, and a prefix
LONGEST_WORD = 88  # of one that is not in hex: SHA-512 in base64; tokens are longer
SHORTEST = 8  # characters of a digest that is cut, as blind indexes are: the first ones of its hex


def _algorithms() -> Iterator[str]:
    """Those that are known here: MD5 is not where FIPS is in force."""
    for name in ("sha256", "sha512", "sha1", "md5"):
        with contextlib.suppress(ValueError):
            hmac.digest(b"key", b"", name)
            yield name


def _hash(name: str, text: bytes) -> bytes:
    return hashlib.new(name, text, usedforsecurity=False).digest()


# What is hashed with which key.
WAYS: dict[str, Callable[[str, bytes, bytes], bytes]] = {
    "{}_value_salt": lambda name, value, key: _hash(name, value + key),
    "{}_salt_value": lambda name, value, key: _hash(name, key + value),
    "hmac_{}": lambda name, value, key: hmac.digest(key, value, name),
}
HASHES: dict[str, Callable[[bytes, bytes], bytes]] = {
    way.format(name): partial(WAYS[way], name) for name, way in product(_algorithms(), WAYS)
}
# How the key is made of the setting.
KEYS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda secret: secret,
    "sha256": lambda secret: hashlib.sha256(secret).digest(),
    "direct": direct,
    "hex": from_hex,
    "field_encryption": lambda secret: data_protection(secret, b"hash"),  # BlindIndexField of django-field-encryption
}
# What an application does to a text before it hashes it, so that a search finds other ways of writing it too.
NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "stripped": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "casefold": str.casefold,
    "nfkc": partial(unicodedata.normalize, "NFKC"),
    "joined": partial(re.compile(r"[\s-]+").sub, ""),
    "digits": partial(re.compile(r"\D+").sub, ""),
    "digits_and_plus": partial(re.compile(r"[^\d+]+").sub, ""),
}
# Which of these it does, one after the other.
NORMALIZED = (
    ("lower",),
    ("stripped", "lower"),
    ("upper",),
    ("stripped", "upper"),
    ("casefold",),
    ("stripped", "casefold"),
    ("nfkc",),
    ("nfkc", "stripped"),
    ("nfkc", "stripped", "lower"),
    ("nfkc", "stripped", "casefold"),
    ("joined",),
    ("joined", "lower"),
    ("joined", "upper"),
    ("digits",),
    ("digits_and_plus",),
)
# Those that make another text of ASCII than the others do.
NORMALIZED_ASCII = tuple(how for how in NORMALIZED if not {"casefold", "nfkc"} & {*how})
# How the digest is written. A bytea reads as hex after a prefix, \x.
WRITTEN: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "upper_hex": lambda digest: digest.hex().upper(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64_bare": lambda digest: base64.b64encode(digest).decode().rstrip("="),
    "urlsafe_base64": lambda digest: base64.urlsafe_b64encode(digest).decode(),
    "urlsafe_base64_bare": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
    "uuid": lambda digest: str(uuid.UUID(bytes=digest[:16])),
    "uuid_version_4": lambda digest: str(uuid.UUID(bytes=digest[:16], version=4)),
    "uuid_version_5": lambda digest: str(uuid.UUID(bytes=digest[:16], version=5)),
}
# In these types a digest is written in some of them alone; PostgreSQL takes no text for them without a cast.
WRITTEN_IN = {"bytea": ("hex",), "uuid": ("uuid", "uuid_version_4", "uuid_version_5")}
# The characters of each.
ALPHABETS = {
    "hex": "[0-9a-f]",
    "upper_hex": "[0-9A-F]",
    "base64": "[A-Za-z0-9+/=]",
    "base64_bare": "[A-Za-z0-9+/]",
    "urlsafe_base64": "[A-Za-z0-9_=-]",
    "urlsafe_base64_bare": "[A-Za-z0-9_-]",
    **dict.fromkeys(WRITTEN_IN["uuid"], "[0-9a-f-]"),
}
# How many characters each is.
LENGTHS = {(name, written): len(WRITTEN[written](HASHES[name](b"", b""))) for name, written in product(HASHES, WRITTEN)}
PREFIX = 8  # characters that may stand before it
MAY_BE = "^[!-~]{22,}$"  # from MD5 in base64 on
_MAY_BE = re.compile(MAY_BE)
_MAY_BE_CUT = re.compile(rf"[\da-f]{{{SHORTEST},}}|[\dA-F]{{{SHORTEST},}}")
_SURELY = re.compile(r".{0,16}?(?:[\da-fA-F]{64}|[\da-fA-F]{128})(?:[:$|].{0,16})?")
_AMONG = re.compile(r"(?<![\da-fA-F])(?:[\da-fA-F]{64}|[\da-fA-F]{128})(?![\da-fA-F])")
# A UUID that nobody made as one: without version and variant (RFC 9562, 4.1), and no number of zeros.
_UUID = re.compile(r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b")
_NO_VERSION = re.compile(r"(?!0{8})[\da-f]{8}-[\da-f]{4}-(?![1-8][\da-f]{3}-[89ab])[\da-f]{4}-[\da-f]{4}-[\da-f]{12}")
# Of other lengths it is one only where the name of its column, or of its member in a document, says so.
_SAYS_DIGEST = "hash|digest|bidx|blind|hmac|finger_?print|search|lookup|_(?:idx|index)(?![a-z])"
_NAMED = re.compile(_SAYS_DIGEST, re.IGNORECASE)
_LIKELY = re.compile(rf"[\w+/=:$-]{{{SHORTEST},}}", re.ASCII)
_MEMBER = re.compile(r'"[^"]*"\s*:')
_NAMED_MEMBER = re.compile(rf'"[^"]*(?:{_SAYS_DIGEST})[^"]*"\s*:\s*(\[[^\]]*\]|"[^"]*")', re.IGNORECASE)


class SampleSize(NamedTuple):
    """So many rows at most, with tokens of so many bytes at most."""

    rows: int
    token_bytes: int


SAMPLED, LARGE_TOKENS = SampleSize(SAMPLE, LARGEST), SampleSize(TRIED, LARGEST_OF_ALL)


@dataclass(frozen=True)
class SearchColumnRecipe:
    """How such a column is computed: ``prefix`` and a digest of a text under the setting ``secret``. Which of the texts
    of a plaintext that is goes by the row."""

    column: str
    prefix: str
    secret: str
    hash: str = "sha256_value_salt"
    key: str = "raw"
    written: str = "hex"
    type: str = "text"
    length: int = 0  # of the digest as it is written, where that is cut

    def of(self, text: bytes, secret: bytes) -> str:
        """What the column holds for a text. Raises ValueError on a secret that makes no key."""
        digest = HASHES[self.hash](text, KEYS[self.key](secret))
        return self.prefix + WRITTEN[self.written](digest)[: self.length or None]

    def tied(self, before: bytes, after: bytes) -> tuple[str, str] | None:
        """Why it cannot go from one value of its setting to another and back, and which could; None where it can."""
        try:
            self.of(b"", after)
        except ValueError:
            return f"a key that is {self.key} of {self.secret}, and the new value makes none", "a type that makes one"
        unclear = self.is_ambiguous(before), self.is_ambiguous(after)
        if unclear == (True, False):
            found = f"{self.secret} or its SHA-256: which, a value of over {BLOCK} bytes does not tell"
            return found, f"a type and bytes that make it longer than {BLOCK}"
        if unclear == (False, True) and self.key != "raw":
            found = f"the SHA-256 of {self.secret}: of over {BLOCK} bytes, no rollback could tell"
            return found, f"a type and bytes that make it no longer than {BLOCK}, such as token_urlsafe of 48 bytes,"
        return None

    def asks(self, before: bytes) -> tuple[str, str] | None:
        """What the next value of its setting has to be and why, so far as that is known before it is made."""
        if self.is_ambiguous(before):
            why = "as that of now: by that it does not tell whether its SHA-256 is the key"
            return f"longer than {BLOCK} bytes", why
        if self.hash == "hmac_sha256" and self.key == "sha256":
            why = "since its SHA-256 is the key. token_urlsafe makes that of 48 bytes (bytes: 48)"
            return f"of {BLOCK} bytes at most", why
        return None

    def is_ambiguous(self, secret: bytes) -> bool:
        """Whether the setting itself as the key makes the same as its SHA-256: HMAC hashes a key that is long."""
        return self.hash == "hmac_sha256" and self.key in ("raw", "sha256") and len(secret) > BLOCK

    @property
    def looks(self) -> str:
        """The pattern of what it makes."""
        length = self.length or LENGTHS[self.hash, self.written]
        return f"^{re.escape(self.prefix)}{ALPHABETS[self.written]}{{{length}}}$"

    def __str__(self) -> str:
        """Without the alphabet of base64: which one fits goes by the rows that are met."""
        words = [f"{self.column} as {self.hash} under {self.secret}"]
        words += [f"key {self.key}"] * (self.key != "raw")
        words += [f"cut to {self.length} characters"] * (self.length > 0)
        return ", ".join([*words, self.written.removeprefix("urlsafe_")])


def texts_of(plaintext: bytes) -> list[bytes]:
    """The texts that an application may hash of a plaintext, each once, the plaintext itself first."""
    text = plaintext.decode("utf-8", "replace")
    normalized = NORMALIZED_ASCII if text.isascii() else NORMALIZED
    return list(dict.fromkeys([plaintext, plaintext.strip(), *(_normalized(text, how) for how in normalized)]))


def _normalized(text: str, how: Sequence[str]) -> bytes:
    for name in how:
        text = NORMALIZATIONS[name](text)
    return text.encode("utf-8")


# The rows that a recipe explains, by the column of the token and the recipe.
Matches = dict[tuple[str, SearchColumnRecipe], set[int]]


@dataclass(frozen=True)
class SearchColumnScan:
    """Columns next to tokens: ``made`` under a key of the key set, by the token's column; ``kept`` under another
    setting, with its name, or NOTHING; ``unknown`` digests."""

    made: dict[str, list[SearchColumnRecipe]] = field(default_factory=dict)
    kept: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def explained(self) -> set[str]:
        """The columns of which it is known how they are computed."""
        made = {recipe.column for recipes in self.made.values() for recipe in recipes}
        return made | {column for column, _ in self.kept}


def scan_table(
    database: Database, table: Table, targets: Sequence[Any], columns: Sequence[Column], keyring: Keyring
) -> SearchColumnScan:
    """What of a table's columns is computed from the plaintexts of its targets."""
    many = among(database, table, [column for column in columns if column.type in MANY])
    columns = [column for column in columns if column.type in TYPES]
    whole = [target for target in targets if target.kind.whole]
    sample = partial(_sample, database, table, whole, columns)
    rows = (sample() or sample(LARGE_TOKENS)) if whole and columns else []
    if not rows:
        return SearchColumnScan(unknown=_alone(database, table, columns) + many)
    stored = {column: [row[place] for row in rows] for place, column in enumerate(columns, start=len(whole))}
    cuts = {column: _cut(list(filter(None, held))) for column, held in stored.items()}
    secrets = {stage: keyring.secrets(stage) for stage in keyring.stages}
    keys = {stage: possible_keys(values) for stage, values in secrets.items()}
    matches: dict[Column, Matches] = {column: {} for column in columns}
    met: Counter[tuple[Column, str]] = Counter()
    tried: Counter[tuple[Column, str]] = Counter()
    for number, name, stage, plaintext in _plaintexts(whole, rows, keyring):
        texts = _telling_texts(plaintext)
        inside = _Inside(texts, keys[stage])
        for column, held in stored.items():
            pair, text, cut = (column, name), held[number] or "", cuts[column]
            if not (_MAY_BE.fullmatch(text) or 0 < cut <= len(text)):
                continue
            known = [recipe for of, recipe in matches[column] if of == name]
            again = [recipe for recipe in known if _makes(recipe, texts, text, secrets[stage])]
            if not again and (tried[pair] < TRIED or met[pair] % EVERY == 0 or number >= len(rows) - TRIED):
                again = list(_recipes(column, inside, text, cut))
                tried[pair] += 1
            met[pair] += 1
            for recipe in again:
                matches[column].setdefault((name, recipe), set()).add(number)
    found = SearchColumnScan(unknown=many)
    for column, held in stored.items():
        _conclude(found, column, held, _proved(matches[column]), keyring.names)
    return found


def has_blanks(database: Database, table: Table, targets: Sequence[Any], column: str, keyring: Keyring) -> bool:
    """Whether a column has what is made of an empty value under a key of the key set, in a row without any of the
    tokens that it is made of. It reads the whole table."""
    ways = {
        target.column: [each for each in target.derived if each.column == column and each.secret in keyring.names]
        for target in targets
    }
    held = set()
    for each, stage in product([each for recipes in ways.values() for each in recipes], keyring.stages):
        with contextlib.suppress(ValueError):
            held.add(each.of(b"", keyring.secret(stage, each.secret)))
    if not held:
        return False
    empty = [
        sql.SQL("coalesce(octet_length({}), 0) = 0").format(target.value)
        for target in targets
        if ways.get(target.column)
    ]
    query = sql.SQL("SELECT 1 FROM {rows} AS t WHERE {held}::text = ANY(%s::text[]) AND {empty} LIMIT 1").format(
        rows=table.rows, held=sql.Identifier("t", column), empty=sql.SQL(" AND ").join(empty)
    )
    return bool(database.rows(query, (array(sorted(held)),), table=table.label))


def _conclude(
    found: SearchColumnScan,
    column: Column,
    texts: Sequence[str | None],
    ways: Matches,
    names: Collection[str],
) -> None:
    """Put down what is known of one column by the ways in which its values are computed.

    Where some are under a key of the key set and others are not, these are known too, as what stays.
    """
    mixed = any(recipe.secret in names for _, recipe in ways)
    for name, recipe in ways if len(ways) <= MOST else ():
        if mixed or recipe.secret in names:
            found.made.setdefault(name, []).append(recipe)
        if not (recipe.secret in names or (column.name, recipe.secret) in found.kept):
            found.kept.append((column.name, recipe.secret))
    if not ways:
        unknown = _may_be_digests(column, list(filter(None, texts)))
    else:
        looks = re.compile("|".join({recipe.looks for _, recipe in ways}))
        alike = [text for text in texts if text and looks.match(text)]
        explained = set().union(*ways.values())
        unknown = len(ways) > MOST or 2 * len(explained) < len(alike)
    if unknown:
        found.unknown.append(column.name)


def apart(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    """The columns that may hold digests of values that are elsewhere; of which, is not computed."""
    columns = [column for column in columns if not column.generated]
    return [
        *_alone(database, table, [column for column in columns if column.type in TYPES]),
        *among(database, table, [column for column in columns if column.type in MANY]),
    ]


def _alone(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    rows = _sample(database, table, (), columns) if columns else []
    stored = [(column, [row[place] for row in rows if row[place]]) for place, column in enumerate(columns)]
    return [column.name for column, texts in stored if _may_be_digests(column, texts)]


def among(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    """The columns of arrays and documents that hold digests, as indexes of the parts of a value are."""
    part = sql.SQL(f"left({{}}::text, {LARGEST})")
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t LIMIT %s").format(
        chosen=sql.SQL(", ").join(part.format(sql.Identifier("t", column.name)) for column in columns), rows=table.rows
    )
    rows = database.rows(query, (SAMPLE,), table=table.label) if columns else []
    stored = [(column, [row[place] for row in rows if row[place]]) for place, column in enumerate(columns)]
    return [column.name for column, texts in stored if _may_hold_digests(column, texts)]


def _may_hold_digests(column: Column, texts: Sequence[str]) -> bool:
    """Whether arrays or documents hold what is surely a digest; or words of one length, where a name says so."""
    named = texts if _NAMED.search(column.name) else [held for text in texts for held in _NAMED_MEMBER.findall(text)]
    words = [word for text in named for word in _LIKELY.findall(_MEMBER.sub("", text)) if len(word) <= LONGEST_WORD]
    ids = [each for text in texts for each in _UUID.findall(text)]
    return any(map(_AMONG.search, texts)) or _are_no_uuids(ids) or _have_a_digit(_of_one_length(_LIKELY, words))


def _may_be_digests(column: Column, texts: Sequence[str]) -> bool:
    """Whether a column holds what is surely a digest; or is called so, and most of it could be one."""
    bare = [text.removeprefix("\\x") for text in texts] if _NAMED.search(column.name) else []
    likely = _of_one_length(_LIKELY, bare)
    return any(map(_SURELY.fullmatch, texts)) or _are_no_uuids(texts) or _have_a_digit(likely)


def _are_no_uuids(texts: Sequence[str]) -> bool:
    return bool(_of_one_length(_NO_VERSION, texts))


def _have_a_digit(texts: Sequence[str]) -> bool:
    return any(re.search("[0-9]", text) for text in texts)


def _cut(texts: Sequence[str]) -> int:
    """How many characters most of those have that are hex, as digests that are cut are; 0 where they are numbers."""
    hexes = list(filter(_MAY_BE_CUT.fullmatch, [text.removeprefix("\\x") for text in texts]))
    bare = _of_one_length(_MAY_BE_CUT, hexes)
    return len(bare[0]) if any(re.search("[a-fA-F]", text) for text in bare) else 0


def _of_one_length(pattern: re.Pattern[str], texts: Sequence[str]) -> list[str]:
    """Those that match and have the same length, where that is more than half of all."""
    alike: dict[int, list[str]] = {}
    for text in filter(pattern.fullmatch, texts):
        alike.setdefault(len(text), []).append(text)
    most = max(alike.values(), key=len, default=[])
    return most if 2 * len(most) > len(texts) else []


def _sample(
    database: Database,
    table: Table,
    targets: Sequence[Any],
    columns: Sequence[Column],
    size: SampleSize = SAMPLED,
) -> list[Any]:
    """Some rows with tokens, the oldest first, as far as the table's key tells their age: an
    application may have changed its way with the years. Before them, those of columns that hold few values."""
    fit = [sql.SQL(f"octet_length({{}}) BETWEEN 1 AND {size.token_bytes}").format(target.value) for target in targets]
    key = targets[0].key.columns if targets else ()
    chosen = [sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in key]
    chosen += [sql.SQL("CASE WHEN {} THEN {} END").format(fits, target.value) for fits, target in zip(fit, targets)]
    short = sql.SQL(f"CASE WHEN {{}} <= {LONGEST} THEN {{}}::text END")
    chosen += [short.format(_bytes(column), sql.Identifier("t", column.name)) for column in columns]
    query = partial(
        sql.SQL("SELECT {chosen} FROM {source} AS t WHERE ({fit}) {further} LIMIT %s").format,
        chosen=sql.SQL(", ").join(chosen),
        fit=sql.SQL(" OR ").join(fit or [sql.SQL("true")]),
    )
    rows = database.rows(query(source=table.rows, further=sql.SQL("")), (size.rows,), table=table.label)
    if key and len(rows) == size.rows:
        newest = database.rows(_newest(query, table, targets, columns), (size.rows // 2,), table=table.label)
        rows = [*rows[: size.rows - len(newest)], *reversed(newest)]
        rows = [*_scarce(database, table, partial(query, source=table.rows), columns, rows), *rows]
    return [row[len(key) :] for row in {row[: len(key)]: row for row in rows}.values()] if key else rows


def _newest(
    query: Callable[..., sql.Composable], table: Table, targets: Sequence[Any], columns: Sequence[Column]
) -> sql.Composable:
    """The same of the LAST rows by their key."""
    key = targets[0].key
    needed = sorted({*key.columns, *(target.column for target in targets), *(column.name for column in columns)})
    order = sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(sql.SQL("{} DESC").format(part) for part in key.parts))
    last = sql.SQL(f"(SELECT {{needed}} FROM {{rows}} AS t {{order}} LIMIT {LAST})").format(
        needed=sql.SQL(", ").join(sql.Identifier("t", name) for name in needed), rows=table.rows, order=order
    )
    return query(source=last, further=order)


def _scarce(
    database: Database,
    table: Table,
    query: Callable[..., sql.Composable],
    columns: Sequence[Column],
    rows: Sequence[Any],
) -> list[Any]:
    """More rows, with values of those columns of which ``rows`` have few that may be digests: an index may be of some
    rows alone. The columns are the last of a row."""
    found: list[Any] = []
    left = {column: place - len(columns) for place, column in enumerate(columns)}
    for _ in columns:
        left = {each: place for each, place in left.items() if sum(_is_long(row[place]) for row in rows) < TRIED}
        if not left:
            break
        shortest = {column: SHORTEST // 2 if column.type == "bytea" else SHORTEST for column in left}
        there = sql.SQL(" OR ").join(
            sql.SQL(f"{{}} BETWEEN {least} AND {LONGEST}").format(_bytes(column)) for column, least in shortest.items()
        )
        some = query(further=sql.SQL("AND ({})").format(there))
        rows = database.rows(some, (TRIED * len(left),), table=table.label)
        found += rows
        if len(rows) < TRIED * len(left):  # there are no others
            break
    return found


def _bytes(column: Column) -> sql.Composable:
    """SQL for how many a value has, without what fills it up."""
    cast = "::text" if column.type in ("character", "uuid") else ""
    return sql.SQL(f"octet_length({{}}{cast})").format(sql.Identifier("t", column.name))


def _is_long(text: str | None) -> bool:
    return len(text or "") >= SHORTEST


class _Inside:
    """The texts of a plaintext and all that is computed from them: once, for whichever columns may hold it."""

    def __init__(self, texts: Sequence[bytes], keys: Sequence[tuple[str, str, bytes]]) -> None:
        self._texts, self._keys = texts, keys
        self._digests: dict[str, list[tuple[bytes, tuple[str, str]]]] = {}
        self._written: dict[tuple[str, str, int], dict[str, list[tuple[str, str]]]] = {}

    def recipes(self, stored: str, hashed: str, written: str, length: int) -> Sequence[tuple[str, str]]:
        """The secret and the key that make what ends so, where digests are written so and so long."""
        made = self._written.get((hashed, written, length))
        if made is None:
            made = self._written[hashed, written, length] = {}
            for digest, how in self._compute_digests(hashed):
                made.setdefault(WRITTEN[written](digest)[:length], []).append(how)
        return made.get(stored[-length:], ())

    def _compute_digests(self, hashed: str) -> list[tuple[bytes, tuple[str, str]]]:
        if hashed not in self._digests:
            self._digests[hashed] = [
                (HASHES[hashed](text, made), (secret, key))
                for (secret, key, made), text in product(self._keys, self._texts)
            ]
        return self._digests[hashed]


def _plaintexts(targets: Sequence[Any], rows: Sequence[Any], keyring: Keyring) -> Iterator[tuple[int, str, str, bytes]]:
    """What is in the tokens of rows: the row's place, the token's column, its stage, the plaintext."""
    for number, row in enumerate(rows):
        for target, value in zip(targets, row):
            tokens = target.kind.tokens(value, b"") if value else []
            found = keyring.stage_of(target.scheme, tokens[0]) if tokens else None
            if found:
                yield number, target.column, found[0], keyring.schemes[target.scheme].text_of(found[1])


def _telling_texts(plaintext: bytes) -> list[bytes]:
    """The texts that prove a recipe. What is left of a name without digits is in every empty row of another column."""
    return [text for text in texts_of(plaintext) if text or not plaintext]


def _makes(recipe: SearchColumnRecipe, texts: Sequence[bytes], stored: str, secrets: Mapping[str, bytes]) -> bool:
    try:
        return any(recipe.of(text, secrets[recipe.secret]) == stored for text in texts)
    except (KeyError, ValueError):  # the setting is not there, or makes no key
        return False


def _proved(matches: Matches) -> Matches:
    """The ways in which stored values are computed, that of most rows first.

    The beginning of a digest proves none alone: it could be what it is by chance. A way that explains no row besides
    another's is chance too, as where two columns hold the same. But signs that two ways of writing share may tell
    neither from the other, as where base64 has none of its last two: both are known then.
    """
    found: Matches = {}
    for (name, recipe), rows in sorted(matches.items(), key=lambda one: -len(one[1])):  # of equals, the one tried first
        proved = len(rows) > 1 or not recipe.length
        chance = (
            rows < more or (rows == more and name == column and replace(other, written=recipe.written) != recipe)
            for (column, other), more in found.items()
        )
        if proved and not any(chance):
            found[name, recipe] = rows
    return found


def possible_keys(secrets: Mapping[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Every key that may be made of a setting: the setting, how, the key."""
    found = []
    for secret, key in product(secrets, KEYS):
        with contextlib.suppress(ValueError):  # the setting is no base64, or no hex
            found.append((secret, key, KEYS[key](secrets[secret])))
    return found


def _recipes(column: Column, inside: _Inside, stored: str, cut: int) -> Iterator[SearchColumnRecipe]:
    """The recipes that make what is stored of the plaintext, or of which that is the beginning."""
    for (name, written), full in LENGTHS.items():
        if written not in WRITTEN_IN.get(column.type, WRITTEN):
            continue
        whole = 0 <= len(stored) - full <= PREFIX
        for length in [full] * whole + [cut] * (0 < cut < full and "hex" in written):
            before = stored[: len(stored) - length]
            for secret, key in inside.recipes(stored, name, written, length):
                yield SearchColumnRecipe(
                    column=column.name,
                    prefix=before,
                    secret=secret,
                    hash=name,
                    key=key,
                    written=written,
                    type=column.type,
                    length=length if length < full else 0,
                )
