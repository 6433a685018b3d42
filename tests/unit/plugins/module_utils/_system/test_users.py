# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pwd

from ansible_collections.tetech.key_rotation.plugins.module_utils._system import users


def test_a_user_has_a_name_or_else_a_number():
    assert users.own_name() == pwd.getpwuid(os.geteuid()).pw_name
    assert users.name_of(987654321) == "987654321"
