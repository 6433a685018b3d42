# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of an application, with the store that signs them and the lease of the run that writes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display

from ...module_utils._record.run_lease import Lease
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._control_node.paths import path_from_inventory
from .._task_types import Variables


@dataclass(frozen=True)
class Controller:
    """The parts of Ansible that the records and notifications need.

    ``pid`` is the process of ansible-playbook, which identifies the run.
    """

    variables: Variables = field(repr=False)
    loader: DataLoader = field(repr=False)
    display: Display = field(repr=False)
    check_mode: bool
    pid: int

    def path(self, path: str) -> str:
        """Make a path absolute. A relative one starts at the inventory."""
        return path_from_inventory(path, self.variables)

    def warn(self, text: str) -> None:
        self.display.warning(text)


@dataclass(frozen=True)
class RotationLog:
    """The records in ``folder``, with their store and lease. The store is opened at the first use, which may fail."""

    folder: str
    open_store: Callable[[], Store] = field(repr=False)
    controller: Controller

    @functools.cached_property
    def store(self) -> Store:
        return self.open_store()

    @property
    def lease(self) -> Lease:
        return Lease(self.folder)

    def record(self, rotation_id: str | None) -> Record:
        """The record of a rotation. Raise E_OPTION if the ID is not a plain name."""
        return Record(self.folder, str(rotation_id))
