# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that run on the control node alone: the action plugin of the same name does their work."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from .._errors.run import ActionPluginMissing
from .runner import ModuleResult


def refuse_without_action(module: AnsibleModule) -> ModuleResult:
    """Raise E_ACTION_MISSING: Ansible has not found the action plugin."""
    raise ActionPluginMissing(module=module._name.rpartition(".")[2])
