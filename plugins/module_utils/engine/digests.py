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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from .catalog import Column, Table
from .database import Database, quote
from .derivation import direct, from_hex

if TYPE_CHECKING:
    from .keyring import Keyring

TYPES = ("text", "character varying", "character", "citext", "bytea")
NOTHING = ""  # in place of a setting's name: a digest without a key
SAMPLE = 50  # rows of a table
TRIED = 12  # of them, on which every recipe is tried; on all others, those that are known by then
LONGEST = 140  # characters of a stored digest: SHA-512 in hex, and a prefix
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
}
# How the plaintext is made even before.
VALUES: dict[str, Callable[[bytes], bytes]] = {
    "as_it_is": lambda value: value,
    "stripped": bytes.strip,
    "lower": lambda value: _text(value).lower().encode("utf-8"),
    "lower_stripped": lambda value: _text(value).strip().lower().encode("utf-8"),
}
# How the digest is written. A bytea reads as hex after a prefix, \x.
WRITTEN: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "upper_hex": lambda digest: digest.hex().upper(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "urlsafe_base64": lambda digest: base64.urlsafe_b64encode(digest).decode(),
    "urlsafe_base64_bare": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
}
# How many characters each is.
LENGTHS = {(name, written): len(WRITTEN[written](HASHES[name](b"", b""))) for name, written in product(HASHES, WRITTEN)}
PREFIX = 8  # characters that may stand before it
_MAY_BE = re.compile(r"[!-~]{22,}")  # from MD5 in base64 on
_MAY_BE_CUT = re.compile(r"(?:\\x)?(?:[\da-f]{8,}|[\dA-F]{8,})")
_SURELY = re.compile(r".{0,8}?(?:[\da-fA-F]{64}|[\da-fA-F]{128})")
# Of other lengths it is one only where the column's name says so.
_NAMED = re.compile(r"hash|digest|bidx|blind|hmac|finger_?print|search|lookup", re.IGNORECASE)
_LIKELY = re.compile(r"(?=.*\d)[\w+/=:$-]{8,}", re.ASCII)


@dataclass(frozen=True)
class Derived:
    """One such column: ``prefix`` and a digest of a plaintext under the setting ``secret``."""

    column: str
    prefix: str
    secret: str
    hash: str = "sha256_value_salt"
    key: str = "raw"
    value: str = "as_it_is"
    written: str = "hex"
    type: str = "text"
    length: int = 0  # of the digest as it is written, where that is cut

    def of(self, plaintext: bytes, secret: bytes) -> str:
        """What the column holds for a plaintext. Raises ValueError on a secret that makes no key."""
        digest = HASHES[self.hash](VALUES[self.value](plaintext), KEYS[self.key](secret))
        return self.prefix + WRITTEN[self.written](digest)[: self.length or None]

    def __str__(self) -> str:
        words = [f"{self.column} as {self.hash} under {self.secret}"]
        words += [f"key {self.key}"] * (self.key != "raw") + [f"value {self.value}"] * (self.value != "as_it_is")
        words += [f"cut to {self.length} characters"] * (self.length > 0)
        return ", ".join([*words, self.written])


@dataclass(frozen=True)
class Beside:
    """Columns beside tokens: ``made`` under a key of the key set, by the token's column; ``kept`` under another
    setting, with its name, or NOTHING; ``unknown`` digests."""

    made: dict[str, list[Derived]] = field(default_factory=dict)
    kept: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def explained(self) -> set[str]:
        """The columns of which it is known how they are computed."""
        made = {recipe.column for recipes in self.made.values() for recipe in recipes}
        return made | {column for column, _ in self.kept}


def beside(
    database: Database, table: Table, targets: Sequence[Any], columns: Sequence[Column], keyring: Keyring
) -> Beside:
    """What of a table's columns is computed from the plaintexts of its targets."""
    targets = [target for target in targets if target.kind.whole]
    columns = [column for column in columns if column.type in TYPES]
    found = Beside()
    if not targets or not columns:
        return found
    rows = _sample(database, table, targets, columns)
    opened = [_opened(targets, row, keyring) for row in rows]
    for place, column in enumerate(columns, start=len(targets)):
        stored = [(row[place], each) for row, each in zip(rows, opened) if row[place]]
        cut = _cut([text for text, _ in stored])
        for number, target in enumerate(targets):
            pairs = [
                (*inside, text)
                for text, each in stored
                if (cut or _MAY_BE.fullmatch(text)) and (inside := each[number]) is not None
            ]
            recipe = _recognised(column, pairs, keyring, cut)
            if recipe is not None and recipe.secret in keyring.names:
                found.made.setdefault(target.column, []).append(recipe)
            elif recipe is not None:
                found.kept.append((column.name, recipe.secret))
            if recipe is not None:
                break
        else:
            sign = _LIKELY if _NAMED.search(column.name) else _SURELY
            if any(sign.fullmatch(text) for text, _ in stored):
                found.unknown.append(column.name)
    return found


def _cut(texts: Sequence[str]) -> int:
    """How many characters all have, where all are hex, as digests that are cut are; 0 where they are not."""
    lengths = {len(text.removeprefix("\\x")) if _MAY_BE_CUT.fullmatch(text) else 0 for text in texts}
    letters = any(re.search("[a-fA-F]", text) for text in texts)  # else they are numbers
    return lengths.pop() if len(lengths) == 1 and letters else 0


def _sample(database: Database, table: Table, targets: Sequence[Any], columns: Sequence[Column]) -> list[Any]:
    tokens = [target.kind.read.format(f"t.{quote(target.column)}") for target in targets]
    short = [
        f"CASE WHEN octet_length(t.{name}) <= {LONGEST} THEN t.{name}::text END"
        for name in (quote(column.name) for column in columns)
    ]
    some = " OR ".join(f"octet_length({token}) > 0" for token in tokens)
    sql = f"SELECT {', '.join(tokens + short)} FROM {table.rows} AS t WHERE {some} LIMIT %s"
    return database.rows(sql, (SAMPLE,), table=table.label)


def _opened(targets: Sequence[Any], row: Sequence[Any], keyring: Keyring) -> list[tuple[str, bytes] | None]:
    """For each target of a row the stage of its token and its plaintext; None where there is none."""
    found: list[tuple[str, bytes] | None] = []
    for target, value in zip(targets, row):
        tokens = target.kind.tokens(value, b"") if value else []
        inside = keyring.stage_of(target.scheme, tokens[0]) if tokens else None
        found.append(inside and (inside[0], keyring.schemes[target.scheme].text_of(inside[1])))
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _recognised(column: Column, pairs: Sequence[tuple[str, bytes, str]], keyring: Keyring, cut: int) -> Derived | None:
    """The recipe that makes most of the stored values, of (stage, plaintext, stored); None where none does.

    ``cut`` is how many characters all of them have, where they may be the beginnings of digests: one alone could be
    what it is by chance.
    """
    matches: Counter[Derived] = Counter()
    secrets = {stage: keyring.secrets(stage) for stage in {stage for stage, _, _ in pairs}}
    keys = {stage: _keys(found) for stage, found in secrets.items()}
    tried = 0
    for stage, plaintext, stored in pairs:
        again = [recipe for recipe in matches if _makes(recipe, plaintext, stored, secrets[stage])]
        if not again and tried < TRIED:
            tried += 1
            again = list(_recipes(column, plaintext, stored, keys[stage], cut))
        matches.update(again)
    proved = [recipe for recipe in matches if matches[recipe] > 1 or not recipe.length]
    return max(proved, key=lambda recipe: matches[recipe], default=None)  # of equals, the first that was tried


def _makes(recipe: Derived, plaintext: bytes, stored: str, secrets: Mapping[str, bytes]) -> bool:
    try:
        return recipe.of(plaintext, secrets[recipe.secret]) == stored
    except (KeyError, ValueError):  # the setting is not there, or makes no key
        return False


def _keys(secrets: Mapping[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Every key that may be made of a setting: the setting, how, the key."""
    found = []
    for secret, key in product(secrets, KEYS):
        with contextlib.suppress(ValueError):  # the setting is no base64, or no hex
            found.append((secret, key, KEYS[key](secrets[secret])))
    return found


def _recipes(
    column: Column, plaintext: bytes, stored: str, keys: Sequence[tuple[str, str, bytes]], cut: int
) -> Iterator[Derived]:
    """The recipes that make what is stored of the plaintext, or of which that is the beginning."""
    texts: dict[bytes, list[str]] = {}
    for value, make in VALUES.items():
        texts.setdefault(make(plaintext), []).append(value)
    fitting = [
        (name, written)
        for (name, written), length in LENGTHS.items()
        if (0 <= len(stored) - length <= PREFIX or (cut and cut < length and "hex" in written))
        and (column.type != "bytea" or written == "hex")
    ]
    for (secret, key, made), name, text in product(keys, dict.fromkeys(name for name, _ in fitting), texts):
        digest = HASHES[name](text, made)
        for written in (written for hashed, written in fitting if hashed == name):
            before, length = _split(stored, WRITTEN[written](digest), cut)
            if before is not None:
                for value in texts[text]:
                    yield Derived(column.name, before, secret, name, key, value, written, column.type, length)
                break


def _split(stored: str, digest: str, cut: int) -> tuple[str | None, int]:
    """What stands before a digest that is stored, and to how many characters that is cut; None where it is not it."""
    if stored.endswith(digest):
        return stored[: len(stored) - len(digest)], 0
    if cut and cut < len(digest) and stored.endswith(digest[:cut]):
        return stored[: len(stored) - cut], cut
    return None, 0
