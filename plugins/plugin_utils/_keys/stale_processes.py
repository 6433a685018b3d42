# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error for processes that do not use the keys that they must use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...module_utils._destinations import key_destinations
from ...module_utils._engine.crypto.key_entry import KeyEntries
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.services import ProcessExported, ProcessStale

if TYPE_CHECKING:
    from ...module_utils._services.key_verdict import ProcessKeys


def build_stale_error(
    stale: Sequence[ProcessKeys], total: int, expected: str | None, env_file: str, keys: KeyEntries
) -> RotationError:
    """Return one error for all ``stale`` ones of ``total`` processes. Before a switch, no key ID is ``expected``."""
    todo = "; ".join(dict.fromkeys(process["todo"] for process in stale))
    count, advice = len(stale), todo[:1].upper() + todo[1:]
    reasons = "; ".join(f"{_format_name(process)}: {process['reason']}" for process in stale)
    if expected:
        return ProcessStale(expected=expected, count=count, total=total, processes=reasons, advice=advice)
    path = key_destinations.described(env_file, keys)
    return ProcessExported(path=path, count=count, total=total, processes=reasons, advice=advice)


def _format_name(process: ProcessKeys) -> str:
    """Return the display name of a process. A pod has no pid."""
    return f"{process['name']} (pid {process['pid']})" if process["pid"] else process["name"]
