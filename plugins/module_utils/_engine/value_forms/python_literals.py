# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tuples, lists and dicts as Python writes them, such as ``str((nonce, ciphertext))``, as JSON documents."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

from .pickles import written

_BEGINS = re.compile(r"\s*[(\[{]\s*(?:\d+\s*[,:]\s*)?(?:b?['\"]|[(\[{])")


def document(text: str) -> str:
    """Return a JSON document with the content of a literal, bytes as texts or in hex. Empty if it is not a literal."""
    if not _BEGINS.match(text):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            found = ast.literal_eval(text.strip())
        return json.dumps(_as_json(found)) if isinstance(found, (tuple, list, dict, set)) else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""


def _as_json(found: Any) -> Any:
    if isinstance(found, dict):
        return {str(_as_json(name)): _as_json(value) for name, value in found.items()}
    if isinstance(found, (tuple, list, set)):
        return [_as_json(each) for each in found]
    if isinstance(found, bytes):
        return written(found)
    return found if isinstance(found, (str, int, float, bool, type(None))) else str(found)
