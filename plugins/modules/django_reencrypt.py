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
  method:
    description:
      - V(direct) runs the engine.
      - V(migration) creates and applies a Django migration that runs the same engine.
      - V(command) runs O(command) in a process of the application, and then the engine for what it left.
    type: str
    choices: [direct, migration, command]
    default: direct
  migration_app:
    description: With O(method=migration), the application that receives the migration.
    type: str
    default: core
  abortable:
    description: Whether an order to abort, or a critical query, ends the re-encryption. Nothing ends O(reverse=true).
    type: bool
    default: true
  drain:
    description:
      - While the application serves with both keys, repeat the passes until no other process has written a value under
        other keys than those of O(destination) for this number of seconds. 0 does not wait.
      - Two triggers on each table note the session of each transaction that changes an encrypted column. They refuse
        nothing, and are removed afterwards.
      - Fails with E_NOT_DRAINED after 30 times as long.
    type: float
    default: 0
  reverse:
    description:
      - Roll back. A migration that this rotation created is unapplied, and its file is removed.
      - A value that no version decrypts is left unchanged, and does not prevent the rollback of the others.
    type: bool
    default: false
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
        contains no values. M(tetech.key_rotation.django_census_info) uses it to find the rows that differ.
      - If the file cannot be written, the work is done without it.
    type: path
  concurrent_writes:
    description: The RV(concurrent_writes) that earlier steps of the same run returned.
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
  prepared:
    description:
      - Whether to change the unchanged rows that M(tetech.key_rotation.django_prepare) has prepared in sets, before the
        others are re-encrypted one by one.
      - With O(reverse=true), rows that still have the new values get the values back, in sets, that they had when they
        were prepared.
    type: bool
    default: false
  preparation:
    description:
      - With O(prepared=true), the RV(ignore:preparation) that M(tetech.key_rotation.django_prepare) returned with
        C(state=verified), in the same run.
      - The census then decrypts only rows that are not exactly as they were prepared, and tables that are not prepared.
        Rows that changed are prepared again.
    type: dict
    default: {}
  metrics_file:
    description:
      - A file on the host for the textfile collector of Prometheus' node_exporter, with progress metrics.
      - Its name must end in C(.prom). A JSON file next to it, whose name ends in C(.json), has the same numbers.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rewrite
  - tetech.key_rotation.key_rotation.throttle
  - tetech.key_rotation.key_rotation.outside
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.run
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
  description:
    - Number of passes over tables, conflicts with other writers, and duration in seconds. With O(prepared), C(by_sets)
      is how many values were changed as they had been prepared.
  type: dict
  returned: success
control:
  description:
    - C(orders) has all that a person ordered the run (M(tetech.key_rotation.run_control)), and C(switch) the last order
      about the switch.
  type: dict
  returned: if there were orders
concurrent_writes:
  description:
    - What is known about other processes that write. C(since) is the transaction from which they are tracked in each
      database, C(ours) lists this run's transactions, and C(rows) are the rows of each table that others wrote and that
      were re-encrypted.
  type: dict
  returned: success
reopened:
  description:
    - For each target that is prepared, a census of its rows that were not as they were prepared.
    - Missing if the file O(row_digests) does not have every row. M(tetech.key_rotation.django_census_info) then has to
      decrypt every value before the application is started.
  type: list
  elements: dict
  returned: with O(preparation)
since_preparation:
  description: By table, how many rows were C(changed), C(inserted) and C(deleted) since they were prepared.
  type: dict
  returned: with RV(reopened)
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
drain:
  description:
    - With O(drain), for how many V(seconds) nothing was written under other keys, how many V(values) were written and
      re-encrypted before that, the first V(rows), the sessions (V(writers)), and why they may be V(unknown).
  type: dict
  returned: with O(drain)
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
command:
  description:
    - With O(method=command), its V(name), the number of values that it V(left) to the engine, and in a rollback why it
      V(failed).
  type: dict
  returned: if it ran
migration:
  description: File of the migration that was applied.
  type: str
  returned: with O(method=migration)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_REENCRYPT_MODULE
from ..module_utils._tasks.reencrypt_values import reencrypt_values


def main() -> None:
    run(AnsibleModule(DJANGO_REENCRYPT_MODULE, supports_check_mode=True), reencrypt_values)


if __name__ == "__main__":
    main()
