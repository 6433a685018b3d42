# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the stale writer from writing: the fence, or nothing, next to an application that is stopped or serves;
and how the run goes about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Conditions:
    """Whether there is a write fence, whether the run stops services, of which the writer is not one, and its mode."""

    name: str
    fence: bool
    services: bool
    mode: str = ""

    def variables(self, folder: Path) -> dict[str, object]:
        """What an operator configures. The writer's session is there under a name that is allowed."""
        fence = {} if self.fence else {"key_rotation_fence": "off"}
        runs = folder / "running"
        runs.touch()
        service = {"start": ["touch", runs], "stop": ["rm", "-f", runs], "status": ["test", "-e", runs]}
        stopped = {
            "key_rotation_services": [{"name": "web", **{what: [*map(str, words)] for what, words in service.items()}}],
            "key_rotation_sessions_allowed": ["harness"],
        }
        mode = {"key_rotation_mode": self.mode} if self.mode else {}
        return {**fence, **mode, **(stopped if self.services else {})}


FENCED = Conditions("fenced", fence=True, services=False)
SERVES = Conditions("no_fence", fence=False, services=False)
STOPPED = Conditions("no_fence_stopped", fence=False, services=True)
PREPARED = Conditions("prepared", fence=True, services=True, mode="prepared")
