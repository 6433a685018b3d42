#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: process_keys
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check which keys the processes of an application run under
description:
  - A running process keeps its keys when the environment file changes, and an exported variable overrides the file. A
    reload is not a restart, because workers are forked from a main process that may have the old keys.
  - For each process of the given units, pids and patterns, the module compares the start time of its program with the
    last change of the environment file, and its exported variables with the keys of a stage.
  - Fails if the environment file has other keys, if a unit, pid or pattern has no process, or if a process is stale.
    The error names each stale process, the reason, and what to type.
  - If a variable contains the path of the key's V(destination), the content of that file counts.
  - Only reads C(/proc). Users may inspect their own processes, and root all processes.
options:
  state:
    description:
      - With V(switched) the processes must run under the keys of O(stage).
      - V(ready) is for the time before a switch. The processes must exist, show their environment, and have no exported
        key, which would override the new file. The keys in the file and the start times are not checked. A process
        whose keys could not be determined after the switch is already an error (O(orphans)).
    type: str
    choices: [switched, ready]
    default: switched
  env_file:
    description: Absolute path of the environment file from which the application reads its keys.
    type: path
    required: true
  dialect:
    description: The reader of the file, as for M(tetech.key_rotation.env_file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
  stage:
    description: With O(state=switched), the stage whose keys the processes must have.
    type: str
    choices: [current, pending, previous]
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
  expected:
    description: The key ID of O(stage). Set by the action plugin. Not for playbooks.
    type: str
  rotation_id:
    description: The rotation to whose record this is written. Without it, nothing is recorded.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - The default is C(.key_rotation/PROJECT/records) next to the inventory.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.attributes
notes:
  - Run it as the user of the processes. As root, use a Python interpreter that the application cannot change.
  - A change of mode or owner of the environment file counts as a change of the file. Processes are then stale until
    they are restarted.
  - The order of events is determined by the clock of the host. If the clock is set between the switch and the check,
    the result may be wrong.
  - A variable that systemd reads from the environment file (C(EnvironmentFile=)) never counts as exported, whatever
    O(dialect) is.
"""

EXAMPLES = r"""
- name: Check that every worker runs under the new keys
  tetech.key_rotation.process_keys:
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
  returned: with O(state=switched)
processes:
  description:
    - Each process with its V(pid), V(name), V(unit), the start time of its program (V(started)), the V(exported) names
      among the keys, whether others may be V(hidden), its V(key_id) if it is known, whether it is V(older) than the
      last change of the environment file, and whether it is V(stale).
    - A stale process has the V(reason) and what to type (V(todo)).
  type: list
  elements: dict
  returned: when the processes could be checked
"""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.env_file import EnvNotSwitched
from ..module_utils._errors.options import InvalidOption
from ..module_utils._errors.services import ProcessNotFound
from ..module_utils._module.runner import run
from ..module_utils._options.key_options import PROCESS_KEYS_MODULE

if TYPE_CHECKING:
    from ..module_utils._services.processes import Process


def look(module: AnsibleModule) -> dict[str, Any]:
    """Each process that is asked for, with the keys it holds. Raises E_ENV_*, E_OPTION or E_PROCESS_*."""
    from ..module_utils._engine.crypto.key_set import KeySet
    from ..module_utils._env_file import key_files
    from ..module_utils._env_file.dialects import DIALECTS
    from ..module_utils._services import processes
    from ..module_utils._services.process_staleness import KeyChange

    params = module.params
    path, to_come = params["env_file"], params["state"] == "ready"
    keys = KeySet(key_files.read(path, params["keys"], dialect=params["dialect"]))
    if not to_come and keys.key_id != params["expected"]:
        raise EnvNotSwitched(path=path, found=keys.key_id, expected=params["expected"])
    at = max(os.stat(place).st_ctime for place in key_files.paths(path, params["keys"]))
    accept_hidden = params["hidden_environment"] == "accept"
    exports = not DIALECTS[params["dialect"]].read_by_application
    accept_orphans = params["orphans"] == "accept"
    switch = KeyChange(path, at, keys, accept_hidden, accept_orphans, key_files.files(params["keys"]), to_come, exports)
    there = processes.snapshot()
    asked = _asked(params, there)
    judged = {pid: switch.judged(there, there[pid]) for pid in sorted(set().union(*asked.values()))}
    found = {pid: each for pid, each in judged.items() if each}
    for what, pids in asked.items():
        if not pids & set(found) and (params["absent"] == "refuse" or _runs(what)):  # what has just ended shows nothing
            raise ProcessNotFound(subject=what)
    key_id = {} if to_come else {"key_id": keys.key_id}
    return {"changed": False, "processes": list(found.values()), **key_id}


def _runs(what: str) -> bool:
    """Whether it is a unit that has a process all the same, as systemd says, which does not show itself to us."""
    from ..module_utils._services.units import Unit

    kind, _, name = what.partition(" ")
    return kind == "unit" and Unit(name).has_process


def _asked(params: dict[str, Any], there: Mapping[int, Process]) -> dict[str, set[int]]:
    """The pids of each unit, pid and pattern that is meant. Raises E_OPTION."""
    from ..module_utils._services import processes
    from ..module_utils._services.units import Unit

    found: dict[str, list[Process]] = {}
    for unit in params["units"]:
        found[f"unit {unit}"] = processes.of_unit(there, Unit(unit).id)
    for pid in params["pids"]:
        found[f"pid {pid}"] = [there[pid]] if pid in there else []
    for pattern in params["patterns"]:
        try:
            found[f"pattern {pattern}"] = processes.matching(there, pattern)
        except re.error as exc:
            bad = f"{pattern} is no regular expression ({exc})"
            raise InvalidOption(name="patterns:", found=bad, advice="Correct it.") from None
    if not found:
        nothing = "are all empty"
        raise InvalidOption(name="units, pids and patterns", found=nothing, advice="Give one at least.")
    return {what: {process.pid for process in members} for what, members in found.items()}


def main() -> None:
    run(AnsibleModule(PROCESS_KEYS_MODULE, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
