# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the control node: relative to the inventory, and the folder of an application's state."""

from __future__ import annotations

import os

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ...module_utils._system.state_folder import STATE_FOLDER, application_name, folder_name
from .._task_types import Variables


def state_folder(variables: Variables, loader: DataLoader) -> str:
    """Return the folder for what outlives a run of one application: next to the inventory, or in the user's state
    folder.

    The folder's name begins with a dot, because Ansible reads every other file in an inventory's folder as inventory.
    """
    inventory = _inventory(variables)
    base = os.path.join(inventory, ".key_rotation") if inventory else expand(STATE_FOLDER)
    templar = Templar(loader=loader, variables=dict(variables))

    def value(name: str) -> str:
        return str(templar.template(variables.get(f"key_rotation_{name}")) or "")

    name = value("project_dir") or application_name("", value("settings_module"), value("python")) or "default"
    return os.path.join(base, folder_name(name))


def _inventory(variables: Variables) -> str:
    """The folder of the inventory; empty without one, as with ``-i localhost,``."""
    folder = str(variables.get("inventory_dir"))  # None, or in ansible-core 2.19 the text of it
    return folder if os.path.isabs(folder) else ""


def path_from_inventory(path: str, variables: Variables) -> str:
    """An absolute path on the control node. A relative one begins at the inventory, wherever a playbook is run."""
    return os.path.abspath(os.path.join(_inventory(variables), os.path.expanduser(str(path))))


def expand(path: str) -> str:
    """An absolute path without ~."""
    return os.path.abspath(os.path.expanduser(str(path)))
