#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: env_file_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Check that an application's keys can be set in its .env file
description:
  - Does everything that M(tetech.key_rotation.env_file) does except the switch. Fails if that module would fail.
  - Writes the new file next to the old one, reads it back and removes it, so that no second file holds a key.
  - Run it on every host before M(tetech.key_rotation.env_file) on the first.
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.stage_values
  - tetech.key_rotation.key_rotation.dialect
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.read_only
"""

EXAMPLES = r"""
- name: Check on every host that the switch will work
  tetech.key_rotation.env_file_info:
    path: /srv/food_ordering/.env
    stage: pending
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    rotation_id: "2026-spring"
"""

RETURN = r"""
key_id:
  description: Key ID of the keys that M(tetech.key_rotation.env_file) would set.
  type: str
  returned: success
path:
  description: The file.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import ENV_FILE_INFO_MODULE
from ..module_utils._tasks.rehearse_env_file import rehearse_env_file


def main() -> None:
    run(AnsibleModule(ENV_FILE_INFO_MODULE, supports_check_mode=True), rehearse_env_file)


if __name__ == "__main__":
    main()
