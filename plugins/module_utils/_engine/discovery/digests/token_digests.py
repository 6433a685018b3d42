# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns with a digest of a stored token in the same row, such as a checksum or an ETag.

A rotation writes another token, and a rollback a third one: the digest fits neither. If the digest of a token is what
is stored, that proves what it is, whatever its column is called.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from ...._errors.discovery import TokenDigestStored
from ...crypto.keyring import Keyring
from ...crypto.tokens import as_text_or_bytes
from ...crypto.wrappers import unbase64
from ...postgres import sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ..columns import row_samples
from ..columns.search_recipes import HASHES, WRITTEN, possible_keys
from ..columns.target import Target
from ..findings.findings import Finding, Findings
from ..target_survey import Survey

SAMPLE = 5  # rows: the first ones, as many of the last ones, and from all over the table
LARGEST = 200_000  # bytes of a token that is read for this
LONGEST = 2_000  # characters of a value next to it
TOKENS = 8  # of one value, such as a document
SIGN = 16  # characters of a digest that prove it: 8 bytes in hex, 12 in base64
AHEAD = 12  # characters of a word that may precede a digest, such as sha256-
KEYED_ROWS = 3  # of a table, on which all keys are tried
KEYED_LARGEST = 20_000  # bytes of a token on which all keys are tried
_KEYED_WRITTEN = [WRITTEN[name] for name in ("hex", "upper_hex", "base64", "urlsafe_base64")]
_WORD = re.compile(r"[\w+/=-]{16,160}", re.ASCII)


class Digest(Protocol):
    """The result of a function of hashlib."""

    def digest(self) -> bytes:
        """Return its bytes."""


DigestFunction = Callable[[bytes], Digest]


def _digests() -> Iterator[tuple[str, DigestFunction]]:
    """Yield the functions that are available here. With FIPS, MD5 is not."""
    for name in ("sha256", "sha1", "md5", "sha512", "sha224", "sha384", "sha3_256", "sha3_512", "blake2b", "blake2s"):
        with contextlib.suppress(ValueError):
            hashlib.new(name, b"", usedforsecurity=False)
            yield name, partial(hashlib.new, name, usedforsecurity=False)
    for size in (16, 20, 32):
        yield f"blake2b of {size} bytes", partial(hashlib.blake2b, digest_size=size)


DIGESTS: Mapping[str, DigestFunction] = dict(_digests())


# The number of rows in which a column has digests of a target's tokens, with what these are.
DigestMatches = Counter[tuple[Column, Target, str]]


class DigestRow(NamedTuple):
    """The tokens of one row by their targets, and the words of its other columns that may be digests."""

    tokens: dict[Target, list[bytes]]
    words: dict[Column, set[str]]


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """Return the columns with such a digest. Their finding as unknown digests is dropped."""
    findings = Findings()
    targets: dict[Table, list[Target]] = {}
    for target in survey.targets:
        targets.setdefault(target.table, []).append(target)
    for table, members in targets.items():
        computed = {recipe.column for target in members for recipe in target.derived}
        taken = computed.union(target.column for target in members)
        ignored = {*survey.findings.columns("ignored")}
        columns = [
            column
            for column in survey.tables[table]
            if not (column.generated or column.name in taken or table.label_of(column.name) in ignored)
        ]
        if columns:
            _look(findings, table, columns, _rows(database, table, members, columns, keyring), keyring)
    survey.findings.drop("digest", findings.columns())
    return findings.with_text(stops=True)


def _look(
    findings: Findings, table: Table, columns: Sequence[Column], rows: Sequence[DigestRow], keyring: Keyring
) -> None:
    plain = _plain_matches(rows, lambda target, token: keyring.stage_of(target.scheme, token) is not None)
    explained = {column for column, _, _ in plain}
    unclear = [column for column in columns if column not in explained and _are_alike(rows, column)]
    keyed = _keyed_matches(rows[:KEYED_ROWS], unclear, keyring) if unclear else DigestMatches()
    for matches, tried in ((plain, rows), (keyed, rows[:KEYED_ROWS])):
        for (column, target, words), count in _most_common(matches):
            looked_at = sum(bool(row.tokens[target] and row.words[column]) for row in tried)
            name = table.label_of(column.name)
            digests = TokenDigestStored(column=name, target=target.name, digest=words, count=count, looked_at=looked_at)
            findings.put(name, digests)


def _most_common(matches: DigestMatches) -> Iterator[tuple[tuple[Column, Target, str], int]]:
    """Yield the most frequent match of each column."""
    named = set()
    for way, count in matches.most_common():
        if way[0] not in named:
            named.add(way[0])
            yield way, count


def _plain_matches(rows: Sequence[DigestRow], opens: Callable[[Target, bytes], bool]) -> DigestMatches:
    """Count the rows in which a column has a digest of a token under no key. What does not open may be plain text."""
    matches = DigestMatches()
    for row in rows:
        for target, tokens in row.tokens.items():
            signs = {sign: (what, token) for token in tokens for sign, what in _plain_signs(token)}
            for column, words in row.words.items():
                met = (signs[word] for word in words & signs.keys())
                matches.update({(column, target, what) for what, token in met if opens(target, token)})
    return matches


def _keyed_matches(rows: Sequence[DigestRow], columns: Sequence[Column], keyring: Keyring) -> DigestMatches:
    """Count the same for digests under a setting of the application. It tries all settings, so the rows are few."""
    matches = DigestMatches()
    for row in rows:
        words = {column: row.words[column] for column in columns}
        wanted = set().union(*words.values())
        for target, tokens in row.tokens.items() if wanted else ():
            signs = [sign for token in tokens for sign in _keyed_signs(token, target, keyring) if sign[0] in wanted]
            matches.update(
                {(column, target, what) for sign, what in signs for column in columns if sign in words[column]}
            )
    return matches


def _plain_signs(token: bytes) -> Iterator[tuple[str, str]]:
    """Yield how every digest of a token begins and ends, in every writing, with what it is."""
    for form in filter(None, (token, unbase64(token))):
        for name, digest in DIGESTS.items():
            raw_digest = digest(form).digest()
            for write in WRITTEN.values():
                text = write(raw_digest)
                yield text[:SIGN], f"{name} digests"
                yield text[-SIGN:], f"{name} digests"


def _keyed_signs(token: bytes, target: Target, keyring: Keyring) -> Iterator[tuple[str, str]]:
    opened = keyring.stage_of(target.scheme, token) if len(token) <= KEYED_LARGEST else None
    if opened is None:
        return
    keys = {key: setting for setting, _, key in possible_keys(keyring.secrets(opened[0])) if setting}
    for key, setting in keys.items():
        for name, digest in HASHES.items():
            raw_digest = digest(token, key)
            for write in _KEYED_WRITTEN:
                yield write(raw_digest)[:SIGN], f"{name} digests under {setting}"


def _are_alike(rows: Sequence[DigestRow], column: Column) -> bool:
    """Return whether a column has as many words in every row that has any, as digests of one kind have."""
    numbers = {len(row.words[column]) for row in rows} - {0}
    return len(numbers) == 1


def _rows(
    database: Database, table: Table, targets: Sequence[Target], columns: Sequence[Column], keyring: Keyring
) -> list[DigestRow]:
    """Return some rows of a table that have a token."""
    fits = [sql.SQL(f"octet_length({{}}) BETWEEN 1 AND {LARGEST}").format(target.value) for target in targets]
    chosen = [sql.SQL("CASE WHEN {} THEN {} END").format(fit, target.value) for fit, target in zip(fits, targets)]
    chosen += [row_samples.text_of(column, LONGEST) for column in columns]
    named = [sql.SQL(f"{{}} AS c{place}").format(each) for place, each in enumerate(chosen)]
    source = row_samples.RowSource(sql.SQL(", ").join(named), table.rows, sql.SQL(" OR ").join(fits))
    source = source._replace(where=sql.SQL("({})").format(source.where))
    parts = row_samples.parts(row_samples.size_of(database, table), source, SAMPLE, SAMPLE)
    read = database.rows(sql.SQL(" UNION ALL ").join(parts), table=table.label)
    distinct = dict.fromkeys(tuple(None if each is None else as_text_or_bytes(each) for each in row) for row in read)
    return [_read_row(row, targets, columns, keyring) for row in distinct]


def _read_row(
    values: Sequence[Any], targets: Sequence[Target], columns: Sequence[Column], keyring: Keyring
) -> DigestRow:
    tokens = {
        target: target.kind.tokens(value, keyring.schemes[target.scheme].marker)[:TOKENS] if value else []
        for target, value in zip(targets, values)
    }
    words = {column: _words(text or "") for column, text in zip(columns, values[len(targets) :])}
    return DigestRow(tokens, words)


def _words(text: str) -> set[str]:
    """Return the parts of a text that would identify a digest in it."""
    return {
        word[place : place + SIGN]
        for word in _WORD.findall(text)
        for place in (*range(min(AHEAD, len(word) - SIGN) + 1), len(word) - SIGN)
    }
