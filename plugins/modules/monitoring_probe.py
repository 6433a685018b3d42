#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_probe
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Look at an application after a rotation, against how it was before
description:
  - Tries every value of every target under every version in the store, in small reads with rests between them.
  - Times the answers of O(urls) and the decryption of values, and holds the medians against a baseline.
  - Counts the lines of logs that tell of failed decryption since the last look. No line's text leaves the host.
  - Says when the next rotation is due, and whether the version before may be destroyed.
  - Fails where something is wrong, naming tables and primary keys, never values, and what to type next.
  - Keeps the last picture as C(.key_rotation/PROJECT/monitoring/HOST.json) beside the inventory.
  - While a run is at work on a database of the application, nothing is judged, and that is said. A run of another
    machine that shows no session for a day counts as over.
  - In check mode it looks all the same, and remembers and writes nothing.
options:
  state:
    description:
      - V(watched) fails where something is wrong.
      - V(pictured) says it and does not fail. Taken before and after a rotation, for its record.
    type: str
    choices: [watched, pictured]
    default: watched
  census:
    description: Whether to try every value. One host of an application is enough.
    type: bool
    default: true
  throttle:
    description: Room for the application. The rest is in proportion to the work, also with nothing set.
    type: dict
    suboptions:
      ratio:
        description: Seconds of rest per second of work.
        type: float
      replica_lag:
        description: Wait while a replica is more seconds behind.
        type: float
      pause_file:
        description: Wait while this file exists on the host.
        type: path
  urls:
    description: Addresses to time, from the host itself and through no proxy. An answer of 400 or above is an error.
    type: list
    elements: str
    default: []
  host:
    description: Is sent to them as the Host header, where the application answers to that name alone.
    type: str
  headers:
    description:
      - Headers to send to them, such as C(Authorization) with a token. They go by a pipe and are not shown.
      - Never logged.
    type: dict
    default: {}
  ca_file:
    description: File on the host with the certificates that vouch for them. By default those of the system.
    type: path
  answer_timeout:
    description: Seconds for each single answer, from its beginning to its end. One that streams on is none.
    type: int
    default: 10
  tries:
    description: How often each is asked. Its median counts.
    type: int
    default: 10
  slower:
    description: >-
      How many times its baseline a median must be to be wrong. It must also be 50 ms above it, and decryption 0.1 ms
      per value.
    type: float
    default: 2.0
  success:
    description: >-
      The ratio of values that must open under the current keys. Where as many do, those that do not are a note and no
      finding.
    type: float
    default: 1.0
  log_errors:
    description: How many lines of a log that tell of failed decryption are tolerated since the last look.
    type: int
    default: 0
  baseline:
    description:
      - V(keep) compares with the baseline that is there, and takes one where there is none.
      - V(take) takes a new one.
    type: str
    choices: [keep, take]
    default: keep
  log_files:
    description:
      - Log files of the application, or globs, in which C(**) is a folder and all below it.
      - They are read from where the last look ended, also through rotation.
      - A log that was never asked for before is begun at its end.
      - A path that is not there, and a folder that may not be looked into, are findings.
      - Without it, O(usual_log_files).
    type: list
    elements: str
  memory_dir:
    description:
      - Folder on the host for the baseline and for how far logs were read.
      - Without it, C(~/.local/state/key_rotation/monitoring/PROJECT) of the user who runs the module.
    type: path
  metrics_file:
    description: A C(.prom) file on the host for the textfile collector of node_exporter, made with mode 0644.
    type: path
  backups:
    description:
      - The result of M(tetech.key_rotation.postgresql_backup_info), failed or not, which says what backups need.
      - Without it no version is said to be safe to destroy.
    type: dict
    default: {}
  hold_days:
    description: Days after a rotation for which the version before is kept in any case.
    type: int
    default: 30
  cryptoperiod_days:
    description: Days after which keys are to be rotated again. 0 for none.
    type: int
    default: 365
  due_warning_days:
    description: Days before that for which it is said.
    type: int
    default: 30
  rotation_id:
    description: The rotation whose record this goes into. Without it, it goes into none.
    type: str
  record_dir:
    description:
      - Folder of the records on the control node.
      - Without it, C(.key_rotation/PROJECT/records) beside the inventory.
    type: path
  expected:
    description: Set by the action plugin, the key id of the current version. Not for playbooks.
    type: str
  rotation:
    description: Set by the action plugin, what the store says of the last rotation. Not for playbooks.
    type: dict
    default: {}
  looker:
    description: Set by the action plugin, who looks and counts from their own last look on. Not for playbooks.
    type: str
    default: playbook
  over:
    description: Set by the action plugin, a run that died and holds the lease of a database. Not for playbooks.
    type: dict
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.logs
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: See that all is well after a rotation
  tetech.key_rotation.monitoring_probe:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
    urls: [http://127.0.0.1:8000/health/]
    log_files: [/srv/food_ordering/logs/*.log]
    metrics_file: /var/lib/prometheus/node-exporter/key_rotation.prom
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
picture:
  description:
    - What was seen. V(census), V(response), V(logs), V(rotation), V(retire), V(findings) and V(warnings).
    - In the middle of a run it says so in V(put_off), and there are no findings.
    - Each finding has C(code), C(what), C(todo) and C(next), the command to type.
  type: dict
  returned: when something could be looked at
report:
  description: File of the picture on the control node.
  type: str
  returned: when it was written
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.monitoring_options import MONITORING_PROBE_MODULE

# What the control node knows from its store, set by the action plugin.


def look(module: AnsibleModule) -> dict[str, Any]:
    """One look. That something is wrong is for the control node to say."""
    from ..module_utils._monitoring import snapshot

    taken = snapshot.take(module.params, kept=not module.check_mode)
    # No picture has a header in it; but one may be a mere word, such as https, that Ansible would strike out of it.
    module.no_log_values.difference_update(str(value) for value in module.params["headers"].values())
    return {"changed": False, "picture": taken}


def main() -> None:
    run(AnsibleModule(MONITORING_PROBE_MODULE, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
