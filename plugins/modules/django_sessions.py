#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: django_sessions
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Sign users' sessions again, or end them
description:
  - Sessions of C(django.contrib.sessions) that are in a database table are signed under C(SECRET_KEY), and so is the
    login in each. Under another C(SECRET_KEY) everybody is logged out.
  - Signs each of these sessions again under the new key, so that nobody is logged out, or ends all of them.
  - Knows the session engines C(db) and C(cached_db) of Django, and those made of them. It removes the same sessions
    from the cache of C(cached_db).
  - Changes a session only if it is still as it was read. May be killed at any time and run again.
  - Run it while the application is stopped, after its files have the new keys.
options:
  state:
    description:
      - V(resigned) signs each session that opens under the keys before the open rotation again under those after it.
        Others are left unchanged and counted. Fails (E_SESSIONS_KEPT) if the sessions are in no table, or if the former
        key opens none of them. Refuses (E_SESSIONS_COMPROMISED) the keys of a version that is marked compromised.
      - V(dropped) empties each session that the new key has not signed, and sets its expiry date to now, if
        C(SECRET_KEY) was rotated. The row stays, because others may refer to it. Without a session engine that has a
        table it changes nothing, because nothing under the former key is valid after a switch.
      - V(restored) is the rollback of V(resigned). Each session that opens under the keys after the rotation is signed
        under those before it. It changes nothing unless the record of the rotation says that its sessions were signed
        again.
    type: str
    required: true
    choices: [resigned, dropped, restored]
  key_sets:
    description:
      - The key sets C(old) and C(new), sent through a pipe. Set by the action plugin. Not for playbooks. Never logged.
    type: dict
    default: {}
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.store
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.run
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Keep every user logged in
  tetech.key_rotation.django_sessions:
    state: resigned
    project_dir: /srv/food_ordering
    rotation_id: "2026-spring"
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
  run_once: true
"""

RETURN = r"""
logins:
  description:
    - How many sessions were C(resigned) or C(dropped).
    - C(already) are signed under the new keys. C(unopened) open under neither key. C(written) were changed by somebody
      else each time. These are left unchanged.
    - C(cached) may still be in the cache as they were before, because the cache does not answer.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.data_options import DJANGO_SESSIONS_MODULE
from ..module_utils._tasks.change_user_sessions import change_user_sessions


def main() -> None:
    run(AnsibleModule(DJANGO_SESSIONS_MODULE, supports_check_mode=True), change_user_sessions)


if __name__ == "__main__":
    main()
