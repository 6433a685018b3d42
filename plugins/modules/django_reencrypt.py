#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_reencrypt
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Re-encrypt every value of a Django application under another version
description:
  - Runs in the application's own Python, with its database connection and all its key sets at once.
  - Works in SQL, in batches that are committed one by one, with compare-and-set for each row.
  - Changes only the planned columns.
  - Reads from each value under which keys it is. The module may be killed at any time and run again.
  - Decrypts every value before the first write. A value that no version decrypts stops the module.
options:
  destination:
    description: The stage under which every value is to be.
    type: str
    required: true
    choices: [current, pending, previous]
  method:
    description:
      - V(direct) runs the engine.
      - V(migration) creates and applies a Django migration that runs the same engine.
    type: str
    choices: [direct, migration]
    default: direct
  migration_app:
    description: With O(method=migration), the application that receives the migration.
    type: str
    default: core
  reverse:
    description:
      - Roll back. A migration that this rotation created is unapplied, and its file is removed.
      - A value that no version decrypts is left unchanged, and does not prevent the rollback of the others.
    type: bool
    default: false
  workers:
    description: Number of processes that work at the same time. V(0) means one for each core that the module may use.
    type: int
    default: 0
  share:
    description:
      - This host's share of the work on all tables, while other hosts do the other shares.
      - Run the module once more without a share afterwards. Only that run can tell whether everything was done.
    type: dict
    suboptions:
      number:
        description: The number of this host, starting at 0.
        type: int
        required: true
      of:
        description: The total number of hosts.
        type: int
        required: true
  examined:
    description:
      - The RV(targets) that this module returned in check mode just before. They replace the census, so that no value
        is decrypted twice before the first write.
    type: list
    elements: dict
    default: []
  row_digests:
    description:
      - A file on the host for the digest of each row in the census that this module takes, also in check mode. It
        contains no values. M(tetech.key_rotation.django_census) uses it to find the rows that differ.
      - If the file cannot be written, the work is done without it.
    type: path
  others:
    description: The RV(others) that earlier steps of the same run returned.
    type: list
    elements: dict
    default: []
  shares:
    description:
      - After the O(share) of several hosts, what the module returned on each, by host.
      - This step does what a lost host left undone. Any other error of a host is the error of this step.
      - Used by the action plugin.
    type: dict
  fence:
    description:
      - With V(auto), no other session can write to a target column from before the first write. Such a statement is
        refused with SQLSTATE 55006. The fence needs a role that owns the tables. RV(fence) reports if it could not be
        set.
      - M(tetech.key_rotation.application_reading) removes the fence after everything has been verified.
        M(tetech.key_rotation.database_lease) removes it when the lease is released. A run that is killed leaves it in
        place.
    type: str
    choices: [auto, "off"]
    default: "off"
  refuse_writers:
    description:
      - With O(fence=auto), whether to fail before the first write (E_STALE_WRITER) if another session tries to write in
        the first seconds. The fence stays.
      - For a rollback that begins while processes still have the keys that it leaves.
    type: bool
    default: false
  throttle:
    description: Limits that leave resources to the application. Without them, the work runs at full speed.
    type: dict
    suboptions:
      batch_seconds:
        description:
          - Maximum number of seconds for a batch. The number of rows is adapted to the duration of the last batches.
            V(0) means no limit.
        type: float
        default: 0.25
      ratio:
        description: Seconds of rest for each second of work, in each process.
        type: float
        default: 0
      replica_lag:
        description: Wait while the slowest replica is more than this number of seconds behind, if the role may see it.
        type: float
        default: 0
      wal_backlog:
        description:
          - Wait while the server keeps more than this number of megabytes of WAL for its archive or a replication slot.
        type: float
        default: 0
      pause_file:
        description: Wait while this file exists on the host.
        type: path
      vacuum_rows:
        description:
          - VACUUM a table each time this number of its rows has been rewritten, if the role owns the table.
          - Otherwise, and with V(0), the module only reports which tables have many dead rows afterwards.
        type: int
        default: 0
  metrics_file:
    description:
      - A file on the host for the textfile collector of Prometheus' node_exporter, with progress metrics.
      - Its name must end in C(.prom). A JSON file next to it, whose name ends in C(.json), has the same numbers.
    type: path
  run:
    description: The run whose lock all its processes share. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
  step:
    description: The step of that run. Set by the action plugin. Not for playbooks.
    type: str
    default: ""
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Re-encrypt every value under the pending version
  tetech.key_rotation.django_reencrypt:
    project_dir: /srv/food_ordering
    destination: pending
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
targets:
  description:
    - The census before the work, and for each target how many values were re-encrypted, or in check mode would be.
  type: list
  elements: dict
  returned: success
key_id:
  description: Key ID of the destination.
  type: str
  returned: success
work:
  description: Number of passes over tables, conflicts with other writers, and duration in seconds.
  type: dict
  returned: success
others:
  description:
    - What is known about other processes that write. C(since) is the transaction from which they are tracked in each
      database, C(ours) lists this run's transactions, and C(rows) are the rows of each table that others wrote and that
      were re-encrypted.
  type: dict
  returned: success
stale:
  description:
    - By search column, how many of its digests no known recipe derives from their row. They were left unchanged.
  type: dict
  returned: success
fence:
  description: Whether other sessions are prevented from writing (C(closed)), and if not, why (C(without)).
  type: dict
  returned: with O(fence=auto), outside of check mode
lost_workers:
  description: How many worker processes were killed. Other workers did their work.
  type: int
  returned: success
settlements:
  description: Decisions that a person made about columns and values, each with C(column), C(decision) and C(reason).
  type: list
  elements: dict
  returned: success
unwritten:
  description: Why the O(metrics_file) could not be written. Empty if it was written.
  type: str
  returned: success
vacuum:
  description: Tables with so many dead rows afterwards that a VACUUM is recommended.
  type: list
  elements: str
  returned: success
migration:
  description: File of the migration that was applied.
  type: str
  returned: with O(method=migration)
"""

import secrets
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_REENCRYPT_MODULE

DEAD_ROWS = 10_000  # from so many on a table is named: those of a smaller one are soon gone


def reencrypt(module: AnsibleModule) -> dict[str, Any]:
    """Census, refusal of what is unreadable, then the work by the chosen method."""
    from ..module_utils._engine import rotation
    from ..module_utils._engine.proof import census
    from ..module_utils._engine.rewrite.concurrent_writers import ConcurrentWrites
    from ..module_utils._engine.rewrite.rewrite_progress import Progress
    from ..module_utils._engine.rewrite.rewriter import Share
    from ..module_utils._options.engine_request import request_of

    params = module.params
    destination = params["destination"]
    started = time.monotonic()
    run_id = "" if module.check_mode else params["run"] or secrets.token_hex(8)
    with rotation.opened(request_of(params, params["rotation_id"], run=run_id, step=params["step"])) as application:
        application.refuse_unproved()
        fenced = {} if module.check_mode or params["fence"] == "off" else _fence(application, params)
        others = ConcurrentWrites.of(params["others"]) if params["others"] else application.others()
        before = params["examined"] or _examined(application, params)
        for tally in before:
            tally["reencrypted"] = census.not_under(destination, tally["classes"])
        if module.check_mode:
            changes = any(tally["reencrypted"] for tally in before)
            return {"changed": changes, "targets": before, "others": others.as_result()}
        settlements = [settlement.as_planned() for settlement in application.settlements.values()]
        share = Share(**(params["share"] or {}))
        # After the shares of all hosts nothing should be left.
        left = before if params["share"] or not params["examined"] else []
        totals = {f"{tally['table']}.{tally['column']}": tally["reencrypted"] for tally in left}
        files = (params["progress"], params["metrics_file"])
        key_id = application.keyring.key_id(destination)
        progress = Progress(params["rotation_id"], totals, *files, hosts=share.of, key_id=key_id)
        progress.tell()
        try:
            work, migration = _by_method(params, application, progress, share, others)
        finally:
            progress.end()
    for tally in before:
        tally["reencrypted"] = work.values[f"{tally['table']}.{tally['column']}"]
    done = {"passes": work.passes, "conflicts": work.conflicts, "seconds": round(time.monotonic() - started, 1)}
    result = {
        "changed": bool(work.values),
        "targets": before,
        "key_id": application.keyring.key_id(destination),
        "work": done,
        "others": others.as_result(),
        "stale": dict(work.stale),
        "unwritten": progress.unwritten,
        "lost_workers": work.lost,
        "settlements": settlements,
        "vacuum": [table for table, rows in work.dead.items() if rows >= DEAD_ROWS],
    }
    return {**result, **fenced, **({"migration": migration} if migration else {})}


def _fence(application: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Keep other sessions from writing, before any value is looked at."""
    from ..module_utils._engine.rewrite import fence

    without = application.close(params["rotation_id"])
    if params["refuse_writers"]:
        for database, _ in application.parts:
            fence.refuse_writers(database, look_out=True)
    return {"fence": {"closed": not without, "without": without}}


def _examined(application: Any, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The census before the first write, and all that would be refused."""
    from ..module_utils._engine.discovery.findings import refuse
    from ..module_utils._engine.proof import census, row_digests

    destination, reverse = params["destination"], params["reverse"]
    known = destination in application.keyring.stages  # not in a dry run before the version is made
    key_id = application.keyring.key_id(destination if known else "current")
    with row_digests.recording(params["row_digests"], key_id) as rows:
        tallies = application.census(destination if known else "current", each_row=rows)
        if rows:
            rows.end([tally.as_result() for tally in tallies])
    if not reverse and not params["others"]:  # the last look before the first write
        application.refuse_unaccounted()
    if not reverse:
        refuse([*census.findings(tallies), *census.left_alone(tallies, application.settlements)])
    if known and not reverse:
        application.refuse_made_of_keys(destination)
        application.refuse_keyless_digests(destination)
    if known:
        application.rehearse(destination, stop_at_unreadable=not reverse)
    return [tally.as_result() for tally in tallies]


def _by_method(
    params: dict[str, Any], application: Any, progress: Any, share: Any, others: Any
) -> tuple[Any, str | None]:
    from ..module_utils._engine import migration
    from ..module_utils._engine.rewrite.rewriter import Work
    from ..module_utils._engine.rewrite.throttle import Throttle, refuse_unfit
    from ..module_utils._engine.rewrite.worker_pool import Stop, cores

    work, stop = Work(report=progress.add), Stop()
    asked = {name: value for name, value in (params["throttle"] or {}).items() if value is not None}
    refuse_unfit(asked)
    throttle = Throttle(**asked)

    def act() -> None:
        workers = params["workers"] or cores()
        with stop.listening():
            application.reencrypt(
                params["destination"],
                work,
                workers=workers,
                stop=stop,
                stop_at_unreadable=not params["reverse"],
                throttle=throttle,
                share=share,
                others=others,
            )

    if params["reverse"]:
        migration.backwards(params["rotation_id"], act)
        return work, None
    if params["method"] == "direct":
        act()
        return work, None
    return work, migration.forwards(params["migration_app"], params["rotation_id"], application.targets, act)


def main() -> None:
    run(AnsibleModule(DJANGO_REENCRYPT_MODULE, supports_check_mode=True), reencrypt)


if __name__ == "__main__":
    main()
