# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that asks a host for the keys in its files, which come sealed."""

from __future__ import annotations

import abc

from ..module_utils._engine.crypto.key_set import KeySet
from ._keys.host_keys import KeyFiles, SealedKeys
from ._single_module_action import HostAction
from ._task_types import TaskArguments, TaskResult


class KeyAction(HostAction, abc.ABC):
    changes = False
    judged_here = True

    def ask_for_keys(self, options: TaskArguments, *more: str) -> TaskArguments:
        """The options of the module, with these ``more`` of the task. Only ``opened`` opens its result."""
        self._sealed = SealedKeys(self.files(options))
        return {**{name: options[name] for name in more}, **self._sealed.request()}

    def opened(self, result: TaskResult) -> KeySet:
        """The keys of the host. Raise E_KEYS_NOT_PROVED."""
        return self._sealed.open(result)

    @staticmethod
    def files(options: TaskArguments) -> KeyFiles:
        """Return the places of the keys on the host."""
        return KeyFiles(options["env_file"] or "", options["keys"], options["dialect"])
