#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_tasks
author: Tetech (@tetech)
version_added: 0.2.0
short_description: Run several modules of this collection in one process
description:
  - Runs modules of this collection on a host one after another, in one process. The application is started at most
    once, and Ansible connects once.
  - Every module has its own entry in the record, as if it were a task of its own.
  - Stops at the first module that fails, and fails with its error.
  - In check mode each module runs in check mode.
options:
  tasks:
    description:
      - The modules, in order, each as a dictionary with the name of the module, without the collection, and its
        options.
      - C(name) in such a dictionary names its result in RV(outcomes). A module that is listed twice needs it.
      - A module also gets the options of this task that it knows, which C(module_defaults) can set for a group.
    type: list
    elements: dict
    required: true
  calls:
    description:
      - The modules with all their options, as JSON. Keys are among them, and Ansible logs the options of a module.
      - Set by the action plugin. Not for playbooks. Never logged.
    type: str
  code:
    description:
      - The files of C(module_utils), compressed. Empty if the host is to use those that it has kept.
      - Set by the action plugin. Not for playbooks. Never logged.
    type: str
    default: ""
  code_digest:
    description:
      - The SHA-256 of the files of C(module_utils).
      - Set by the action plugin. Not for playbooks.
    type: str
  all:
    description:
      - Run the other modules too if one fails, and report each failure in RV(outcomes) instead of failing.
    type: bool
    default: false
  fatal:
    description:
      - With O(all=true), error codes with which a module still fails the task, and names in RV(outcomes) of modules
        that fail it with any error.
    type: list
    elements: str
    default: []
  project_dir:
    description: As for the modules that open the application.
    type: path
    required: false
  rotation_id:
    description: The rotation that the modules belong to.
    type: str
    required: false
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Acquire the lease and create the backup
  tetech.key_rotation.host_tasks:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    rotation_id: "2026-spring"
    tasks:
      - database_lease:
          state: acquired
      - postgresql_backup:
          backup_dir: /var/backups/key_rotation
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
outcomes:
  description: The result of each module that ran, by the C(name) of its entry, otherwise by that of the module.
  type: dict
  returned: always
"""

import importlib
import os
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module import code_bundle
from ..module_utils._module.runner import ModuleResult, run
from ..module_utils._options.rotation_options import HOST_TASKS_MODULE
from ..module_utils._system import ansible_payload, container_layer

# AnsiballZ packs what is imported anywhere: of Ansible, the code that comes with a task needs this too.
if TYPE_CHECKING:
    from ansible.module_utils import urls  # noqa: F401


def run_tasks(module: AnsibleModule) -> ModuleResult:
    """Do the work with the code that came with the task: AnsiballZ has not packed what is imported by name."""
    digest = module.params["code_digest"]
    files = code_bundle.install(digest, module.params["code"]) if digest else None
    if digest and not files:
        return {"code_wanted": True}
    with ansible_payload.in_place():
        tasks = importlib.import_module(f"{code_bundle.PACKAGE}._tasks.run_tasks")
    result: ModuleResult = tasks.run_tasks(module)
    if not files:
        return result
    if not module.check_mode:  # a dry run writes nothing
        files.save()
    return {**result, "code_kept": files.is_kept}


def main() -> None:
    os.environ.pop("PYTHONHASHSEED", None)  # it is for this process alone
    os.environ.setdefault(container_layer.STARTED_BY, container_layer.PROGRAM)
    run(AnsibleModule(HOST_TASKS_MODULE, supports_check_mode=True), run_tasks, needs=())


if __name__ == "__main__":
    main()
