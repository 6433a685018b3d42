#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: process_keys_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check which keys the processes of an application run under
description:
  - A running process keeps its keys when the .env file changes, and an exported variable overrides the file. A
    reload is not a restart, because workers are forked from a main process that may have the old keys.
  - For each process of the given units, pids and patterns, the module compares the start time of its program with the
    last change of the .env file, and its exported variables with the keys of a stage.
  - Fails if the .env file has other keys, if a unit, pid or pattern has no process, or if a process is stale.
    The error names each stale process, the reason, and what to type.
  - If a variable contains the path of the key's V(destination), the content of that file counts.
  - Only reads C(/proc). Users may inspect their own processes, and root all processes.
options:
  moment:
    description:
      - V(after) a switch, the processes must run under the keys of O(stage).
      - V(before) a switch, the processes must exist, show their environment, and have no exported
        key, which would override the new file. The keys in the file and the start times are not checked. A process
        whose keys could not be determined after the switch is already an error (O(orphans)).
    type: str
    choices: [before, after]
    default: after
  env_file:
    description: Absolute path of the .env file from which the application reads its keys.
    type: path
    required: true
  stage:
    description: With O(moment=after), the stage whose keys the processes must have.
    type: str
    choices: [current, pending, previous, readable, primary]
    default: current
  units:
    description: Systemd units. All processes of each unit are checked.
    type: list
    elements: str
    default: []
  pids:
    description: Process IDs.
    type: list
    elements: int
    default: []
  patterns:
    description: Regular expressions. All processes whose command line matches are checked.
    type: list
    elements: str
    default: []
  hidden_environment:
    description:
      - A process that sets its title (setproctitle, in gunicorn and celery) overwrites its environment, so that an
        exported key cannot be seen. With V(refuse) it is stale. With V(accept) its start time decides.
      - The environment of another user's process cannot be read either. With V(refuse) that is an error.
      - A process without a key that it should have in its environment may read the file by itself, if the key is in an
        .env file. With V(accept) its start time decides, and its key ID is not known.
    type: str
    choices: [refuse, accept]
    default: refuse
  orphans:
    description:
      - A process whose parent has exited may have been forked long after its program was started and read its keys. A
        process of a systemd service counts from the start of the service.
      - With V(refuse) other such processes are stale. With V(accept) their own start time decides, which is right for a
        daemon that puts itself in the background.
    type: str
    choices: [refuse, accept]
    default: refuse
  absent:
    description:
      - Whether a unit, pid or pattern may have no process. With V(refuse) that is an error, for example a wrong name.
      - V(accept) is for an application that is stopped for the rotation. Processes that run are still checked, and a
        unit that has a process according to systemd must show it.
    type: str
    choices: [refuse, accept]
    default: refuse
  timeout:
    description: Seconds to wait for stale processes to end or to be restarted.
    type: float
    default: 0
  expected:
    description: The key ID of O(stage). Set by the action plugin. Not for playbooks.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.dialect
  - tetech.key_rotation.key_rotation.recorded
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.attributes
notes:
  - Run it as the user of the processes. As root, use a Python interpreter that the application cannot change.
  - A change of mode or owner of the .env file counts as a change of the file. Processes are then stale until
    they are restarted.
  - The order of events is determined by the clock of the host. If the clock is set between the switch and the check,
    the result may be wrong.
  - A key that is put into the environment of the application (a O(dialect) such as V(systemd), or a C(destination) that
    no reader of .env files reads, such as a command) must be there. A process without it is stale, unless
    something that it started has it, as with a shell.
  - A variable that systemd reads from the .env file (C(EnvironmentFile=)) never counts as exported, whatever
    O(dialect) is.
"""

EXAMPLES = r"""
- name: Check that every worker runs under the new keys
  tetech.key_rotation.process_keys_info:
    env_file: /srv/food_ordering/.env
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    units: [gunicorn.service, celery.service]
    patterns: ["manage.py runworker"]
  become: true
  become_user: food_ordering
"""

RETURN = r"""
key_id:
  description: Key ID of the expected keys.
  type: str
  returned: with O(moment=after)
processes:
  description:
    - Each process with its V(pid), V(name), V(unit), the start time of its program (V(started)), the V(exported) names
      among the keys, whether others may be V(hidden), its V(key_id) if it is known, whether it is V(older) than the
      last change of the .env file, and whether it is V(stale).
    - A stale process has the V(reason) and what to type (V(todo)).
    - A pod has its V(workload), as an entry of C(key_rotation_services) has it.
  type: list
  elements: dict
  returned: when the processes could be checked
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import PROCESS_KEYS_INFO_MODULE
from ..module_utils._tasks.judge_processes import judge_processes


def main() -> None:
    run(AnsibleModule(PROCESS_KEYS_INFO_MODULE, supports_check_mode=True), judge_processes)


if __name__ == "__main__":
    main()
