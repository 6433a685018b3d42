# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that read another value under other keys although their columns hold the same plaintext, found in advance.

A few rows are read in this process, and in a process of the application under throwaway keys. Tokens are encrypted for
each of them, so an attribute that decrypts reads the same. A difference shows that code of the application uses a key:
it decrypts a column that is not listed, or it signs or hashes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..._errors.discovery import DependsOnKey
from ..application.application_errors import APPLICATION_ERRORS
from ..crypto.keyring import Keyring
from ..crypto.unusable_key import UnusableKey
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding
from . import external_acts
from .model_readers import ModelReader, by_model, is_ignored
from .model_reading import format_ignored, instances_of
from .row_tokens import RowTokens, cannot_be_resealed
from .trial_row import RowAnswer, RowQuestion, answer_all

ROWS = 3  # with a value, of each attribute
LOOKED_AT = 20  # rows in which these are looked for
UNLISTED = (
    "If it decrypts, its values would be lost: describe their scheme in O(schemes) and O(targets), or let the "
    "application's own command re-encrypt them (O(method)=command). "
)
SIGNS = "If it signs or hashes, its earlier results become invalid: let it recreate them after the rotation, and "

Ask = Callable[[Sequence[RowQuestion]], Sequence[Optional[RowAnswer]]]


@dataclass
class TrialReadings:
    """The attributes that were read: those that read the same under both keys, those that did not, and those that
    decrypt and raise in the other process."""

    same: list[ModelReader] = field(default_factory=list)
    other: list[ModelReader] = field(default_factory=list)
    raising: list[ModelReader] = field(default_factory=list)


@dataclass(frozen=True)
class TrialProcess:
    """A process of the application with other keys. ``keyring`` has them, under a stage of their own."""

    keyring: Keyring
    ask: Ask


def findings(
    targets: Sequence[Target],
    keyring: Keyring,
    process: TrialProcess,
    ignore: Collection[str],
    under_data_keys: Collection[str] = (),
) -> list[Finding]:
    """One finding for each attribute that reads otherwise in ``process``, but those in ``ignore``.

    An attribute that reads a column ``under_data_keys`` may read its data key in another table, which a trial of one
    row cannot imitate.
    """
    compared = compare(targets, keyring, process, ignore)
    opened = {target.scheme for reader in compared.same for target in reader.targets}
    others = [reader for reader in compared.other if reader.targets or not _columns_of(reader) & {*under_data_keys}]
    return [_finding(reader) for reader in others if _is_established(reader, opened)]


def compare(
    targets: Sequence[Target], keyring: Keyring, process: TrialProcess, ignore: Collection[str]
) -> TrialReadings:
    """Return the attributes that read the same in ``process``, with tokens under its keyring, and those that do not."""
    compared = TrialReadings()
    for known in by_model(targets, keyring, b""):
        readers = [reader for reader in known if not is_ignored(reader.full_name, ignore)]
        asked: list[RowQuestion] = []
        here: list[list[RowQuestion]] = []
        with contextlib.suppress(*APPLICATION_ERRORS):  # those who read all of a model report one that cannot be
            asked, here = _questions(readers, keyring, process.keyring)
        if asked:
            before = [answer_all(questions) for questions in here]
            there = process.ask(asked)
            after = answer_all(here[0])  # the application serves: what a user changes now depends on no key
            _compare(readers, list(zip(*before, after, there)), compared)
    return compared


def _is_established(reader: ModelReader, opened: set[str]) -> bool:
    """Return whether another attribute shows that the same plaintexts are read: the process may not have the keys."""
    if reader.targets:
        return {target.scheme for target in reader.targets} <= opened
    return reader.compares


def _columns_of(reader: ModelReader) -> set[str]:
    alias = "" if reader.alias == "default" else f"{reader.alias}:"
    return {f"{alias}{reader.table}.{name}" for name in reader.column_names}


def _finding(reader: ModelReader) -> Finding:
    columns = ", ".join(reader.targeted or [f"{reader.table}.{name}" for name in reader.column_names])
    advice = ("" if reader.targets else UNLISTED) + SIGNS + format_ignored([reader.full_name])
    error = DependsOnKey(column=reader.full_name, columns=columns, advice=advice)
    return Finding.of(reader.full_name, error)


def _questions(
    readers: Sequence[ModelReader], keyring: Keyring, trial: Keyring
) -> tuple[list[RowQuestion], list[list[RowQuestion]]]:
    """Questions about a few rows of one model for the process under other keys, and for this one, twice, with other
    tokens of the same."""
    rows = list(_rows(readers))
    held = {target.name: target for reader in readers for target in reader.targets}
    out_of_reach = {name for name, target in held.items() if _is_out_of_reach(target, keyring, trial)}
    computed = {recipe.column for target in held.values() for recipe in target.derived}
    names = [
        reader.name
        for reader in readers
        if not ({target.name for target in reader.targets} & out_of_reach or _shows_target(reader, rows, keyring))
        and not (reader.bare and computed.issuperset(reader.column_names))  # a rotation computes it too
    ]
    here = [[_question(readers, row, names, keyring, out_of_reach) for row in rows] for _ in range(2)]
    asked = [_question(readers, row, names, trial, out_of_reach) for row in rows]
    return asked, here


def _compare(
    readers: Sequence[ModelReader], answers: Sequence[tuple[RowAnswer | None, ...]], compared: TrialReadings
) -> None:
    """Compare what was read of the rows of one model; the last answers are under other keys.

    An attribute that differs with other tokens, or at another time, shows nothing. Nor does a row that could not be
    tried, or an attribute that raises here. Nor does one that decrypts and raises in the other process, which may lack
    the keys.
    """
    tried = [[answer for answer in row if answer is not None] for row in answers if None not in row]
    for reader in readers:
        steady = [
            (first[reader.name], there.get(reader.name))
            for first, *again, there in tried
            if reader.name in first and all(first[reader.name] == other.get(reader.name) for other in again)
        ]
        if any(here != there and (there is not None or not reader.targets) for here, there in steady):
            compared.other.append(reader)
        elif steady and all(there is not None for _, there in steady):
            compared.same.append(reader)
        elif steady:
            compared.raising.append(reader)


def _rows(readers: Sequence[ModelReader]) -> Iterator[Any]:
    """Some rows of a model, so that there are a few with a value of each attribute."""
    counts = dict.fromkeys((reader.name for reader in readers), 0)
    for row in instances_of(readers, LOOKED_AT):
        holding = [reader for reader in readers if counts[reader.name] < ROWS and reader.has_value(row)]
        for reader in holding:
            counts[reader.name] += 1
            reader.take(row)
        if holding:
            yield row


def _shows_target(reader: ModelReader, rows: Sequence[Any], keyring: Keyring) -> bool:
    """Return whether it reads tokens under these keys in a column that is not a target, as a view does that shows one.
    They change when the target is rotated, which a trial cannot imitate."""
    stored = [] if reader.targets else [each for row in rows for each in reader.stored_values(row)]
    proving = [name for name, scheme in keyring.schemes.items() if scheme.format.authenticated and not scheme.functions]
    return bool(stored) and all(any(keyring.stage_of(scheme, each) for scheme in proving) for each in stored)


def _is_out_of_reach(target: Target, keyring: Keyring, trial: Keyring) -> bool:
    """Return whether its tokens cannot be sealed under both keyrings."""
    if cannot_be_resealed(target, keyring) or target.scheme not in trial.schemes:
        return True
    return isinstance(trial.cipher(target.scheme, next(iter(trial.stages))), UnusableKey)


def _question(
    readers: Sequence[ModelReader], row: Any, names: Sequence[str], keyring: Keyring, out_of_reach: Collection[str]
) -> RowQuestion:
    """The question about one row, with tokens that are sealed under the first stage of a keyring."""
    held: dict[str, object] = {}
    tokens = KeyedTokens(keyring)
    for reader in readers:
        held.update(dict.fromkeys(reader.unset(row)))  # a user may give it a value, under the keys of now
        for column, target, stored in reader.stored(row):
            if target.name not in out_of_reach and column.attname not in held:
                held[column.attname] = _sendable(_sealed_again(reader, target, stored, keyring))
                tokens.add(target, held[column.attname])
    model, alias, schema = readers[0].model._meta.label, readers[0].alias, readers[0].schema
    return RowQuestion(
        model=model,
        alias=alias,
        row=_sendable(row.pk),
        names=names,
        held=held,
        tokens=tokens.texts,
        schema=schema,
        acting=external_acts.allowed(),
    )


def _sendable(value: Any) -> Any:
    """A value of a row, or those of a composite key, for another process: drivers wrap bytes in what cannot be
    pickled."""
    if isinstance(value, tuple):
        return tuple(map(_sendable, value))
    return bytes(value) if isinstance(value, memoryview) else value


class KeyedTokens(RowTokens):
    """The tokens of one row, as texts for a process that does not have these keys."""

    @property
    def texts(self) -> list[bytes]:
        return list(self._may_be)


def _sealed_again(reader: ModelReader, target: Target, stored: Any, keyring: Keyring) -> Any:
    """A stored value with a token of the keyring's destination instead of each that opens."""
    opener = reader.keyring or keyring
    tokens = target.kind.tokens(stored, opener.schemes[target.scheme].marker)
    opened = [
        (token, opening)
        for token, opening in zip(tokens, opener.stages_of(target.scheme, tokens))
        if opening is not None
    ]
    destination = next(iter(keyring.stages))
    fresh = [keyring.cipher(target.scheme, destination).seal(inside) for _, (_, inside) in opened]
    return target.kind.put(stored, [token for token, _ in opened], fresh) if opened else stored
