# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random parts that a longer text explains: named digests, SSH public keys, mail signatures, pictures, attachments.

If the text only claims what a part is, the part itself is checked: an attachment of an unknown kind stays.
"""

from __future__ import annotations

import re

from . import binary_forms
from .addresses import NAMED_BY_DIGEST
from .base64_texts import decode_cut_base64
from .known_forms import DIGESTS, is_ssh

_HEX = r"[\da-fA-F]"
_NAMED = re.compile(
    r"(?<![\w+/-])(?:--hash=)?(?:"
    + "|".join(
        rf"(?i:{name})[ :=-]{{1,2}}(?:{_HEX}{{{2 * size}}}|[\w+/.-]{{{-(-4 * size // 3)}}}={{0,2}})"
        for name, size in (*DIGESTS, ("commit", 20))
    )
    + r")(?![\w+/=])"
)
# RFC 6376 and 8617: headers of a mail that sign it, with the lines that they go on in
_SIGNATURES = re.compile(
    r"^(?:DKIM-Signature|ARC-[A-Za-z-]+|Authentication-Results|Received|References|Message-ID|"
    r"X-(?:Gm-|Google-|MS-|Microsoft-|Forefront-|SG-|SES-|Mailgun-|Spam-|Received|Mailer|Originating)[\w-]*):"
    r"[^\n]*(?:\n[ \t][^\n]*)*",
    re.MULTILINE | re.IGNORECASE,
)
_MAIL = re.compile(r"\s*(?:[A-Z][\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){3}", re.ASCII)
_OF_MAIL = re.compile(r"^(?:From|Date|Message-ID|Received|DKIM-Signature|MIME-Version):", re.MULTILINE | re.IGNORECASE)
_LEAST = 2  # of these, which every mail has
_LINES = re.compile(r"(?:^[A-Za-z\d+/]{60,}\r?\n)+(?:^[A-Za-z\d+/]*={0,2}\s*$)?", re.MULTILINE)
_FILE = re.compile(rf"(?<![\w+-]){NAMED_BY_DIGEST}\b")
_SUM = re.compile(
    r"^(?:[\da-f]{32}|[\da-f]{40}|[\da-f]{64}|[\da-f]{128})(?=[ \t]{1,2}\*?[\w./-]*[./][\w./-]+$)", re.MULTILINE
)
_NONCE = re.compile(r"'nonce-[\w+/=-]{16,64}'")  # of a policy on content
_COOKIE = re.compile(r"(?<!\w)(?:csrftoken|sessionid)=[A-Za-z\d]{32}(?:[A-Za-z\d]{32})?(?!\w)")  # of Django
_SIGNATURE = re.compile(r"-----BEGIN (?:PGP|SSH) SIGNATURE-----.*?(?:-----END|\Z)", re.DOTALL)
_SSH = re.compile(r"(?:ssh-\w+|ecdsa-[\w-]+|sk-[\w@.-]+) AAAA[\w+/]+={0,2}")
_DATA_URI = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,([A-Za-z\d+/]+={0,2})")


def without(text: str) -> str:
    """Return a text without the random parts that it explains."""
    for known in (_NAMED, _FILE, _SUM, _NONCE, _COOKIE, _SIGNATURE):
        text = known.sub("", text)
    text = _DATA_URI.sub(lambda match: "" if _is_known(match[1]) else match[0], text)
    text = _SSH.sub(lambda match: "" if is_ssh(match[0]) else match[0], text)
    if not _MAIL.match(text) or len(set(_OF_MAIL.findall(text))) < _LEAST:
        return text
    return _LINES.sub(lambda match: "" if _is_known(match[0]) else match[0], _SIGNATURES.sub("", text))


def _is_known(encoded: str) -> bool:
    """Return whether base64, which may be cut off, is a file of a known kind, or a text."""
    data = decode_cut_base64(encoded)
    return bool(binary_forms.kind_of(data, True)) or data.isascii()
