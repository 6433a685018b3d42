# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rotation stands half way, as its record says: values under both key sets, or others than the .env files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...module_utils._errors.base import NOTHING_CHANGED

WRITES = ("django_reencrypt", "django_repair", "postgresql_restore", "env_file")
TOGETHER = ("current", "rolled_back")  # states of key_version that come when values, hosts and store are proved as one


def is_interrupted(events: Iterable[Mapping[str, Any]]) -> bool:
    """Whether something was written since values, .env files and store last belonged together."""
    open_acts = 0
    for event in events:
        name, phase, asked = event.get("event"), event.get("phase"), event.get("asked") or {}
        writes = name in WRITES and asked.get("state") not in ("prepared", "examined", "dropped")
        if writes and phase == "intent":
            open_acts += 1
        elif writes and phase == "failed" and _changed_nothing(event.get("error") or {}):
            open_acts -= 1
        elif phase == "done" and (
            name in ("rotate", "rollback") or (name == "key_version" and asked.get("state") in TOGETHER)
        ):
            open_acts = 0
    return open_acts > 0


def _changed_nothing(error: Mapping[str, Any]) -> bool:
    """Nothing at all, or but for a copy that lies beside."""
    return error.get("changed") == NOTHING_CHANGED or error.get("code") == "E_RESTORE_LOSS"
