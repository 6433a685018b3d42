#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_probe
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check an application after a rotation against its state before
description:
  - Tries every value of every target under every version in the store, in small reads with pauses between them.
  - Measures the response times of O(urls) and of decryption, and compares the medians with a baseline.
  - Counts the log lines since the last probe that report a failed decryption. The text of the lines never leaves the
    host.
  - Reports when the next rotation is due, and whether the previous version can be destroyed.
  - Findings name tables and primary keys, never values, and what to type next.
  - Keeps the last snapshot as C(.key_rotation/PROJECT/monitoring/HOST.json) next to the inventory.
  - While a run is working on a database of the application, nothing is checked, and the result says so. A run of
    another machine that has had no session for a day counts as ended.
  - In check mode the module also checks everything, but writes and remembers nothing.
options:
  findings:
    description:
      - V(refuse) fails if there are findings.
      - V(accept) reports them and does not fail. It is used before and after a rotation, for its record.
    type: str
    choices: [refuse, accept]
    default: refuse
  census:
    description: Whether to try every value. One host of an application is enough.
    type: bool
    default: true
  throttle:
    description: Limits that leave resources to the application. Without them, the pauses are in proportion to the work.
    type: dict
    suboptions:
      ratio:
        description: Seconds of rest for each second of work.
        type: float
      replica_lag:
        description: Wait while a replica is more than this number of seconds behind.
        type: float
      pause_file:
        description: Wait while this file exists on the host.
        type: path
  urls:
    description:
      - URLs whose response time is measured from the host itself, without a proxy. A status of 400 or above is an
        error.
    type: list
    elements: str
    default: []
  host:
    description: Name to send as the Host header, if the application answers only to that name.
    type: str
  tries:
    description: How often each URL is requested. The median counts.
    type: int
    default: 10
  slower:
    description:
      - How many times its baseline a median must be to become a finding. It must also exceed the baseline by 50 ms, for
        decryption by 0.1 ms per value.
    type: float
    default: 2.0
  success:
    description:
      - The ratio of values that the current keys must decrypt. If that many do, the others are a note and not a
        finding.
    type: float
    default: 1.0
  log_errors:
    description: How many log lines since the last probe that report a failed decryption are tolerated.
    type: int
    default: 0
  baseline:
    description:
      - V(keep) compares with the existing baseline. If there is none, it takes one.
      - V(take) takes a new one.
    type: str
    choices: [keep, take]
    default: keep
  log_files:
    description:
      - Log files of the application, or globs, in which C(**) means a folder and everything below it.
      - They are read from the position of the last probe, also after log rotation.
      - The first probe of a log starts at its end.
      - A path that does not exist, and a folder that cannot be read, are findings.
      - Without it, O(usual_log_files) is read.
    type: list
    elements: str
  memory_dir:
    description:
      - Folder on the host for the baseline and the positions in the logs.
      - The default is C(~/.local/state/key_rotation/monitoring/PROJECT) of the user who runs the module.
    type: path
  metrics_file:
    description: A C(.prom) file on the host for the textfile collector of node_exporter, created with mode 0644.
    type: path
  backups:
    description:
      - The result of M(tetech.key_rotation.postgresql_backup_info), failed or not. It lists the versions that backups
        need.
      - Without it no version is reported as safe to destroy.
    type: dict
    default: {}
  hold_days:
    description: Number of days after a rotation for which the previous version is always kept.
    type: int
    default: 30
  cryptoperiod_days:
    description: Number of days after which the next rotation is due. 0 means never.
    type: int
    default: 365
  due_warning_days:
    description: Number of days before that from which a warning is shown.
    type: int
    default: 30
  expected:
    description: The key ID of the current version. Set by the action plugin. Not for playbooks.
    type: str
  rotation:
    description: The last rotation, as the store has it. Set by the action plugin. Not for playbooks.
    type: dict
    default: {}
  looker:
    description:
      - Who runs the probe. Each counts log lines since their own last probe. Set by the action plugin. Not for
        playbooks.
    type: str
    default: playbook
  over:
    description: A dead run that holds the lease of a database. Set by the action plugin. Not for playbooks.
    type: dict
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.recorded
  - tetech.key_rotation.key_rotation.requests
  - tetech.key_rotation.key_rotation.logs
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Check the application after a rotation
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
snapshot:
  description:
    - The result of the checks. V(census), V(response), V(logs), V(rotation), V(retire), V(findings) and V(warnings).
    - During a run, V(put_off) says so, and there are no findings.
    - Each finding has C(code), C(what), C(todo) and C(next), the command to type.
  type: dict
  returned: when something could be checked
report:
  description: File with the snapshot on the control node.
  type: str
  returned: when it was written
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.monitoring_options import MONITORING_PROBE_MODULE
from ..module_utils._tasks.take_snapshot import take_snapshot


def main() -> None:
    run(AnsibleModule(MONITORING_PROBE_MODULE, supports_check_mode=True), take_snapshot)


if __name__ == "__main__":
    main()
