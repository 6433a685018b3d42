#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: process_keys
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Show under which keys the processes of an application run
description:
  - A new C(.env) changes nothing for a process that runs already, and an exported variable wins over the file
    whenever it is read. A reload is no restart, since workers are forked from a master that may hold the old keys.
  - For each process of the units, pids and patterns given, compares the start of its program with the last change of
    the env file, and the variables that were exported to it with the keys of a stage.
  - Fails when the env file holds other keys, when a unit, pid or pattern has no process, and when a process is stale.
    It names each stale process, why, and what to type.
  - A variable with the path of the key's V(destination) names the file, and the file decides.
  - Reads C(/proc) alone. A user may look into his own processes, and root into all.
options:
  state:
    description:
      - With V(switched) the processes must run under the keys of O(stage).
      - With V(ready), asked before a switch, they must be there, show their environment, and have no key exported to
        them, which would win over the new file. What keys the file holds and when they were started is not asked; but
        one of which nobody could see that after the switch is told now (O(orphans)).
    type: str
    choices: [switched, ready]
    default: switched
  env_file:
    description: The file from which the application reads its keys, as an absolute path.
    type: path
    required: true
  dialect:
    description: Who reads the file, as for M(tetech.key_rotation.env_file).
    type: str
    choices: [dotenv, django-environ, systemd, shell, compose, python-decouple]
    default: dotenv
  stage:
    description: With O(state=switched), the stage whose keys the processes must have.
    type: str
    choices: [current, pending, previous]
    default: current
  units:
    description: Systemd units. All processes of each are looked at.
    type: list
    elements: str
    default: []
  pids:
    description: Process ids.
    type: list
    elements: int
    default: []
  patterns:
    description: Regular expressions. All processes whose command line matches are looked at.
    type: list
    elements: str
    default: []
  hidden_environment:
    description:
      - A process that sets its title (setproctitle, in gunicorn and celery) overwrites its environment, so that a key
        which was exported to it cannot be seen. With V(refuse) it is stale. With V(accept) its start decides.
      - A process of another user does not show it either. With V(refuse) that is an error.
    type: str
    choices: [refuse, accept]
    default: refuse
  orphans:
    description:
      - A process whose parent is gone may have been forked long after its program was started and has read its keys.
        One of a systemd service counts from the start of the service. Of others V(refuse) says that they are stale;
        with V(accept) their own start counts, as is right for a daemon that goes into the background by itself.
    type: str
    choices: [refuse, accept]
    default: refuse
  absent:
    description:
      - Whether a unit, pid or pattern may have no process. With V(refuse) that is an error, as a wrong name would be.
      - V(accept) is for an application that is stopped for the rotation. What does run is looked at all the same, and a
        unit of which systemd says that it has a process must show it.
    type: str
    choices: [refuse, accept]
    default: refuse
  expected:
    description: Set by the action plugin, the key id of O(stage). Not for playbooks.
    type: str
  rotation_id:
    description: The rotation in whose record this goes. Without it, nothing is recorded.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.attributes
notes:
  - Run it as the user of the processes. As root, give it a Python that is not the application's to change.
  - Changing mode or owner of the env file counts as a change of it, so processes are then called stale until a restart.
  - What was first is told by the clock of the host. Where it is set, between the switch and the look, by more than
    passed between a start and the switch, it tells wrong.
  - A variable that systemd reads from the env file (C(EnvironmentFile=)) is in no way of new keys,
    whatever O(dialect) is.
"""

EXAMPLES = r"""
- name: See that every worker runs under the new keys
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
  description: Key id of the keys that are expected.
  type: str
  returned: with O(state=switched)
processes:
  description:
    - Each process with its V(pid), V(name), V(unit), since when its program runs (V(started)), the V(exported)
      names among the keys, whether others may be V(hidden), its V(key_id) where it is known, whether it is
      V(older) than the last change of the env file, and whether it is V(stale).
    - A stale one has the V(reason) and what to type (V(todo)).
  type: list
  elements: dict
  returned: when the processes could be looked at
"""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors.base import RotationError
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
        raise RotationError("E_ENV_NOT_SWITCHED", path=path, found=keys.key_id, expected=params["expected"])
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
            raise RotationError("E_PROCESS_NONE", what=what)
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
            raise RotationError("E_OPTION", name="patterns:", found=bad, advice="Correct it.") from None
    if not found:
        nothing = "are all empty"
        raise RotationError("E_OPTION", name="units, pids and patterns", found=nothing, advice="Give one at least.")
    return {what: {process.pid for process in members} for what, members in found.items()}


def main() -> None:
    run(AnsibleModule(PROCESS_KEYS_MODULE, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
