# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.template import trust_as_template
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.paths import state_folder


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"inventory_dir": "/etc/inventory"}, "/etc/inventory/.key_rotation/default"),
        ({"inventory_dir": "/i", "key_rotation_project_dir": "/srv/a"}, "/i/.key_rotation/srv-a"),
        (
            {"inventory_dir": "/i", "base": "/srv", "key_rotation_project_dir": trust_as_template("{{ base }}/a")},
            "/i/.key_rotation/srv-a",
        ),
        ({"inventory_dir": "/i", "key_rotation_project_dir": "/srv/b/"}, "/i/.key_rotation/srv-b"),
        ({"key_rotation_project_dir": "/srv/a"}, "{home}/.local/state/key_rotation/srv-a"),
        ({}, "{home}/.local/state/key_rotation/default"),
        (
            {"key_rotation_project_dir": "", "key_rotation_python": "/srv/a-b/bin/python"},
            "{home}/.local/state/key_rotation/srv-a--b-bin-python",
        ),
        (
            {"inventory_dir": "/i", "key_rotation_python": "/p/python", "key_rotation_settings_module": "a.settings"},
            "/i/.key_rotation/a.settings@-p-python",
        ),
    ],
)
def test_what_outlives_a_run_is_in_one_folder_for_each_application(variables, folder, home, loader):
    assert state_folder(variables, loader) == folder.format(home=home)
