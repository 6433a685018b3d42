#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_checklist
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Show the preflight checklist, and decide whether a rotation may begin
description:
  - Evaluates what the tasks of the role C(tetech.key_rotation.checklist) registered on all hosts. Shows problems
    first, each with what was found and what to do, then what was skipped and how many checks are fine; with C(-v), a
    line for each item. If items stop the rotation, fails with all of them, not only with the first.
  - The same items are written as JSON to the record, and to C(checklist.json) next to it.
  - Runs only on the control node, as an action plugin, once for all hosts.
options:
  environment:
    description: V(production) requires a rehearsal, a reason and an authorization.
  reason:
    description: The reason for the rotation.
  authorization:
    description: Who approved the rotation.
  mode:
    description:
      - When values are re-encrypted. With V(auto), this module chooses V(prepared) if that is possible and shortens the
        downtime, and otherwise V(window). It shows which, and the reason.
  notify:
    description: Who is notified, as for M(tetech.key_rotation.rotation_record). Never logged.
    type: raw
    default: []
  settings:
    description: The settings whose values are rotated, each with its V(name).
    type: list
    elements: dict
    default: []
  hosts:
    description: All hosts of the application. A run that leaves one out is stopped.
    type: list
    elements: str
    default: []
  services:
    description: The services that are stopped for the rotation, as for M(tetech.key_rotation.application_services).
    type: list
    elements: dict
    default: []
  database_dir:
    description:
      - PostgreSQL's data folder on the first host of the group C(database). The free space of its disk is checked.
    type: str
    default: /var/lib/postgresql
  method:
    description: V(direct) or V(migration).
    type: str
    default: direct
  fence:
    description: V(auto) or V(off), as for M(tetech.key_rotation.django_reencrypt).
    type: str
    choices: [auto, "off"]
    default: auto
  sessions:
    description:
      - What becomes of the users' sessions, C(fallbacks), C(resign) or C(drop). Empty if nothing is done about them.
    type: str
    default: ""
  planned:
    description:
      - Whether a plan is being made. What the plan shows itself is left out then. What is asked when a rotation starts,
        such as its window and who approved it, is skipped.
    type: bool
    default: false
  compromised:
    description: Whether the keys in use are compromised. What will happen is then displayed first.
    type: bool
    default: false
  backup_proof:
    description: The proof of the backup, V(full), V(sample) or V(none).
    type: str
    default: full
  backup_engine:
    description: The engine of the backup, as for M(tetech.key_rotation.postgresql_backup).
    type: str
    default: pg_dump
  backup_jobs:
    description: The number of C(pg_dump) processes, as for M(tetech.key_rotation.postgresql_backup).
    type: int
    default: 0
  rehearsal_records:
    description:
      - Folder of the staging records on the control node.
      - The default is the records next to an inventory named C(staging) in the same folder as this one.
    type: path
  rehearsal_max_days:
    description: Maximum age of a rehearsal in days.
    type: int
    default: 90
  has_verification_commands:
    description: Whether commands of the operator check the application after the switch.
    type: bool
    default: false
  accept:
    description:
      - Names of items that must not stop the rotation. V(rehearsal), V(window), V(rollback_plan), V(notified),
        V(health), V(migrations), V(disk), V(wal), V(replicas), V(clocks), V(versions), V(secret_key), V(caches),
        V(fence) and V(readings) can be accepted.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.grounds
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.environment
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.estimate
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Show the preflight checklist
  tetech.key_rotation.rotation_checklist:
    environment: staging
    rotation_id: "{{ record_opened.rotation_id }}"
  run_once: true
"""

RETURN = r"""
checks:
  description:
    - Each item with its C(name), C(status) (V(ok), V(warn), V(skip) or V(stop)), what was found (C(seen)), what to do
      (C(todo)), and the C(code) of its error, or an empty one. C(name) is the word that O(accept) takes. V(skip) means
      that it is not configured or not checked.
    - If an item stops the rotation, only the screen, the record and the file RV(path) have them.
  type: list
  elements: dict
  returned: success
mode:
  description: When values are re-encrypted, V(window), V(prepared) or V(online). Never V(auto).
  type: str
  returned: always
mode_reason:
  description: Why O(mode=auto) is V(window). Empty if it is not.
  type: str
  returned: always
key_ids:
  description: Key IDs of the census by stage.
  type: dict
  returned: always
exposed_backups:
  description: With O(compromised=true), the manifests of retained backups that the keys in use open.
  type: list
  elements: str
  returned: with O(compromised=true)
plan_hash:
  description: Hash of the plan, if there is one.
  type: str
  returned: always
plan_content:
  description: Hash of the plan without its findings, by which a rehearsal is found.
  type: str
  returned: always
collection:
  description: Version of this collection.
  type: str
  returned: always
environment:
  description: The environment for which the checklist was evaluated.
  type: str
  returned: always
path:
  description: The file with the same content.
  type: str
  returned: outside of check mode
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.controller_only import refuse_without_action
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_CHECKLIST


def main() -> None:
    run(AnsibleModule(ROTATION_CHECKLIST, supports_check_mode=True), refuse_without_action)


if __name__ == "__main__":
    main()
