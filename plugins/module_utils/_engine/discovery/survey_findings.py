# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of the surveys of all databases: targets that are missing, or that no token proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..._errors.discovery import ColumnNotFound, NoTargets, OtherKeys, UnprovedColumn, WrongKey
from ..crypto.derivation import members
from ..crypto.keyring import Keyring
from ..crypto.library_schemes import schemes_of_field
from . import proposal
from .columns.column_types import WRITTEN
from .findings.finding_facts import FixedColumn, UnprovedValues
from .findings.findings import Finding, Findings, unsettled
from .findings.settlements import NONE, Settlements
from .target_survey import Survey

# What may be said of a column whose rows may each have a data key in a target.
IN_REACH = ", which may be under data keys in {}, but do not open under the one of their row"
DATA_KEYS = (
    "If each row has a data key there, the rotation re-encrypts the data keys alone, and these values stay readable: "
    "check how the application decrypts them, and settle the column as not_ours. "
)


def findings_of(
    surveys: Sequence[Survey], keyring: Keyring, source: str, settled: Settlements = NONE, line: str = ""
) -> list[Finding]:
    """Return the findings that show that the targets are not complete, unless a person has settled them.

    ``source`` says where the keys are from. ``line`` lists the keys to rotate by their names in the .env file, if these
    are known.
    """
    has_targets = any(survey.targets for survey in surveys)
    known = Findings()
    for table, column in nowhere(surveys):
        name = f"{table}.{column}"
        known.put(name, ColumnNotFound(column=name, types=", ".join(WRITTEN)))
    for finding in [finding for survey in surveys for finding in survey.findings.with_text(stops=True)]:
        if isinstance(finding.facts, UnprovedValues):
            known.put(finding.column, _why_unproved(finding.column, finding.facts, surveys, keyring, source))
        elif has_targets or finding.kind.name != "plain":
            known.add(finding)
    fixed = [finding for survey in surveys for finding in survey.findings.of("fixed")]
    if fixed and not has_targets:
        settings = settings_of(surveys, keyring)
        line = line if line and settings else proposal.line(proposal.propose(settings, {}))
        known.put("", OtherKeys(count=len(fixed), settings=", ".join(sorted(settings)), line=line))
    stops = unsettled(known.with_text(stops=True), settled)
    if not has_targets and not stops:
        tables = sum(len(survey.tables) for survey in surveys)
        known.put("", NoTargets(tables=tables, keys=", ".join(sorted(keyring.names))))
        return known.of("no_targets")
    return stops


def _why_unproved(
    column: str, values: UnprovedValues, surveys: Sequence[Survey], keyring: Keyring, source: str
) -> WrongKey | UnprovedColumn:
    """Return the reason why no key decrypts the values of a column.

    A key is wrong only if the library of the field says which key must fit, and that key fits nowhere.
    """
    holding = {survey.evidence.possible_keys(column) for survey in surveys} - {""}
    if holding:
        values = replace(values, look=values.look + IN_REACH.format(*holding), advice=DATA_KEYS + values.advice)
    expected = [keyring.schemes[name] for name in schemes_of_field(values.field) if name in keyring.schemes]
    fits = {target.scheme for survey in surveys for target in survey.targets}
    tokens = values.tokens
    if holding or not expected or fits & {scheme.name for scheme in expected}:
        return UnprovedColumn(column=column, tokens=tokens, look=values.look, advice=values.advice, source=source)
    settings = " or ".join(sorted({name for each in expected for name in keyring.settings_of(each)}))
    return WrongKey(column=column, field=values.field, tokens=tokens, settings=settings, source=source)


def settings_of(surveys: Sequence[Survey], keyring: Keyring) -> dict[str, list[bytes]]:
    """Return the secret settings under which values were found, with their values, even if no key feeds them.

    The settings of the application's functions are not among them, because they are unknown.
    """
    schemes = {scheme.name: scheme for scheme in keyring.tried}
    used = {target.scheme for survey in surveys for target in survey.targets}
    used |= {each.scheme for survey in surveys for _, each in survey.findings.typed(FixedColumn)}
    made_of = [schemes[scheme] for scheme in used if not schemes[scheme].functions]
    names = {name for scheme in made_of for name in keyring.settings_of(scheme) - scheme.optional}
    derived = [recipe for survey in surveys for target in survey.targets for recipe in target.derived]
    names = names.union(*(recipe.settings for recipe in derived))
    return {name: values for name in names if (values := members(keyring.application(name)))}


def nowhere(surveys: Sequence[Survey]) -> list[tuple[str, str]]:
    """Find listed targets that exist in no database, each as table and column."""
    indexes = set.intersection(*(set(survey.missing) for survey in surveys)) if surveys else set()
    return [surveys[0].missing[index] for index in sorted(indexes)]
