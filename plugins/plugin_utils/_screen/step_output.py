# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what the tasks of a step reported, and forms one sentence of it, with host names if the hosts differ."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._system.timestamps import format_duration
from .step_names import NUMBERED

COLLECTION = "tetech.key_rotation."
SPEAKING = ("debug", "ansible.builtin.debug")  # of Ansible's own actions; "All assertions passed" is not news


@dataclass
class StepOutput:
    """The output of one step. ``said`` has what each host reported, by task.

    ``failed`` are the hosts on which a task failed. ``ended`` has by host the message with which the playbook itself
    failed.
    """

    title: str
    begun: float = field(default_factory=time.monotonic)
    said: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    ran: bool = False
    changed: bool = False

    @property
    def numbered(self) -> bool:
        return bool(NUMBERED.match(self.title))

    def add(self, task: Any, host: str, result: Mapping[str, Any]) -> None:
        """Add the result of a task that did not fail. One whose failure is evaluated later does not count yet."""
        ours = task.action.startswith(COLLECTION)
        self.changed = self.changed or bool(result.get("changed"))
        self.ran = self.ran or ours or self.changed
        message = result.get("msg")
        evaluated_later = "failed_when_result" in result or result.get("error")
        if isinstance(message, str) and message and not evaluated_later and (ours or task.action in SPEAKING):
            self.ran = True
            self.said.setdefault(task._uuid, {})[host] = " ".join(message.split())

    def sentence(self) -> str:
        """All messages, each once."""
        messages = (_format_messages(by_host, bool(self.failed - by_host.keys())) for by_host in self.said.values())
        return "; ".join(dict.fromkeys("; ".join(parts) for parts in messages))

    def endings(self) -> list[str]:
        """The messages with which the playbook itself failed."""
        return _format_messages(self.ended, False)

    def line(self) -> str:
        """The title of the step, how long it took, and its sentence."""
        sentence = self.sentence()
        return f"{self.title} ({self.took()}){': ' if sentence else ''}{sentence}"

    def took(self) -> str:
        return format_duration(time.monotonic() - self.begun)


def _format_messages(by_host: Mapping[str, str], named: bool) -> list[str]:
    """The messages of one task: once if all hosts agree, with host names if they differ or if a host failed."""
    messages = dict.fromkeys(by_host[host] for host in sorted(by_host))
    if len(messages) == 1 and not named:
        return list(messages)
    return [f"{_names(by_host, message)}: {message}" for message in messages]


def _names(by_host: Mapping[str, str], message: str) -> str:
    return ", ".join(sorted(host for host, said in by_host.items() if said == message))
