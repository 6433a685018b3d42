# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a census with what was expected: the stage of every value, and the census before."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._errors.base import RotationError
from .. import application_findings
from ..crypto.keys_in_files import build_env_error
from ..discovery.findings.findings import refuse
from ..proof import census_comparison, census_findings
from ..proof.value_classes import UNOPENED, UNOPENED_ALONE
from . import census_counting
from .row_comparison import SecondLook, second_look

if TYPE_CHECKING:
    from ..crypto.key_set import KeySet
    from ..discovery.findings.findings import Finding
    from ..proof.census_result import CensusResult, RowsNeeding
    from ..proof.census_tally import Tally
    from ..result_types import SinceFirstWrite
    from .census_task import CensusTask, Compared


@dataclass(frozen=True)
class CensusRefusal:
    """The error of a census that is not as expected, and what is known to have changed ``since`` the first write."""

    error: RotationError
    since: SinceFirstWrite | None = None


def find_refusal(task: CensusTask, compared: Compared) -> CensusRefusal | None:
    """Return why the data is not as expected. None if it is, or if nothing was expected."""
    if task.options.report_only or task.options.leaving is not None:
        return None
    with second_look(task) as look:
        try:
            refuse(_find_elsewhere(task))
            _refuse_outside(task)
            _refuse(task, compared.tallies, task.options.baseline, look)
            refuse(application_findings.find_unexplained_digests(task.application, compared.tallies))
            if task.options.accounted:
                _refuse_unsettled(task, compared.tallies)
            _compare(task, compared, look)
        except RotationError as exc:  # the reader needs to know where the values are, and who wrote them
            _name_written(task, compared, look)
            return CensusRefusal(exc, _since(task))
    return None


def _find_elsewhere(task: CensusTask) -> list[Finding]:
    """Return the findings of values under keys that are rotated in columns that are not targets."""
    application, expected = task.application, task.options.expect_stage or ""
    findings = application_findings.find_kept(application, expected)
    if not task.options.run:  # a run may be in its downtime
        findings += application_findings.find_set_aside(application, expected)
        findings += application_findings.find_outside_data_keys(application, expected)
    return findings


def _since(task: CensusTask) -> SinceFirstWrite | None:
    """Return what changed since the first write of an interrupted rotation, if its checklist was refused.

    What other processes left may be readable, and then the refusal does not name it.
    """
    if task.options.baseline:
        return None
    with contextlib.suppress(RotationError):  # the refusal itself says more
        compared = census_counting.count_since_first_write(task)
        return compared.since if compared else None
    return None


def _refuse_outside(task: CensusTask) -> None:
    """Raise the findings of columns outside of the rotation that hold values under another version than the expected
    one."""
    others = set(task.application.keyring.stages) - {task.options.expect_stage}
    columns = {
        each["column"] for each in application_findings.find_needing_outside(task.application, task.outside, others)
    }
    refuse(each for each in task.outside if each.column in columns)


def find_needing(task: CensusTask, tallies: Sequence[Tally], leaving: Sequence[str]) -> list[RowsNeeding]:
    """Return the values that may need a version that the .env file is about to lose.

    While users write, a value that opens was written since the last pass, and the next pass re-encrypts it.
    """
    keyring = task.application.keyring
    rows_needing = census_findings.needing(tallies, keyring, leaving)
    if task.options.users_write:
        rows_needing = [each for each in rows_needing if each["class"] not in keyring.stages]
    return [*rows_needing, *application_findings.find_needing_outside(task.application, task.outside, leaving)]


def find_damaged(task: CensusTask, written: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """At the end of a rollback, the values that another process wrote and that the application cannot read."""
    from ..proof import damage

    before = task.options.written
    if before is None:
        return []
    rows = {name: sorted({*written.get(name, ()), *before.get(name, ())}) for name in {*written, *before}}
    return [list(each) for each in damage.find_damaged(rows, task.application.targets, task.application.keyring)]


def _refuse(task: CensusTask, tallies: Sequence[Tally], baseline: list[CensusResult], look: SecondLook | None) -> None:
    """Raise an error if the data, the .env file or the application is not as expected."""
    if task.options.accepts_unopened:
        tallies = census_comparison.beyond(tallies, baseline)
    _refuse_unopened(task, tallies, baseline, look)
    keys, expected, keyring = task.keys, task.options.expect_stage, task.application.keyring
    if expected:
        census_findings.refuse_nested(tallies)
        census_findings.refuse_other_than(expected, tallies, keyring)
        _refuse_other_env(task, keys, expected)


def _refuse_unopened(
    task: CensusTask, tallies: Sequence[Tally], baseline: list[CensusResult], look: SecondLook | None
) -> None:
    """Raise an error if values cannot be decrypted.

    It is E_VALUES_OVERWRITTEN if the rows show that another process wrote them.
    """
    from ..proof import damage

    application, expected = task.application, task.options.expect_stage
    # With the expected keys alone, a damaged value looks like one that was written under other keys.
    alone = list(application.keyring.stages) == [expected]
    classes = UNOPENED_ALONE if alone else tuple(UNOPENED)
    findings = census_findings.findings(tallies, classes)
    try:
        refuse(findings if expected else application_findings.explain(application, findings))
    except RotationError:
        if look:
            damage.refuse_overwritten(census_comparison.beyond(look.tallies, baseline), classes, look.looks)
        raise


def _refuse_other_env(task: CensusTask, keys: KeySet, expect_stage: str) -> None:
    """Raise an error unless the keys in the .env file are the ones that were proved."""
    keyring = task.application.keyring
    expected = keyring.key_id(expect_stage)
    if keys.key_id != expected:
        raise build_env_error(task.options.keys_place, keys, expected, keyring.stages)


def _refuse_unsettled(task: CensusTask, tallies: Sequence[Tally]) -> None:
    """Raise what a rotation would refuse of values that stay unchanged, unless a person settled it."""
    refuse(application_findings.find_staying(task.application, tallies))


def _compare(task: CensusTask, compared: Compared, look: SecondLook | None) -> None:
    """Compare the census with the baseline: the digests of all values, otherwise every row.

    Raise an error if a value differs that no other process wrote.
    """
    baseline = task.judged
    differs: RotationError | None = None
    try:
        census_comparison.refuse_difference(baseline, compared.results)
    except RotationError as exc:
        differs = exc
    if look is None or not (differs or look.has_earlier):
        if differs:
            raise differs
        return
    compared.tallies, compared.composed = look.tallies, None
    _refuse(task, compared.tallies, baseline, look)
    compared.differing = census_comparison.differing_rows(baseline, look.looks)
    census_comparison.refuse_difference(baseline, compared.results, look.looks)
    results = {table: comparison.as_result() for table, comparison in look.looks.items()}
    compared.concurrent_rows = {table: counts for table, counts in results.items() if any(counts.values())}
    _put_written(compared, look)


def _name_written(task: CensusTask, compared: Compared, look: SecondLook | None) -> None:
    """Add to ``compared`` what another process wrote, if the census was refused before it was compared.

    This may be the reason for the refusal. It may also have changed values that can be decrypted.
    """
    options = task.options
    if look and options.concurrent_writes and not (look.has_failed or compared.differing or options.serving):
        _put_written(compared, look)


def _put_written(compared: Compared, look: SecondLook) -> None:
    compared.written = census_counting.select_written(compared.tallies, look.looks)
    compared.added = census_counting.select_added(look.looks)
