# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of the key set by stage, as the newest step of the key store left them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...module_utils._record.events import Event, StagesEvent


@dataclass
class KeyStages:
    """The stages of a rotation's versions. ``stages`` has the key ID of each stage.

    ``new`` is the version that this rotation created, and ``promoted`` is whether that was ever current.
    """

    new: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    were_current: list[str] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        if isinstance(event, StagesEvent) and event.is_done and event.stages:
            self.stages = event.stages
            self.new = self.new or event.stages.get("pending") or None
            self.were_current += filter(None, [event.stages.get("current")])

    @property
    def current(self) -> str | None:
        return self.stages.get("current")

    @property
    def old(self) -> str | None:
        """The previous version."""
        return next((key_id for key_id in self.were_current if key_id != self.new), None)

    @property
    def promoted(self) -> bool:
        return self.new in self.were_current
