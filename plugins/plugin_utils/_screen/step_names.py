# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the steps of a playbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible.playbook.role_include import IncludeRole

NUMBERED = re.compile(r"Step \d+/\d+: ")


def step_of(task: Any) -> str:
    """The step to which a task belongs: the task itself, or the import or block around it, named "Step 3/8: ...".

    Otherwise the outermost import of a role, by its name in the playbook; outside of roles, the task itself.
    """
    line = list(_ancestry(task))
    numbered = (str(each.name) for each in line if NUMBERED.match(str(each.name)))
    roles = [each.get_name() for each in line if isinstance(each, IncludeRole)]
    return str(next(numbered, (roles or [task.get_name()])[-1])).strip()


def _ancestry(task: Any) -> Iterator[Any]:
    while task is not None:
        yield task
        task = task._parent
