# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.modules import rotation_record


def test_the_module_without_its_action_plugin_does_nothing(run_module):
    ended = run_module(rotation_record.main, {"state": "opened"})
    assert (ended.code, ended.error) == (1, "E_ACTION_MISSING")
    assert "ran without its action plugin" in ended.result["msg"]
