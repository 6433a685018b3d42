# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in lines of the .env file of an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import env_file_editor
from .destination_interface import Delivery, Destination, DestinationChange
from .env_file_dialects import DIALECTS


class EnvLines(Destination):
    """Lines NAME=value of one file, in the dialect of the program that reads it. Raise E_ENV_*."""

    path: str
    is_env_file = True

    def __init__(self, path: str, names: Sequence[str], dialect: str) -> None:
        by_itself = DIALECTS[dialect].read_by_application
        super().__init__(path, names, path, Delivery.FILE if by_itself else Delivery.ENVIRONMENT)
        self.dialect = dialect

    def read(self, *, every: bool = True) -> dict[str, str]:
        return env_file_editor.read(self.path, self.names, every=every, dialect=self.dialect)

    def refuse_unwritable(self) -> None:
        env_file_editor.refuse_unwritable(self.path)

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        text = env_file_editor.read_text(self.path)
        new_text = env_file_editor.rewritten(text, {name: values[name] for name in self.names}, self.path, self.dialect)
        return env_file_editor.FileChange(self.path, text, new_text) if new_text != text else None
