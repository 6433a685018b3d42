# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a scheme makes its key out of a key set. One small function per way; a scheme names it in ``derive``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

KEY_BYTES = 32


def direct(params: Mapping[str, object], secrets: Mapping[str, str]) -> bytes:
    """The setting is the key itself in urlsafe base64, as Fernet keys are."""
    key = base64.urlsafe_b64decode(secrets[str(params["secret"])].encode("ascii"))
    if len(key) != KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key


def pbkdf2_sha256(params: Mapping[str, object], secrets: Mapping[str, str]) -> bytes:
    """PBKDF2-HMAC-SHA256 (RFC 8018) over two settings in UTF-8."""
    secret, salt = (secrets[str(params[name])].encode("utf-8") for name in ("secret", "salt"))
    return hashlib.pbkdf2_hmac("sha256", secret, salt, int(str(params["iterations"])), KEY_BYTES)


# name in a scheme: (function, members it needs, members that name settings)
DERIVATIONS: dict[
    str, tuple[Callable[[Mapping[str, object], Mapping[str, str]], bytes], tuple[str, ...], tuple[str, ...]]
] = {
    "direct": (direct, ("secret",), ("secret",)),
    "pbkdf2_sha256": (pbkdf2_sha256, ("secret", "salt", "iterations"), ("secret", "salt")),
}
