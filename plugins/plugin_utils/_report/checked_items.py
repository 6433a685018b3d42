# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of a checklist as records have them. Items of earlier versions have no code, and may have another name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

UNWATCHED = "unwatched"  # the code of a warning that the report repeats
NOBODY_LOOKS = "no unit in key_rotation_services, none in key_rotation_processes: nobody looks at their keys"
_ERROR = re.compile(r"E_[A-Z_]+")


def read_item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item with its current name, and with a code, which is empty if there was no error."""
    name = item.get("name")
    return {"code": _former_code(item), **item, "name": "authorized" if name == "authorised" else name}


def _former_code(item: Mapping[str, Any]) -> str:
    """The code of an item that was recorded without one: then the text of an error begins with it."""
    sentence = str(item.get("seen"))
    if (item.get("status"), sentence) == ("warn", NOBODY_LOOKS):
        return UNWATCHED
    error = _ERROR.match(sentence)
    return error[0] if error else ""
