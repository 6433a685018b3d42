# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemes and targets for columns that nothing known opens, to paste into an inventory: names of functions, no value.

Nothing is tried here. The next plan opens the values with these functions, and refuses what is not filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._errors.option_names import variable_of
from ..application import model_fields
from ..application.function_pairs import Candidates
from ..crypto.function_names import TO_FILL_IN
from ..crypto.schemes import IN_DOCUMENTS
from ..postgres.catalog import Column, Table
from .columns.column_types import KINDS, JsonCodec
from .findings.finding_kinds import KindName
from .findings.findings import Finding
from .target_survey import AUTO, Survey

if TYPE_CHECKING:
    from ..crypto.scheme_description import (
        FunctionsDescription,
        SchemeDescription,
        SchemesOption,
        SearchColumnDescription,
        TargetDescription,
        TargetsOption,
    )

# Kinds of findings that say of a column that its values may be under a key, in a format that is not known.
UNKNOWN_FORMAT: Sequence[KindName] = ("format", "unproved", "silent", "encoded", "unexplained", "token_packed")
_ASKED = {
    "decrypt": "package.module.function that takes one stored value and returns it decrypted",
    "encrypt": "package.module.function that takes a decrypted value and returns its stored form",
}
_ASKED_MEMBERS = "the names of the members that are encrypted"


class OpenColumn(NamedTuple):
    """A column that functions of the application may encrypt, and the field of its model, if it has one."""

    table: Table
    column: Column
    field: Any = None


def columns_of(findings: Iterable[Finding], surveys: Sequence[Survey]) -> Iterator[OpenColumn]:
    """The columns of these findings in which functions could open and write values."""
    names = {finding.column for finding in findings if finding.kind.name in UNKNOWN_FORMAT}
    for survey in surveys if names else ():
        fields = {
            (name, model_fields.column_of(field)): field for name, field in model_fields.of_models(survey.model_tables)
        }
        for table, columns in survey.tables.items():
            for column in columns:
                if table.label_of(column.name) in names and column.type in KINDS and not table.copy:
                    field = next(filter(None, (fields.get((name, column.name)) for name in table.names)), None)
                    yield OpenColumn(table, column, field)


def propose(
    columns: Iterable[OpenColumn],
    candidates: Callable[[Any], Candidates],
    schemes: SchemesOption,
    targets: TargetsOption,
) -> dict[str, object]:
    """The variables that describe these columns, next to the ``schemes`` and ``targets`` that are listed already.
    ``candidates`` are the functions for a field."""
    described = {} if isinstance(schemes, str) else dict(schemes)
    listed: list[str | TargetDescription | SearchColumnDescription]
    listed = [AUTO] if isinstance(targets, str) else list(targets)
    for table, column, field in columns:
        scheme = _scheme(column, candidates(field))
        name = next((name for name, each in described.items() if each == scheme), "") or _free_name(described)
        described[name] = scheme
        listed.append({"table": table.label, "column": column.name, "scheme": name})
    return {variable_of("schemes"): described, variable_of("targets"): listed}


def _scheme(column: Column, candidates: Candidates) -> SchemeDescription:
    application: FunctionsDescription = {
        "decrypt": _function("decrypt", candidates.decrypt),
        "encrypt": _function("encrypt", candidates.encrypt),
    }
    if column.type == "bytea":
        application["binary"] = True
    scheme: SchemeDescription = {"application": application}
    if isinstance(KINDS[column.type], JsonCodec):
        scheme[IN_DOCUMENTS] = [f"{TO_FILL_IN} {_ASKED_MEMBERS}"]
    return scheme


def _function(side: str, paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return paths[0]
    return f"{TO_FILL_IN} {'one of ' + ', '.join(paths) if paths else _ASKED[side]}"


def _free_name(taken: Mapping[str, object]) -> str:
    names = (f"own_{number}" if number > 1 else "own" for number in count(1))
    return next(name for name in names if name not in taken)
