# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_settings: check every variable of the collection on every host of the play before anything else."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._errors.run import NoHosts
from ..module_utils._options.rotation_options import ROTATION_SETTINGS
from ..plugin_utils._action import RotationAction
from ..plugin_utils._control_node import variable_checks
from ..plugin_utils._keys import configured_store
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(RotationAction):
    spec = ROTATION_SETTINGS
    recorded = False  # no record is open yet; the playbook records the refusal

    def act(self, options: TaskArguments) -> TaskResult:
        if pattern := options["no_host_matches"]:
            raise NoHosts(pattern=pattern)
        specs = self._loader.load_from_file(variable_checks.SPEC_FILE, cache="none", unsafe=True)["argument_specs"]
        spec, of_stores = specs["settings"]["options"], configured_store.VARIABLES
        hosts = map(self._settings, self.variables["ansible_play_hosts_all"])
        problems = [problem for host in hosts for problem in variable_checks.find_problems(spec, of_stores, host)]
        if options["refuse"]:
            variable_checks.refuse(problems)
        for problem in dict.fromkeys(problems):
            display.warning(f"{problem.name} {problem.fault}. {problem.advice}")
        return {"changed": False}

    def _settings(self, host: str) -> variable_checks.HostSettings:
        """The settings of a host. For another host than the task's, its own variables override those of play and
        roles."""
        hostvars, here = self.variables["hostvars"], self.variables["inventory_hostname"]
        own, variables = hostvars.raw_get(host), self.variables
        if host != here:
            others = hostvars.raw_get(here)
            variables = {**{name: value for name, value in variables.items() if name not in others}, **own}
        templar = self._templar.copy_with_new_env(available_variables=variables)
        return variable_checks.HostSettings(variables, own, templar.template)
