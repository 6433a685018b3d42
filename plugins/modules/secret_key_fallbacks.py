#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: secret_key_fallbacks
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Keep a former SECRET_KEY valid for what it has signed
description:
  - Django verifies sessions, links to reset a password and signed cookies with C(SECRET_KEY), and then with each key of
    the setting C(SECRET_KEY_FALLBACKS). It signs with C(SECRET_KEY) alone.
  - Changes the variable C(SECRET_KEY_FALLBACKS) in the .env file of the application, a comma-separated list from
    which the settings must read the setting of the same name. Leaves every other byte of the file unchanged.
  - Keys in the list that are not of the store stay.
options:
  state:
    description:
      - V(present) puts the C(SECRET_KEY) from before the last rotation in front of the list. Fails
        (E_FALLBACKS_NOT_READ) if the file has no such line, or if the settings of the application do not have the key
        afterwards. Refuses (E_SESSIONS_COMPROMISED) the key of a version that is marked compromised.
      - V(absent) takes a key out of the list. It changes nothing if the file has no such line. Without O(key_id), puts
        back what V(revoked) has taken out in this rotation.
      - V(revoked) removes the keys of every version in the store except the current one from the list. It then warns
        about keys that the setting of a freshly started application still has.
    type: str
    required: true
    choices: [present, absent, revoked]
  key_id:
    description:
      - With V(absent), the version whose key is taken out, with those of older versions that have no stage anymore.
      - The default is the one before the last rotation, alone.
    type: str
  env_file:
    description: The .env file on the host from which the application reads the variable.
    type: path
  dialect:
    description: The reader of that file, as for M(tetech.key_rotation.env_file).
  values:
    description:
      - The keys to C(add) and to C(remove), and the C(signing) one that replaced them, sent through a pipe. Set by the
        action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.dialect
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Keep every user logged in
  tetech.key_rotation.secret_key_fallbacks:
    state: present
    env_file: /srv/food_ordering/.env
    project_dir: /srv/food_ordering
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
removed:
  description:
    - The keys of the store that were taken out of the list, each as the C(key_id) of its version and its C(name).
  type: list
  elements: dict
  returned: success
fallbacks:
  description:
    - How many keys the setting still has, C(revoked) ones that the application does not read from the file, and
      C(others), of no version in the store.
  type: dict
  returned: with O(state=revoked), when the setting was read
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.key_options import SECRET_KEY_FALLBACKS_MODULE
from ..module_utils._tasks.set_fallbacks import set_fallbacks


def main() -> None:
    run(AnsibleModule(SECRET_KEY_FALLBACKS_MODULE, supports_check_mode=True), set_fallbacks)


if __name__ == "__main__":
    main()
