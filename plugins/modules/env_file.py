#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: env_file
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Set an application's keys in its .env file
description:
  - Sets the keys of one stage in a C(.env) file.
  - Leaves every other byte of the file unchanged, and its owner, mode and attributes.
  - Replaces the file in one durable step. Then reads it back with a model of the O(dialect), and with the real reader
    if the host's Python has it (python-dotenv, django-environ, python-decouple).
  - Refuses symbolic links, hard links, files that other users can read or write, mount points, bytes that are not
    UTF-8, keys that are set twice, and lines or values that the reader would change.
options:
  state:
    description:
      - V(present) sets the values. M(tetech.key_rotation.env_file_info) does everything before that except the switch.
        Run it on every host before this module on the first.
    type: str
    choices: [present]
    default: present
  dialect:
    description:
      - The reader of the file. No quoting is right for all readers.
      - V(dotenv) is python-dotenv, V(systemd) is C(EnvironmentFile=), V(shell) is C(set -a; . file).
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.stage_values
  - tetech.key_rotation.key_rotation.dialect
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Switch the application to the new keys
  tetech.key_rotation.env_file:
    path: /srv/food_ordering/.env
    stage: pending
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    rotation_id: "2026-spring"
"""

RETURN = r"""
key_id:
  description: Key ID of the keys that the file has.
  type: str
  returned: success
settings:
  description: Names of the settings that were set.
  type: list
  elements: str
  returned: success
path:
  description: The file.
  type: str
  returned: success
rewritten:
  description:
    - By place, what would write the previous values again when a person runs it, such as C(helm upgrade) for a Secret
      of a release.
  type: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import ENV_FILE_MODULE
from ..module_utils._tasks.set_env_file import set_env_file


def main() -> None:
    run(AnsibleModule(ENV_FILE_MODULE, supports_check_mode=True), set_env_file)


if __name__ == "__main__":
    main()
