#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation_checklist
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Judge whether a rotation may begin
description:
  - Judges what the tasks of the role P(tetech.key_rotation.checklist#role) have registered on all hosts. Shows every
    item of the checklist with what was seen and what to do, and fails with all that stop the rotation, not with the
    first alone.
  - The same goes as JSON into the record, and beside it into C(checklist.json).
  - Runs on the control node alone, as an action plugin, once for all hosts.
options:
  state:
    description:
      - With V(still_open) only the maintenance window is looked at once more, directly before the application is
        stopped, for what is left then.
    type: str
    choices: [judged, still_open]
    default: judged
  environment:
    description: In V(production) there must be a rehearsal, a reason and an authorization.
    type: str
    choices: [demo, staging, production]
    default: production
  reason:
    description: Why the keys are rotated.
    type: str
  authorization:
    description: Who approved it.
    type: raw
  notify:
    description: Who is notified, as for M(tetech.key_rotation.rotation_record). Never logged.
    type: raw
    default: []
  window:
    description: The maintenance window, with V(start) and V(end), each a time with an offset.
    type: dict
  settings:
    description: The settings that are rotated, each with its V(name).
    type: list
    elements: dict
    default: []
  hosts:
    description: All hosts of the application. One that the run leaves out stops it.
    type: list
    elements: str
    default: []
  services:
    description: What is stopped for the rotation, as for M(tetech.key_rotation.application_services).
    type: list
    elements: dict
    default: []
  database_dir:
    description: Folder of PostgreSQL's data on the first host of the group C(database), whose disk is looked at.
    type: str
    default: /var/lib/postgresql
  method:
    description: V(direct) or V(migration).
    type: str
    default: direct
  throttle:
    description: Room for the application, as for M(tetech.key_rotation.django_reencrypt). A number below 0 is refused.
    type: dict
    default: {}
  workers:
    description: How many processes re-encrypt at once. 0 is one for each core of the host.
    type: int
    default: 0
  fence:
    description: V(auto) or V(off), as for M(tetech.key_rotation.django_reencrypt).
    type: str
    default: auto
  application_rows:
    description: How many rows of each model the application will read before and after. 0 is all of them.
    type: int
    default: 0
  backup_proof:
    description: How the backup will be proved, V(full), V(sample) or V(none).
    type: str
    default: full
  backup_engine:
    description: What makes the backup, as for M(tetech.key_rotation.postgresql_backup).
    type: str
    default: pg_dump
  backup_jobs:
    description: How many C(pg_dump) at once, as for M(tetech.key_rotation.postgresql_backup).
    type: int
    default: 0
  rehearsal_records:
    description:
      - Folder of the records of staging on the control node.
      - Without it, those beside an inventory named C(staging) next to this one.
    type: path
  rehearsal_max_days:
    description: How old a rehearsal may be.
    type: int
    default: 90
  accept:
    description:
      - Items that may stop nothing, by their names. These can be accepted V(rehearsal), V(window), V(rollback_plan),
        V(notified), V(health), V(migrations), V(disk), V(wal), V(replicas), V(clocks), V(versions), V(secret_key),
        V(fence).
    type: list
    elements: str
    default: []
  store:
    description: Where the versions live, as for M(tetech.key_rotation.key_version). Never logged.
    type: dict
    default: {}
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Say all of it
  tetech.key_rotation.rotation_checklist:
    environment: staging
    rotation_id: "{{ record_opened.rotation_id }}"
  run_once: true
"""

RETURN = r"""
items:
  description: Each with its C(name), C(status) (V(ok), V(warn) or V(stop)), what was C(seen), and what to do (C(todo)).
  type: list
  elements: dict
  returned: always
plan_hash:
  description: Hash of the plan, where there is one.
  type: str
  returned: always
collection:
  description: Version of this collection.
  type: str
  returned: always
environment:
  description: The environment it was judged for.
  type: str
  returned: always
path:
  description: The file with the same.
  type: str
  returned: outside of a dry run
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import ROTATION_CHECKLIST


def refuse(module: AnsibleModule) -> dict[str, object]:
    """The work is done by the action plugin of the same name."""
    raise RotationError(
        "E_OPTION", name=module._name, found="ran without its action plugin", advice="Call it by its full name."
    )


def main() -> None:
    run(AnsibleModule(ROTATION_CHECKLIST, supports_check_mode=True), refuse)


if __name__ == "__main__":
    main()
