# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request to the module ``host_tasks``, and its response."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SAID = ("warnings", "deprecations")  # of the whole process


@dataclass(frozen=True)
class HostCall:
    """A module to run on the host, with its options: keys may be among them. Its result is found by ``name``."""

    name: str
    module: str
    options: Mapping[str, Any] = field(repr=False)
    check_mode: bool = False

    def as_argument(self) -> dict[str, Any]:
        """The entry in the option ``tasks`` of host_tasks, without the options that are not set."""
        given = {name: value for name, value in self.options.items() if value is not None}
        return {"name": self.name, "module": self.module, "options": given, "check_mode": self.check_mode}


@dataclass(frozen=True)
class CallTimes:
    """Seconds since the epoch: this machine's around the call, the host's within it."""

    sent: float
    began: float
    ended: float
    received: float


@dataclass(frozen=True)
class HostResults:
    """The results and durations of the modules by name, the messages of the process, and when it ran."""

    results: Mapping[str, dict[str, Any]]
    said: Mapping[str, Any]
    times: CallTimes | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, result: Mapping[str, Any], sent: float) -> HostResults:
        """Read the result of the module, which was called at ``sent``."""
        clock = result["clock"]
        times = CallTimes(sent, clock["began"], clock["ended"], time.time())
        return cls(result["outcomes"], {name: result[name] for name in SAID if name in result}, times, clock["seconds"])
