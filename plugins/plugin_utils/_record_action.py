# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action about the record itself: it writes there what is to be written, and its own call is not recorded."""

from __future__ import annotations

import functools
import os
from typing import Any

from ansible.utils.display import Display

from ._action import RotationAction
from ._rotation.rotation_log import Controller, RotationLog


class RecordAction(RotationAction):
    recorded = False

    def log(self, options: dict[str, Any]) -> RotationLog:
        """The records that the options name, with their store and what the services need of Ansible."""
        controller = Controller(
            variables=self.variables,
            loader=self._loader,
            display=Display(),
            check_mode=bool(self._task.check_mode),
            pid=os.getppid(),
        )
        return RotationLog(self._records(options), functools.partial(self.store, options), controller)
