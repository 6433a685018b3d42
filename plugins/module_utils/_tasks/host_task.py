# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of a module's work, whether it runs alone or as one of several in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .._module.runner import ModuleResult as ModuleResult

if TYPE_CHECKING:
    from .._engine.discovery.known_surveys import KnownSurveys

TaskParams = dict[str, Any]  # the border of Ansible: the options of a module as it has parsed them


class HostTask(Protocol):
    """An AnsibleModule, or one task of ``host_tasks``."""

    params: TaskParams
    check_mode: bool
    _diff: bool
    _name: str  # of its module, with or without that of the collection
    no_log_values: set[str]

    def warn(self, warning: str) -> None:
        """Add a warning to the result."""


def surveys_of(task: HostTask) -> KnownSurveys | None:
    """Return what discovery found for earlier tasks of this process. None for a module that runs alone."""
    return getattr(task, "surveys", None)
