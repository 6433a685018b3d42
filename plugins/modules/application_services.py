#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_services
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Stop what holds keys of an application, and start it again
description:
  - Stops the services of this host that are up, in the order of the list, and sees that they are down.
  - Starts again, in the other order, what it has stopped and nothing else, and sees that it stays up.
  - What was up stands in O(memory) before it is stopped. So any later run goes on after one that was killed, and what
    was down before the rotation stays down.
  - Where O(rotation_id=maintenance), a stop goes on past each failure, and tells of all of them in the end.
  - Nothing that a service's commands print is shown. Run it as the user who may start and stop them.
options:
  state:
    description:
      - V(stopped) or V(started).
      - V(released) lets go of what the maintenance playbook holds, and starts nothing.
    type: str
    required: true
    choices: [stopped, started, released]
  services:
    description:
      - What holds keys, nothing where there is only O(flag_file).
      - Each is a systemd unit by its V(name) alone, or has commands to V(start) and V(stop) it.
      - A socket, timer or path unit that would start a service again is to be listed before it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the systemd unit, or of what the commands are for. No two have the same.
        type: str
        required: true
      start:
        description: Command that starts it, as a list of words.
        type: list
        elements: str
      stop:
        description: Command that stops it, as a list of words.
        type: list
        elements: str
      status:
        description:
          - Command that ends with exit code 0 while it is up. Without it, it counts as up until it is stopped, and a
            stop by hand always calls its O(services[].stop).
          - 4, 124, 126 and 127 are no answer, and an error; all else says that it is down.
        type: list
        elements: str
  memory:
    description: File that remembers what was up. Its folder is made with mode 0700.
    type: path
    required: true
  flag_file:
    description: File that is there as long as the services are stopped, for a web server to show a maintenance page by.
    type: path
  timeout:
    description: Seconds that each service may take to stop, or to start.
    type: int
    default: 300
  settle:
    description:
      - Seconds that each must stay up after its start, without being started again by systemd.
      - A unit that says itself when it is ready is looked at for one second, a timer, socket or job not at all.
    type: int
    default: 5
  jobs:
    description:
      - What to do with a unit of Type=oneshot that is at work.
      - V(wait) lets it end, for O(timeout) seconds, and does not start it again. V(stop) ends it like any other, and it
        is started again.
    type: str
    choices: [wait, stop]
    default: wait
  held:
    description:
      - Whether to go on where O(rotation_id=maintenance), the maintenance playbook, has stopped all. Nothing else
        starts that again.
      - V(accept) is for the way back.
    type: str
    choices: [refuse, accept]
    default: refuse
  half:
    description:
      - Whether O(state=started) with O(rotation_id=maintenance) starts anything where the record of a rotation that is
        not closed says that values may be under both key sets. V(refuse) is V(released) then, and ends with an error.
    type: str
    choices: [refuse, accept]
    default: refuse
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Stop the web processes and the workers
  tetech.key_rotation.application_services:
    state: stopped
    services:
      - name: gunicorn.socket
      - name: gunicorn.service
      - name: worker
        start: [supervisorctl, start, worker]
        stop: [supervisorctl, stop, worker]
        status: [supervisorctl, status, worker]
    memory: /var/lib/key_rotation/maintenance.json
    rotation_id: "{{ record_opened.rotation_id }}"
  become: true
"""

RETURN = r"""
services:
  description: Names of the services that were stopped or started, in that order.
  type: list
  elements: str
  returned: success
states:
  description: After a start, what each service is, by its name. Empty otherwise.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_SERVICES
from ..module_utils._services import units
from ..module_utils._services.maintenance import BY_HAND, Maintenance


def keep(module: AnsibleModule) -> dict[str, Any]:
    """Stop or start what is to be. Raises E_OPTION, E_SERVICE_* or E_MAINTENANCE_FILE."""
    params = module.params
    offered, wrong = units.stoppable(params["services"])
    if wrong and (params["state"], params["rotation_id"]) != ("stopped", BY_HAND):
        raise wrong[0]
    maintenance = Maintenance(
        offered,
        params["memory"],
        params["rotation_id"],
        params["flag_file"],
        params["timeout"],
        settle=params["settle"],
        jobs=params["jobs"],
        held=params["held"],
        wrong=wrong,
    )
    acts = {"stopped": maintenance.stop, "started": maintenance.start, "released": maintenance.release}
    try:
        names = acts[params["state"]](dry=module.check_mode)
    finally:
        for warning in maintenance.warnings:
            module.warn(warning)
    states = maintenance.states(names) if params["state"] == "started" and not module.check_mode else {}
    return {"changed": bool(names), "services": names, "states": states}


def main() -> None:
    run(AnsibleModule(APPLICATION_SERVICES, supports_check_mode=True), keep, needs=())


if __name__ == "__main__":
    main()
