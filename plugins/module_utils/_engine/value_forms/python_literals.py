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
            literal = ast.literal_eval(text.strip())
        return json.dumps(_as_json(literal)) if isinstance(literal, (tuple, list, dict, set)) else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""


def _as_json(literal: Any) -> Any:
    if isinstance(literal, dict):
        return {str(_as_json(name)): _as_json(value) for name, value in literal.items()}
    if isinstance(literal, (tuple, list, set)):
        return [_as_json(each) for each in literal]
    if isinstance(literal, bytes):
        return written(literal)
    return literal if isinstance(literal, (str, int, float, bool, type(None))) else str(literal)
