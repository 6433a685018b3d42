# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the application's own keys, sealed for the control node."""

from __future__ import annotations

from .._errors.run import ActionPluginMissing
from .host_task import HostTask, ModuleResult


def read_keys(task: HostTask) -> ModuleResult:
    """Return the application's own keys, readable only by the action that asked."""
    from .._destinations import key_destinations
    from .._module import sealed_result

    params = task.params
    if not params["seal_to"]:
        raise ActionPluginMissing(module=task._name.rpartition(".")[2])
    values = key_destinations.read(params["env_file"], params["keys"], dialect=params["dialect"])
    key_destinations.refuse_unwritable(params["env_file"], params["keys"])
    return {"changed": False, "sealed": sealed_result.seal(params["seal_to"], values)}
