# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a rotation: all targets with their schemes and counts, its hash, and what a person must know.

It is what a person reviews and approves, so it is stable: the same application gives the same text but for the counts.
The hash is over the targets without their counts and the findings without their numbers: rows come and go, and the plan
stays the plan.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import TypedDict, TypeVar

from ..._errors.database import TokenTooLong
from ..._errors.option_names import variable_of
from ..application import lasting_caches
from ..application.own_command import OwnCommand
from ..crypto.key_entry import KeyEntries
from ..crypto.keyring import Keyring
from ..crypto.library_schemes import READ_SEVERAL
from ..crypto.schemes import Scheme
from ..discovery.accounting import PlannedKey
from ..discovery.columns.search_recipes import SearchColumnRecipe
from ..discovery.columns.target import Target
from ..discovery.digests import tokenless_rows
from ..discovery.findings.finding_facts import (
    EmptyField,
    FixedColumn,
    NextValue,
    OnlyMember,
    OutlivingCache,
    PlainIndex,
    TypedFacts,
)
from ..discovery.findings.finding_kinds import KINDS
from ..discovery.findings.findings import Finding, Notice
from ..discovery.findings.listed_rows import ListedRowsResult
from ..discovery.findings.settlements import Settlements
from ..discovery.target_survey import Survey
from ..postgres import catalog, sql
from ..postgres.connection import Database
from ..proof.census_tally import Tally
from .plan_document import FORMAT, content_hash, plan_hash
from .plan_notices import QUERIES

CLASSES = ("current", "previous", "plaintext", "unreadable", "nested", "empty")  # shown though there are none
_SECRET_NAME = re.compile(r"secret|token|passw|api_?key|private_?key|encrypt|cipher|credential|ssn|iban", re.IGNORECASE)
_DJANGO_TABLES = ("auth_user", "django_session", "django_migrations")  # hashed, signed and plain by Django itself


class PlannedTarget(TypedDict, total=False):
    """A target with its counts, if a census was taken. ``reads_several_keys`` may be a setting on which that depends,
    ``key`` are the columns of the primary key, ``recomputed`` the search columns that follow the values."""

    column: str
    model: str
    type: str
    scheme: str
    settings: Sequence[str]
    reads_several_keys: bool | str
    key: Sequence[str]
    recomputed: Sequence[str]
    rows: int
    classes: Mapping[str, int]
    left_alone: int
    plain: int
    under_later_keys: Mapping[int, int]


_Facts = TypeVar("_Facts", bound=TypedFacts)


class ColumnUnderOtherKeys(TypedDict):
    """A column whose values are under settings that the listed keys do not feed."""

    column: str
    scheme: str
    settings: list[str]


@dataclass(frozen=True)
class Plan:
    """The targets of an application by its databases, with the counts of a census if there is one.

    It is ready if none of its ``notices`` has a code. ``keys`` are the available keys with their uses. ``proposed`` are
    the entries of the option ``keys`` that fit the data: the plan shows them if they differ from the listed ones.
    ``described`` are variables that describe columns of an unknown format.
    """

    surveys: Sequence[Survey]
    tallies: Sequence[Tally]
    keyring: Keyring
    notices: Iterable[Notice]
    settlements: Settlements = field(default_factory=dict)
    keys: Sequence[PlannedKey] = ()
    proposed: KeyEntries = ()
    leave_alone: Sequence[str] = ()
    listed: Sequence[ListedRowsResult] = ()  # all rows of the findings, for a file of their own
    command: OwnCommand | None = None
    described: Mapping[str, object] = field(default_factory=dict)

    def as_document(self) -> dict[str, object]:
        """The plan as a document of plain values, with its hash."""
        notices = sorted(self.notices, key=lambda notice: (notice["column"], notice["kind"], notice["notice"]))
        document = {
            "format": FORMAT,
            "ready": not any("code" in notice for notice in notices),
            "targets": self._targets(),
            "under_other_keys": self._under_other_keys(),
            "empty_fields": [{"column": column, "field": empty.field} for column, empty in self._typed(EmptyField)],
            "settlements": [self.settlements[name].as_planned() for name in sorted(self.settlements)],
            "left_alone": [{"column": name} for name in sorted({*self.leave_alone})],
            "command": [self.command.as_planned()] if self.command else [],
            "keys": list(self.keys),
            "schemes": self._schemes(),
            "notices": notices,
        }
        if proposed := self._proposed():
            document["proposed"] = proposed
        return {**document, "content_hash": content_hash(document), "hash": plan_hash(document)}

    def _proposed(self) -> dict[str, object]:
        """The variables to put into the inventory."""
        fits = not self.proposed or {key["name"] for key in self.proposed} == self.keyring.names
        keys = {} if fits else {variable_of("keys"): [dict(key) for key in self.proposed]}
        return {**keys, **self.described}

    def _targets(self) -> list[PlannedTarget]:
        counts = {tally.target.name: tally for tally in self.tallies}
        targets = sorted((target for survey in self.surveys for target in survey.targets), key=_by_name)
        return [_target(target, counts.get(target.name), self.keyring) for target in targets]

    def _typed(self, facts: type[_Facts]) -> list[tuple[str, _Facts]]:
        """Return the sorted columns of one kind of finding, each with its facts."""
        typed = (typed_facts for survey in self.surveys for typed_facts in survey.findings.typed(facts))
        return sorted(typed, key=lambda typed_facts: (typed_facts[0], astuple(typed_facts[1])))

    def _under_other_keys(self) -> list[ColumnUnderOtherKeys]:
        schemes = {scheme.name: scheme for scheme in self.keyring.tried}
        return [
            {
                "column": column,
                "scheme": fixed.scheme,
                "settings": sorted(self.keyring.settings_of(schemes[fixed.scheme])),
            }
            for column, fixed in self._typed(FixedColumn)
        ]

    def _schemes(self) -> Mapping[str, object]:
        """The schemes of all columns, described for people."""
        schemes = {scheme.name: scheme for scheme in self.keyring.tried}
        used = {target.scheme for survey in self.surveys for target in survey.targets}
        used |= {fixed.scheme for _, fixed in self._typed(FixedColumn)}
        return {
            name: _describe_scheme({**schemes[name].described, **_shown_prefix(schemes[name])}) for name in sorted(used)
        }


def _by_name(target: Target) -> str:
    return target.name


def _target(target: Target, tally: Tally | None, keyring: Keyring) -> PlannedTarget:
    scheme = keyring.schemes[target.scheme]
    described: PlannedTarget = {
        "column": target.name,
        "model": target.model,
        "type": target.type,
        "scheme": target.scheme,
        "settings": sorted(keyring.settings_of(scheme)),
        "reads_several_keys": _reads_several(scheme, keyring),
        "key": list(target.key.columns),
    }
    recomputed = {str(recipe) for recipe in target.derived if recipe.is_rotated(keyring)}
    if recomputed:
        described["recomputed"] = sorted(recomputed)
    if tally is None:
        return described
    described["rows"] = tally.rows
    described["classes"] = {**dict.fromkeys(CLASSES, 0), **dict(sorted(tally.classes.items()))}
    if tally.left_alone:
        described["left_alone"] = tally.left_alone
    if tally.plain:
        described["plain"] = tally.plain
    if tally.later_keys:
        described["under_later_keys"] = dict(sorted(tally.later_keys.items()))
    return described


def _reads_several(scheme: Scheme, keyring: Keyring) -> bool | str:
    """Return whether the application reads several keys now, or the setting that would let its library do so."""
    if scheme.reads_several(keyring.application):
        return True
    setting = READ_SEVERAL.get(scheme.name.split()[0])
    return f"if {setting} is a list" if setting else False


def _shown_prefix(scheme: Scheme) -> dict[str, str]:
    return {"prefix": scheme.shown_prefix} if scheme.shown_prefix else {}


def _describe_scheme(described: object) -> object:
    """A scheme's description for people: a key that is in the code is named, not shown."""
    if isinstance(described, Mapping):
        return {
            name: "(in the code)" if name == "bytes" else _describe_scheme(value) for name, value in described.items()
        }
    return described


def catalog_findings(
    database: Database,
    targets: Sequence[Target],
    keyring: Keyring,
    growing: Collection[str] = (),
    *,
    tried: bool = False,
) -> Iterator[Finding]:
    """Find what a person must know about the targets by the catalog before the rotation. If new values have been
    ``tried``, what they have to be is known to be so, or stops. ``growing`` are the keys whose lists keep old members.
    """
    for target in targets:
        for kind, query in QUERIES.items():
            if database.rows(query, (target.table.regclass, target.column), table=target.table.label):
                yield Finding(KINDS[kind], target.name)
        needed = _length_needed(database, target, keyring) if target.limit else 0
        if target.limit and needed > target.limit:
            table, column = target.table.label, target.column
            yield Finding.of(target.name, TokenTooLong(table=table, column=column, limit=target.limit, needed=needed))
        yield from _of_digests(target, keyring, growing, tried=tried)
        scheme = keyring.schemes[target.scheme]
        if not scheme.format.authenticated:
            yield Finding(KINDS["unknown_functions" if scheme.functions else "unauthenticated"], target.name)
        if not target.has_model:
            yield Finding(KINDS["no_model"], target.name)


def _of_digests(target: Target, keyring: Keyring, growing: Collection[str], *, tried: bool) -> Iterator[Finding]:
    """Find what the next values of the keys of its search columns have to be, and those keys that become several."""
    found = (recipe for recipe in target.derived if isinstance(recipe, SearchColumnRecipe))
    for recipe in dict.fromkeys(recipe for recipe in found if recipe.is_rotated(keyring)):
        column = target.table.label_of(recipe.column)
        needs = None if tried else recipe.asks(keyring.secret(keyring.base, recipe.secret))
        if needs:
            yield Finding.of(column, NextValue(recipe.secret, needs[0], ", ".join(needs)))
        for key in sorted(keyring.keys_of((), [recipe.secret]).intersection(growing)):
            if keyring.count_members(keyring.base, recipe.secret) == 1:
                yield Finding.of(column, OnlyMember(key))


def _length_needed(database: Database, target: Target, keyring: Keyring) -> int:
    """Characters of the longest value if it were written now: functions of an application may have a newer format."""
    longest = "SELECT {value} FROM {rows} AS t WHERE {value} <> '' ORDER BY length({value}) DESC LIMIT 1"
    query = sql.SQL(longest).format(value=target.value, rows=target.table.rows)
    for (stored,) in database.rows(query, table=target.table.label):
        for token in target.kind.tokens(stored, b""):
            opened = keyring.stage_of(target.scheme, token)
            if opened is not None:
                return len(keyring.cipher(target.scheme, opened[0]).seal(opened[1]))
    return 0


def put_left_out(database: Database, survey: Survey, keyring: Keyring) -> None:
    """Put down what a rotation leaves unchanged and a person must handle."""
    for column in tokenless_rows.find_of_nothing(database, survey, keyring):
        survey.findings.put_kind("blank", column)
    for column, target in survey.plain_indexes():
        survey.findings.put(column, PlainIndex(target))
    for view in catalog.unfilled(database):
        survey.findings.put_kind("unseen", view)
    put_secret_names(survey)


def caches() -> Iterator[Finding]:
    """Caches of the application that keep their entries when its processes end."""
    for cache in lasting_caches.lasting():
        yield Finding.of(f"CACHES[{cache.alias}]", OutlivingCache(cache.kind, cache.advice))


def put_secret_names(survey: Survey) -> None:
    """Put down columns named like a secret in which no key decrypts anything."""
    known = {
        *(target.name for target in survey.targets),
        *survey.findings.columns(),
        *(target.table.label_of(recipe.column) for target in survey.targets for recipe in target.derived),
    }
    for table, columns in survey.tables.items():
        for column in columns:
            name = table.label_of(column.name)
            secret = _SECRET_NAME.search(column.name) and column.type not in catalog.UUIDS
            if secret and name not in known and table.name not in _DJANGO_TABLES:
                survey.findings.put_kind("secret_name", name)
