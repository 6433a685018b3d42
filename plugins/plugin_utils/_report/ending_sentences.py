# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a rotation and the state of the data, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._record.events import ROLLBACK
from . import data_sentences
from .rotation_state import RotationState
from .run_status import FAILED, OPEN, ROLLED_BACK

# What comes before the state of the data.
BEGINNINGS = {
    FAILED: "It stopped.",
    OPEN: "It has not ended: it is running now, or its run died.",
}
RESUME = "Run the same command again to resume it{}."


def sentence(rotation: RotationState) -> str:
    return " ".join(_sentences(rotation))


def _sentences(rotation: RotationState) -> Iterator[str]:
    status = rotation.status
    if status == FAILED and rotation.last_run.direction == ROLLBACK:
        yield "The rollback stopped."
    elif status in BEGINNINGS:
        yield BEGINNINGS[status]
    yield from data_sentences.sentences(rotation.state, str(rotation.said.commands.get("verify") or ""))
    if status == OPEN:
        yield RESUME.format(", or roll it back" if rotation.keys.new else "")
    if rotation.restored_to:
        yield f"The database was restored from its backup of {rotation.restored_to}. The warnings list what was lost."
    if status == ROLLED_BACK and rotation.not_running:
        yield f"The application is not running: {rotation.not_running}."
