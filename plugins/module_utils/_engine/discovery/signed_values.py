# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are signed with a key that is rotated: by Django, or as JSON Web Tokens.

Under a salt that Django brings, a signature proves the key, whatever is signed: a URL, a sentence or JSON. Under a salt
of the application's own, only the form shows that a value is signed. Its key is unknown.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
import string
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Optional

from ..value_forms import addresses
from ..value_forms.base64_texts import decode_base64
from ..value_forms.value_look import look_at
from .target_survey import Survey

SECRET_KEY = "SECRET_KEY"
_JWT = re.compile(r"(eyJ[\w-]+\.[\w-]+)\.([\w-]{43,86})", re.ASCII)
_HASHES = {43: "sha256", 64: "sha384", 86: "sha512"}  # by the length of a signature (RFC 7518, section 3.2)
# django.core.signing: a value, a sign that no base64 has, and an HMAC in base64, of SHA-1 by Django before 3.1. Before
# it may be the same sign and the time in base62.
_SIGNATURE = re.compile(r"([^\w=^`\\\[\]-])([\w-]{27}|[\w-]{43})\Z", re.ASCII)
_SIGN = ":"  # almost all applications use it. Other separators also follow numbers, before slugs and IDs of that length
_TIME = re.compile(r"(?=\d*[A-Za-z])[\dA-Za-z]{6}", re.ASCII)
_BASE62 = f"{string.digits}{string.ascii_uppercase}{string.ascii_lowercase}"
_LATER = 86_400  # seconds by which a clock may be wrong
_FIRST_TIME = 1_104_537_600  # 2005, when Django began
_ALGORITHMS = {27: "sha1", 43: "sha256"}
_LONGEST = 1 + max(_ALGORITHMS)
_COOKIE = b"django.http.cookies"  # before the key of a signed cookie
# The salts that are in Django, and in packages that sign with one of their own.
_SALTS = (
    (b"", "django.core.signing"),
    (b"", "django.core.signing.Signer"),
    (b"", "django.core.signing.TimestampSigner"),
    (_COOKIE, "django.core.signing.get_cookie_signer"),
    (b"", "django.contrib.sessions.SessionStore"),
    (b"", "django.contrib.sessions.backends.signed_cookies"),
    (b"", "django.contrib.messages"),
    (b"", "account"),
    (b"", "registration"),
)


# The keys with which code of the application signs, and its places, as texts. None if there is no such code.
SigningCode = Optional[tuple[str, str]]


class Signed(NamedTuple):
    """The number of signed values, what they are, and the key that signed them.

    The key is empty if it is unknown. Then they do not stop a rotation.
    """

    number: int
    by: str
    key: str

    @property
    def stops(self) -> bool:
        return bool(self.key)


class _Signature(NamedTuple):
    """The parts of a text that ends like a signature of Django."""

    text: str
    signed: str
    sign: str
    signature: str

    @property
    def has_time(self) -> bool:
        """Return whether a time at which Django could sign is in its place."""
        value, _, stamp = self.signed.rpartition(_SIGN)
        if self.sign != _SIGN or not (value and _TIME.fullmatch(stamp)):
            return False
        return _FIRST_TIME <= _unbase62(stamp) <= time.time() + _LATER

    @property
    def is_random(self) -> bool:
        return look_at(self.signature).is_unknown

    @property
    def looks_bare(self) -> bool:
        """Return whether a text with an address's form or no known form ends with a signature without a time."""
        known = look_at(self.text).explanation
        return self.sign == _SIGN and known in ("", *addresses.FORMS) and self.is_random


class _Signers:
    """Keys, each with every known salt."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        salted = [f"{salt}signer".encode() + before + key for key in keys for before, salt in _SALTS]
        self._derived = {
            algorithm: [hashlib.new(algorithm, each).digest() for each in salted] for algorithm in _ALGORITHMS.values()
        }

    def have_signed(self, stored: _Signature) -> bool:
        algorithm, text = _ALGORITHMS[len(stored.signature)], stored.signed.encode("utf-8", "replace")
        signature = decode_base64(stored.signature)
        keys = self._derived[algorithm]
        return any(hmac.compare_digest(hmac.digest(key, text, algorithm), signature) for key in keys)


def find(survey: Survey, values: Sequence[Any]) -> Signed | None:
    """Return the values that a rotated key has signed, as their signatures prove. None if there are none."""
    texts = _texts(values)
    signatures = list(_signatures(texts))
    tokens = [match for text in texts if (match := _JWT.fullmatch(text))]
    for name, key in survey.keys() if signatures or tokens else ():
        signers = _Signers([key.encode("utf-8")])
        if count := sum(map(signers.have_signed, signatures)):
            return Signed(count, "signed by Django", name)
        if count := sum(_is_signed(match, key.encode("utf-8")) for match in tokens):
            return Signed(count, "JSON Web Tokens that are signed", name)
    return None


def find_unproved(
    survey: Survey, values: Sequence[Any], *, is_explained: bool, signing: Callable[[], SigningCode] = lambda: None
) -> Signed | None:
    """Return the values that look signed with an unknown salt. None if there are none.

    If most values of the column look so, they count as signed by a SECRET_KEY that is rotated, or by the key with which
    code of the application signs, which ``signing`` returns. ``is_explained`` is whether the column does not look
    encrypted otherwise: a signature without a time looks like ciphertext after a prefix.
    """
    signatures = list(_signatures(_texts(values)))
    timed = sum(signature.has_time and signature.is_random for signature in signatures)
    if 2 * len(signatures) >= len(values):
        number = timed or (sum(signature.looks_bare for signature in signatures) if is_explained else 0)
        if number and 2 * number >= len(values):
            if survey.rotates(SECRET_KEY):
                return Signed(number, "signed by Django, as they look,", SECRET_KEY)
            if code := signing():
                return Signed(number, f"signed by Django, as they look and the source shows ({code[1]}),", code[0])
    return Signed(timed, "signed as Django does, with a key or salt that is not known", "") if timed else None


def without_kept(survey: Survey, values: Sequence[Any]) -> list[Any]:
    """Return the values without the signatures of keys that are not rotated."""
    signatures = {signature.text: signature for signature in _signatures(_texts(values))}
    if not signatures:
        return [*values]
    signers = _Signers(survey.kept_keys())
    return _without(values, (signature for signature in signatures.values() if signers.have_signed(signature)))


def without_timed(values: Sequence[Any]) -> list[Any]:
    """Return the values without signatures after a time, if their look says that they are signatures."""
    timed = [signature for signature in _signatures(_texts(values)) if signature.has_time]
    are_random = 2 * sum(each.is_random for each in timed) >= len(timed)
    return _without(values, timed if are_random else ())


def _without(values: Sequence[Any], signatures: Iterable[_Signature]) -> list[Any]:
    bare = {signature.text: signature.signed for signature in signatures}
    return [bare.get(value.strip(), value) if isinstance(value, str) else value for value in values]


def _texts(values: Iterable[Any]) -> list[str]:
    return [value.strip() for value in values if isinstance(value, str)]


def _signatures(texts: Iterable[str]) -> Iterator[_Signature]:
    for text in texts:
        match = _SIGNATURE.search(text, max(len(text) - _LONGEST, 0))
        if match:
            yield _Signature(text, text[: match.start()], match[1], match[2])


def _unbase62(text: str) -> int:
    return functools.reduce(lambda number, sign: 62 * number + _BASE62.index(sign), text, 0)


def _is_signed(token: re.Match[str], key: bytes) -> bool:
    algorithm = _HASHES.get(len(token[2]))
    if algorithm is None:
        return False
    return hmac.compare_digest(hmac.digest(key, token[1].encode("ascii"), algorithm), decode_base64(token[2]))
