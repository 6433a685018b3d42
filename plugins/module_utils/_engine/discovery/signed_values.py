# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are signed with a key that is rotated: by Django, as their form says, or as JSON Web Tokens, which prove
it."""

from __future__ import annotations

import base64
import contextlib
import hmac
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from .known_forms import FORMS, SIGNED
from .target_survey import Survey

SECRET_KEY = "SECRET_KEY"
_BY_DJANGO = next(form for what, form in FORMS if what == SIGNED)
_JWT = re.compile(r"(eyJ[\w-]+\.[\w-]+)\.([\w-]{43,86})", re.ASCII)
_HASHES = {43: "sha256", 64: "sha384", 86: "sha512"}  # by the length of a signature (RFC 7518, section 3.2)


class Signed(NamedTuple):
    """How many values, what they are, and which key signed them."""

    number: int
    by: str
    key: str


def find(survey: Survey, values: Sequence[Any]) -> Signed | None:
    """The signed ones of a column's values, if there are any under a key that is rotated."""
    texts = [value for value in values if isinstance(value, str)]
    by_django = [text for text in texts if _BY_DJANGO.fullmatch(text)] if survey.rotates(SECRET_KEY) else []
    if by_django:
        return Signed(len(by_django), "signed by Django, as they look,", SECRET_KEY)
    tokens = [found for text in texts if (found := _JWT.fullmatch(text))]
    for name, key in survey.keys() if tokens else ():
        count = sum(_is_signed(found, key.encode("utf-8")) for found in tokens)
        if count:
            return Signed(count, "JSON Web Tokens that are signed", name)
    return None


def _is_signed(token: re.Match[str], key: bytes) -> bool:
    with contextlib.suppress(ValueError, KeyError):
        signature = base64.urlsafe_b64decode(token[2] + "=" * (-len(token[2]) % 4))
        return hmac.compare_digest(hmac.digest(key, token[1].encode("ascii"), _HASHES[len(token[2])]), signature)
    return False
