#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_services
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Stop the services that use an application's keys, and start them again
description:
  - Stops the running services of this host in the order of the list, and checks that they have stopped.
  - Starts the services that it stopped, and no others, in reverse order, and checks that they stay up.
  - Writes which services were running to O(memory) before it stops them. A later run can therefore resume an
    interrupted one, and services that were down before the rotation stay down.
  - With O(rotation_id=maintenance), a stop continues after a failure, and reports all failures at the end.
  - The output of the services' commands is not shown. Run the module as a user who may start and stop the services.
options:
  state:
    description:
      - V(stopped) or V(started).
      - V(released) ends the manual stop of the maintenance playbook, and starts nothing.
    type: str
    required: true
    choices: [stopped, started, released]
  services:
    description:
      - The services that use the keys. The list may be empty if only O(flag_file) is used.
      - Each is a systemd unit, identified by its V(name), or has commands to V(start) and V(stop) it, or a V(workload).
      - List a socket, timer or path unit before the service that it would start again.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the systemd unit, or of the service that the commands control. Names must be unique.
        type: str
        required: true
      start:
        description: Command that starts the service, as a list of words.
        type: list
        elements: str
      stop:
        description: Command that stops the service, as a list of words.
        type: list
        elements: str
      status:
        description:
          - Command whose exit code is 0 while the service is up. Without it, the service counts as up until it is
            stopped, and a manual stop always runs its O(services[].stop).
          - Exit codes 4, 124, 126 and 127 are errors. Any other exit code means that the service is down.
        type: list
        elements: str
      workload:
        description:
          - A workload of Kubernetes. It is stopped by having no replicas, and started with as many as before. The start
            waits until its rollout is complete.
        type: dict
        suboptions:
          name:
            description: V(deployment/NAME) or V(statefulset/NAME).
            type: str
            required: true
          namespace:
            description: Its namespace. The default is V(default).
            type: str
          context:
            description: The context of the kubeconfig.
            type: str
          kubeconfig:
            description: The kubeconfig on the host.
            type: path
  memory:
    description: File that stores which services were up. Its folder is created with mode 0700.
    type: path
    required: true
  flag_file:
    description: File that exists while the services are stopped, so that a web server can show a maintenance page.
    type: path
  timeout:
    description: Maximum number of seconds for each service to stop or to start.
    type: int
    default: 300
  settle:
    description:
      - Number of seconds that each service must stay up after its start, without a restart by systemd.
      - A unit that reports its own readiness is watched for one second. Timers, sockets and jobs are not watched.
    type: int
    default: 5
  jobs:
    description:
      - What to do with a unit of Type=oneshot that is running.
      - V(wait) waits up to O(timeout) seconds for it to end, and does not start it again. V(stop) stops it like any
        other unit, and starts it again later.
    type: str
    choices: [wait, stop]
    default: wait
  held:
    description:
      - Whether to continue after the maintenance playbook (O(rotation_id=maintenance)) has stopped the services. Only
        that playbook starts them again.
      - V(accept) is for a rollback.
    type: str
    choices: [refuse, accept]
    default: refuse
  interrupted:
    description:
      - Whether O(state=started) with O(rotation_id=maintenance) starts services if the record of an open rotation says
        that values may be under two key sets.
      - V(refuse) then acts like V(released), and fails.
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
  description: After a start, the state of each service by name. Empty otherwise.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_SERVICES
from ..module_utils._tasks.switch_services import switch_services


def main() -> None:
    run(AnsibleModule(APPLICATION_SERVICES, supports_check_mode=True), switch_services, needs=())


if __name__ == "__main__":
    main()
