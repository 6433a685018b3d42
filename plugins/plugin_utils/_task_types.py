# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments and results of action plugins: any JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

TaskArguments: TypeAlias = dict[str, Any]
TaskResult: TypeAlias = dict[str, Any]
Variables: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class TaskRequest:
    """The base class of a task's options: each field is the option of its name."""

    @classmethod
    def of(cls, options: TaskArguments) -> Self:
        return cls(**{member.name: options[member.name] for member in fields(cls)})
