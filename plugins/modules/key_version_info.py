#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: key_version_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: List the versions of an application's keys, or report which one a host has
description:
  - Without O(env_file), lists the versions in a key store.
  - With O(env_file), reports which of them the host has.
  - Changes nothing. Results never contain values. A version is identified by its key ID.
options:
  env_file:
    description:
      - The .env file on the host from which the application reads its keys. Without it, the versions in the
        store are listed.
    type: path
  expect_stage:
    description: With O(env_file), fail unless the host has the version of this stage. An empty store passes.
    type: str
    choices: [current, pending, previous]
  key_id:
    description: Without O(env_file), the version that RV(key_id) names. The default is the previous version.
    type: str
  rotation_id:
    description: With O(env_file), the rotation to whose record this is written. Without it, nothing is recorded.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.sealed
  - tetech.key_rotation.key_rotation.record
  - tetech.key_rotation.key_rotation.read_only
  - tetech.key_rotation.key_rotation.keys
"""

EXAMPLES = r"""
- name: List the versions
  tetech.key_rotation.key_version_info:
  register: versions

- name: Check that the host has the current keys
  tetech.key_rotation.key_version_info:
    env_file: /srv/app/.env
    expect_stage: current
"""

RETURN = r"""
key_id:
  description:
    - With O(env_file), the key ID of the host's keys.
    - Otherwise O(key_id), or the previous version if it is not set, or empty.
  type: str
  returned: success
  sample: 1f0c2b9a7d5e4c31
stages:
  description: Key ID of each stage.
  type: dict
  returned: success
versions:
  description: Each version without its values, oldest first.
  type: list
  elements: dict
  returned: without O(env_file)
holds:
  description:
    - The stage whose keys the host has. V(several) during a switch of several files, V(rolled back) for the keys of a
      rotation that was rolled back, V(other) for unknown keys.
  type: str
  returned: with O(env_file)
store:
  description: The key store.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import KEY_VERSION_INFO_MODULE
from ..module_utils._tasks.read_keys import read_keys


def main() -> None:
    run(AnsibleModule(KEY_VERSION_INFO_MODULE, supports_check_mode=True), read_keys)


if __name__ == "__main__":
    main()
