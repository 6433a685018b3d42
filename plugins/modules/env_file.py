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
  path:
    description: Absolute path of the file.
    type: path
    required: true
  state:
    description:
      - V(present) sets the values.
      - V(prepared) does everything that V(present) does except the switch. It writes the new file next to the old one,
        reads it back and removes it, so that no second file holds a key. Run it on every host before V(present) on the
        first.
    type: str
    choices: [present, prepared]
    default: present
  dialect:
    description:
      - The reader of the file. No quoting is right for all readers.
      - V(dotenv) is python-dotenv, V(systemd) is C(EnvironmentFile=), V(shell) is C(set -a; . file).
  stage:
    description:
      - The stage whose values are set. It must be the version that O(rotation_id) created, or the previous version,
        which a rollback restores.
    type: str
    required: true
    choices: [current, pending, previous]
  values:
    description:
      - The values from the store, sent through a pipe. Set by the action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
  key_id:
    description:
      - The key ID of O(values), which takes a tenth of a second to make. Set by the action plugin. Not for playbooks.
    type: str
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.dialect
  - tetech.key_rotation.key_rotation.named_keys
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Check on every host that the switch will work
  tetech.key_rotation.env_file:
    state: prepared
    path: /srv/food_ordering/.env
    stage: pending
    keys:
      - name: SECRET_KEY
      - name: ENCRYPTION_SALT
    rotation_id: "2026-spring"

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
  description: Key ID of the keys that the file has after O(state=present).
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
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import ENV_FILE_MODULE
from ..module_utils._tasks.set_env_file import set_env_file


def main() -> None:
    run(AnsibleModule(ENV_FILE_MODULE, supports_check_mode=True), set_env_file)


if __name__ == "__main__":
    main()
