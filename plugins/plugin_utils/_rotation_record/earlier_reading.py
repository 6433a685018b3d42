# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own reading from before the first write of a rotation that is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils._record.events import ReadingEvent, ReencryptionEvent
from ...module_utils._record.writer import Record


def earlier_reading(record: Record) -> dict[str, Any] | None:
    """Its picture; empty where none was taken. None where nothing was written, or that picture is proved: the
    application may have run since, and written."""
    picture: Mapping[str, Any] = {}
    written = False
    for event in record.decoded():
        if isinstance(event, ReadingEvent) and event.is_done:
            proved = event.state == "verified"
            picture = {} if proved else picture or event.picture
            written = written and not proved
        written = written or isinstance(event, ReencryptionEvent)
    return dict(picture) if written else None
