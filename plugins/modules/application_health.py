#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: application_health
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Wait until the application answers
description:
  - Requests a URL from the host itself, without a proxy, until the response has a status from 200 to 299.
  - Choose a page that shows encrypted values. Such a page proves more than one that reads no data.
options:
  url:
    description: The URL. It must not contain a password.
    type: str
    required: true
  host:
    description: Name to send as the Host header, one of the application's C(ALLOWED_HOSTS).
    type: str
  timeout:
    description: Maximum number of seconds to keep requesting.
    type: int
    default: 60
extends_documentation_fragment:
  - tetech.key_rotation.key_rotation.requests
  - tetech.key_rotation.key_rotation.rotation
  - tetech.key_rotation.key_rotation.attributes
"""

EXAMPLES = r"""
- name: Wait until the application answers
  tetech.key_rotation.application_health:
    url: http://127.0.0.1:8000/health/
    host: food.example.org
    rotation_id: "{{ record_opened.rotation_id }}"
"""

RETURN = r"""
answer:
  description: The C(status) of the response, and how long it took (C(seconds)).
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._module.runner import run
from ..module_utils._options.application_options import APPLICATION_HEALTH
from ..module_utils._tasks.wait_for_health import wait_for_health


def main() -> None:
    run(AnsibleModule(APPLICATION_HEALTH, supports_check_mode=True), wait_for_health, needs=())


if __name__ == "__main__":
    main()
