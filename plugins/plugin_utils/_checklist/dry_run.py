# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions of a rotation in a dry run, from the results of the checklist's tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ...module_utils._engine.proof.census_result import CensusResult
from ...module_utils._errors.counts import counted
from .._rotation_record.recorded_mode import ONLINE, PREPARED
from .host_results import ChangeResult, ChecklistResults, HostFacts
from .observe import results_by_host

if TYPE_CHECKING:
    from ...module_utils._engine.result_types import CensusOutcome
    from .._task_types import Variables


def lines(variables: Variables) -> list[str]:
    """Return one line per action, in the order of a rotation. An action of several hosts appears once."""
    hosts = results_by_host(variables)
    first = next(iter(hosts.values()), ChecklistResults())
    sentences = [
        _would(first.get("postgresql_backup")),
        *(_would(results.get("keys")) for results in hosts.values()),
        _would(first.get("pending")),
        *_preparation(first.get("facts", {}).get("facts"), variables),
        *_stops(hosts.values(), variables),
        *_reencryption(first.get("django_census_info", {}), variables),
        *(_would(results.get("env_file")) for results in hosts.values()),
    ]
    return [f"  {line}" for line in dict.fromkeys(sentences) if line]


def differences(variables: Variables) -> list[Any]:
    """The file differences that the hosts report with --diff."""
    shown = (variables.get("hostvars", {}).get(host, {}) for host in results_by_host(variables))
    reported = [difference for host in shown for difference in host.get("__checklist_host", {}).get("diff", ())]
    return [difference for number, difference in enumerate(reported) if difference not in reported[:number]]


def _mode(variables: Variables) -> str:
    """When the checklist says that the values are re-encrypted."""
    return str(variables.get("checklist_result", {}).get("mode"))


def _would(result: ChangeResult | None) -> str:
    return result.get("would", "") if result else ""


def _preparation(facts: HostFacts | None, variables: Variables) -> Iterator[str]:
    if facts and _mode(variables) == PREPARED:
        unprepared = facts["unprepared"] or {}
        yield "would prepare the re-encryption while the application serves (key_rotation_mode: prepared)"
        yield from (f"would not prepare {table}: {why}" for table, why in sorted(unprepared.items()))


def _stops(hosts: Iterable[ChecklistResults], variables: Variables) -> Iterator[str]:
    if _mode(variables) == ONLINE:
        yield (
            "would restart one host after the other, with both keys and then with the new one alone, and re-encrypt "
            "while the application serves (key_rotation_mode: online)"
        )
    else:
        yield from (_would(results.get("stops")) for results in hosts)


def _reencryption(census: CensusOutcome, variables: Variables) -> Iterator[str]:
    columns = CensusResult.all_of(census.get("targets", ()))
    if values := sum(column.not_under(variables["record_opened"]["destination"]) for column in columns):
        yield f"would re-encrypt {counted(values, 'value')}"
