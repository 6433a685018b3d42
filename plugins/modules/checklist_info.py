#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: checklist_info
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Collect facts about an application host for the preflight checklist
description:
  - Collects what M(tetech.key_rotation.rotation_checklist) checks, through the application's own connection, its
    settings and proc(5).
  - Writes nothing except a temporary table, in a transaction that is rolled back.
options:
  mode:
    description:
      - When values are re-encrypted. With V(auto) and V(prepared), C(unprepared) of the facts says which tables cannot
        be prepared while the application serves, and why.
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.sessions
  - tetech.key_rotation.key_rotation.unread
  - tetech.key_rotation.key_rotation.mode
  - tetech.key_rotation.key_rotation.throttle
  - tetech.key_rotation.key_rotation.application
  - tetech.key_rotation.key_rotation.project
  - tetech.key_rotation.key_rotation.keys
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Collect facts about the host
  tetech.key_rotation.checklist_info:
    project_dir: /srv/food_ordering
    env_file: /srv/food_ordering/.env
  vars:
    ansible_python_interpreter: /srv/food_ordering/.venv/bin/python
"""

RETURN = r"""
facts:
  description:
    - The host's C(clock) when the module C(began) and C(ended), the C(versions), the C(databases), pending
      C(migrations), the C(speed), and what uses C(secret_key).
    - The C(caches) that outlive the processes, and how many entries of their tables hold tokens (C(cached_tokens)).
    - How many of Django's sessions hold tokens (C(session_tokens)), and the command that deletes them
      (C(clear_sessions)).
    - The columns of C(files) that may be encrypted, each with what was found of them, and whether it stops a rotation.
    - The loaded systemd services that read a file with keys as C(EnvironmentFile=) (C(file_readers)).
    - The .env file, if it is in a container and not mounted into it (C(replaced_file)).
    - The C(sessions) of the application's role, each with the C(process) of this host that holds it if it can be
      determined.
    - Each reason why no write fence is possible (C(unfenced)).
    - From a reading of some rows by the application itself, the round trips that are C(broken), attributes
      of which all values are C(refused) although the keys open them, attributes that are made of ciphertext
      (C(of_ciphertext)) or of the date or the time (C(dated)), columns that no attribute of a model decrypts
      (C(not_decrypted)), and names in O(application_ignore) that are C(unknown), each with similar names.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.rotation_options import CHECKLIST_INFO_MODULE
from ..module_utils._tasks.collect_facts import collect_facts


def main() -> None:
    run(AnsibleModule(CHECKLIST_INFO_MODULE, supports_check_mode=True), collect_facts)


if __name__ == "__main__":
    main()
