# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records changes of versions. The destruction of a version is a run of its own, with a begin and an end."""

from __future__ import annotations

from ...module_utils._record.events import LineContent
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._plans.plan_approval import refuse_unauthorized
from .._report.accounts import as_plain
from .._task_types import TaskArguments, TaskResult
from .record_signing import follows, refuse_changed, refuse_gone, seal, try_to_seal


def begin_destruction(args: TaskArguments, record: Record, records: str, store: Store) -> LineContent:
    """Check the record, as every run does, and return the fields of its first line. Raise E_AUTHORIZATION,
    E_RECORD_*."""
    refuse_unauthorized(args)
    refuse_gone(records, store)
    return refuse_changed(record, store)


def destruction_words(args: TaskArguments) -> LineContent:
    """Return why a version is destroyed and who authorized it, as JSON types."""
    return as_plain({name: args.get(name) for name in ("reason", "authorization", "operator")})


def seal_versions(state: str, result: TaskResult, record: Record, store: Store) -> None:
    """Sign the record after a change of versions.

    From the first version on, there is a key to sign with. The destruction of a version is recorded every time, even if
    it changed nothing.
    """
    again = state == "destroyed" and not result.get("failed")
    if not (result.get("changed") or again):
        return
    if state == "destroyed":
        record.append("retire", "done", key_id=result["key_id"], **follows(store))
    sealing = seal if state in ("adopted", "destroyed") else try_to_seal
    sealing(record, store)
