# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random-looking texts with a known form or place, which ``value_look`` does not count as ciphertext.

A form explains a value only if all of it is consistent with the form: lengths, alphabets, and what is encoded inside.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping

from . import binary_forms, password_hashes, service_tokens
from .base64_texts import decode_base64, decode_cut_base64


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)


_HEX = r"[\da-fA-F]"
_BASE64 = r"[\w+/.-]"
# Digests by name, with how many bytes they have.
DIGESTS = (
    ("md5", 16),
    ("sha-?1", 20),
    (r"sha-?(?:2-|3-|512-)?224", 28),
    (r"sha-?(?:2-|3-|512-)?256|blake2s\w*|blake3", 32),
    (r"sha-?(?:2-|3-)?384", 48),
    (r"sha-?(?:2-|3-)?512|blake2b?\w*", 64),
)
# Forsyth-Edwards notation, with or without whose turn it is
_CHESS = (
    r"(?:[pnbrqkPNBRQK1-8]{1,8}/){7}[pnbrqkPNBRQK1-8]{1,8}"
    r"(?: [wb] (?:-|[A-HKQa-hkq]{1,4}) (?:-|[a-h][36])(?: \d+ \d+)?)?"
)
_EDX = r"[\w.~-]{1,37}"
SIGNED = "signed by Django"
UUID = "a UUID"
# Texts: the first pattern that matches a whole value explains it.
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a password hash", _any(*password_hashes.PATTERNS)),
    # django.core.signing: a value, its time in base62, which began with 1 in 2001 and will with 3 in 2057, and an HMAC
    # of SHA-1 or SHA-256 in base64
    (SIGNED, _any(r"[\w.@+-]*:[123][\dA-Za-z]{5}:[\w-]{27}(?:[\w-]{16})?")),
    (
        UUID,  # RFC 9562: with its variant and a version
        _any(
            rf"(?:urn:uuid:)?\{{?{_HEX}{{8}}-{_HEX}{{4}}-[1-8]{_HEX}{{3}}-[89abAB]{_HEX}{{3}}-{_HEX}{{12}}\}}?",
            r"[\da-f]{12}4[\da-f]{3}[89ab][\da-f]{15}",
            r"[\dA-F]{12}4[\dA-F]{3}[89AB][\dA-F]{15}",
            r"01[89a-f][\da-f]{9}7[\da-f]{3}[89ab][\da-f]{15}",
        ),
    ),
    (
        "a named digest",
        _any(
            *(
                rf"(?i:{name})[:=-](?:{_HEX}{{{2 * size}}}|{_BASE64}{{{-(-4 * size // 3)}}}={{0,2}})"
                for name, size in DIGESTS
            )
        ),
    ),
    (
        "a key of Open edX",
        _any(
            # An organization, a course and its run, each shorter than a nonce, a tag and any text; then members by name
            rf"(?:course|library|ccx|block|asset|ccb)-v\d+:{_EDX}(?:\+{_EDX}){{1,2}}(?:\+[a-z]+@[\w@:/.~()-]+)*",
            rf"i4x://{_EDX}/{_EDX}/\w{{1,30}}/[\w.~@-]{{1,64}}",
        ),
    ),
    # An address on a network: six or eight bytes, or eight groups of an address of IPv6 that is in use
    (
        "an address on a network",
        _any(
            rf"(?:{_HEX}{{2}}[:-]){{5}}(?:{_HEX}{{2}}[:-]{_HEX}{{2}}[:-])?{_HEX}{{2}}",
            rf"(?i:[23]{_HEX}{{3}}|f[cd]{_HEX}{{2}}|fe80|ff\d\d|0{{1,4}})?(?::{_HEX}{{0,4}}){{1,7}}(?:/\d+)?",
        ),
    ),
    ("a chess position", _any(_CHESS)),
    ("a container image by its digest", _any(rf"[a-z\d./:_-]{{1,200}}@sha256:{_HEX}{{64}}")),
    ("a trace of W3C", _any(r"00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}")),
    ("an address of Ethereum", _any(r"0x[\da-fA-F]{40}")),
    ("a token of another service", _any(*service_tokens.TOKENS)),
    ("an ID of another service", _any(*service_tokens.IDS)),
)
# A UUID without regard to its version and variant: a block of AES can be written as one.
WRITTEN_AS_UUID = _any(rf"(?:urn:uuid:)?\{{?{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\}}?")
# RFC 2397: the data in one is checked.
DATA_URI = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[^;,]*)*(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL)
# Documents that say that they are encrypted.
ENCRYPTED = _any(r"-----BEGIN (?:ENCRYPTED|PGP MESSAGE|AGE )", r"-----BEGIN [A-Z ]+-----\s+Proc-Type: 4,ENCRYPTED")


def form_of(text: str) -> str:
    """Return the name of the form that a whole text has. Empty if it has none that is known."""
    if len(text.split(None, 1)) > 1:  # of several words
        return next((what for what, is_one in _OF_WORDS if is_one(text)), "")
    for what, form in FORMS:
        if form.fullmatch(text):
            return what
    return next((what for what, is_one in _CHECKED if is_one(text)), "")


_JWT = re.compile(r"(eyJ[\w-]+)\.(eyJ[\w-]+)\.[\w-]*")


def _is_jwt(text: str) -> bool:
    """RFC 7515: a header with its algorithm, claims, and a signature. An encrypted one has five parts."""
    match = _JWT.fullmatch(text)
    if not match:
        return False
    try:
        header, claims = (json.loads(decode_base64(part)) for part in match.groups())
    except ValueError:
        return False
    return isinstance(claims, dict) and isinstance(header, dict) and "alg" in header and "enc" not in header


_PEM = re.compile(r"\s*-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>.+?)(?P<end>-----END |\Z)", re.DOTALL)
_OPENSSH = re.compile(rb"openssh-key-v1\0\0\0\0\x04none")
_OF_DER = re.compile(
    r"(?:NEW |TRUSTED )?CERTIFICATE(?: REQUEST)?|X509 CRL|PKCS7|(?:(?:RSA |EC |DSA )?(?:PRIVATE|PUBLIC) KEY)|"
    r"(?:DH|EC|DSA) PARAMETERS"
)


def _is_pem(text: str) -> bool:
    """Return whether a text is an unencrypted key or certificate, or what OpenPGP and SSH write."""
    match = _PEM.match(text)
    if not match:
        return False
    label, data = match["label"], decode_base64(match["body"].rpartition("\n\n")[2])
    if label == "OPENSSH PRIVATE KEY":
        return bool(_OPENSSH.match(data))
    if _OF_DER.fullmatch(label):
        return binary_forms.is_der(data or decode_cut_base64(match["body"]), not match["end"])
    return label in ("PGP PUBLIC KEY BLOCK", "PGP PRIVATE KEY BLOCK", "PGP SIGNATURE", "SSH SIGNATURE")


def body_of(text: str) -> str:
    """Return the content of a PEM document with one label. Any other text is returned unchanged."""
    match = _PEM.match(text) if text.startswith("-----BEGIN") else None
    return match["body"].rpartition("\n\n")[2].strip() if match and "-----BEGIN" not in match["body"] else text


_SSH = re.compile(r"(?P<kind>ssh-\w+|ecdsa-[\w-]+|sk-[\w@.-]+) (?P<data>AAAA[\w+/]+={0,2})(?: .*)?")


def is_ssh(text: str) -> bool:
    """Return whether a text is a public key of SSH (RFC 4253): its kind again, then numbers after their lengths."""
    match = _SSH.fullmatch(text)
    data, place, parts = decode_base64(match["data"]) if match else b"", 0, []
    while len(data) - place > 0:
        size = int.from_bytes(data[place : place + 4], "big")
        parts.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return bool(match and parts and place == len(data) and parts[0] == match["kind"].encode())


_DIGITS_83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_BASE83, _BASE64_SIGNS = frozenset(_DIGITS_83), frozenset(f"{string.ascii_letters}{string.digits}+/=_-")


def _is_blurhash(text: str) -> bool:
    """Return whether a text is a blurhash: two characters for each component; the first character has their number.

    Some characters must be outside base64, and more of them in a longer text: base64 itself must not count.
    """
    if not 20 <= len(text) <= 4 + 2 * 81 or not _BASE83.issuperset(text):
        return False
    if len(_BASE83.intersection(text) - _BASE64_SIGNS) < len(text) // 20:
        return False
    across, down = _DIGITS_83.index(text[0]) % 9 + 1, _DIGITS_83.index(text[0]) // 9 + 1
    return len(text) == 4 + 2 * across * down


# The curve P-256, on which the public keys of notifications to browsers are: y^2 = x^3 - 3x + b.
_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def _is_point(text: str) -> bool:
    data = decode_base64(text) if 86 <= len(text) <= 88 and text[0] == "B" else b""
    if len(data) != 65 or data[0] != 4:
        return False
    across, up = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    return (up * up - across**3 + 3 * across - _B) % _PRIME == 0


_CHECKED: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("a signed JSON Web Token", _is_jwt),
    ("a blurhash", _is_blurhash),
    ("a public key on P-256", _is_point),
)
# RFC 6376 and 8617: names and values, among them an algorithm
_DKIM = re.compile(r"(?=[^b]*a=(?:rsa|ed25519)-sha(?:1|256)\s*;)[a-z]{1,3}=[^;]*(?:;\s*[a-z]{1,3}=[^;]*)+;?\s*")
_OF_WORDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("a PEM document", _is_pem),
    ("an SSH key", is_ssh),
    ("a chess position", lambda text: bool(re.fullmatch(_CHESS, text))),
    ("a signature of a mail", lambda text: bool(_DKIM.fullmatch(text))),
)
_TOOLKIT = r"[A-Za-z\d]{30}"  # generate_token of oauthlib
_NO_HEX = r"(?=[\da-f]*[g-z])"  # a text of more letters is hex only by chance
# Columns of well-known packages that hold random texts by design, by table and column as their models name them, with
# the form of such a text: any other one is judged as in any column.
COLUMNS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    place: (what, re.compile(form))
    for place, (what, form) in {
        "django_session.session_key": ("a session key of Django", rf"{_NO_HEX}[\da-z]{{32,40}}"),
        "django_session.session_data": ("session data of Django, signed", r"[\w.-]+:[\dA-Za-z]{6}:[\w-]{27,43}"),
        "authtoken_token.key": ("a token of Django REST framework", r"[\da-f]{40}"),
        "knox_authtoken.digest": ("a digest of django-rest-knox", r"[\da-f]{128}"),
        "oauth2_provider_accesstoken.token": ("a token of Django OAuth Toolkit", _TOOLKIT),
        "oauth2_provider_refreshtoken.token": ("a token of Django OAuth Toolkit", _TOOLKIT),
        "oauth2_provider_grant.code": ("a code of Django OAuth Toolkit", _TOOLKIT),
        "oauth2_provider_application.client_id": ("an ID of Django OAuth Toolkit", r"[A-Za-z\d]{40}"),
        "otp_static_statictoken.token": ("a token of django-otp", r"[a-z2-7]{1,16}"),
        "otp_totp_totpdevice.key": ("a key of django-otp, unencrypted", r"[\da-f]{40}"),
        "otp_hotp_hotpdevice.key": ("a key of django-otp, unencrypted", r"[\da-f]{40}"),
        "account_emailconfirmation.key": ("a confirmation key of django-allauth", rf"{_NO_HEX}[\da-z]{{64}}"),
        "social_auth_code.code": ("a code of python-social-auth", r"[\da-f]{32}"),
        "easy_thumbnails_source.storage_hash": ("a digest of easy-thumbnails", r"[\da-f]{32}"),
        # Of documents, each member by its name
        "mfa_authenticator.data.secret": ("a secret of django-allauth, unencrypted", r"[A-Z2-7]{32}"),
        "mfa_authenticator.data.seed": ("a secret of django-allauth, unencrypted", r"[\da-f]{40}|[\da-f]{80}"),
        "axes_accessattempt.session_hash": ("a digest of django-axes", r"[\da-f]{64}"),
    }.items()
}
_OF_SENDGRID = ("an ID of another service", re.compile(r"[\w-]{22}={0,2}|[\w-]{11,30}={0,2}(?:\.[\w-]+={0,2}){2,8}"))
_OF_FORMS = ("a token of Django against forged requests", re.compile(r"[A-Za-z\d]{32}(?:[A-Za-z\d]{32})?"))
# Members of documents in any column, by names that only they have, in the same way.
MEMBERS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "sg_event_id": _OF_SENDGRID,
    "sg_message_id": _OF_SENDGRID,
    "X-Gm-Message-State": ("what Gmail writes in a mail", re.compile(r"[\w+/=-]{16,400}")),
    "csrfmiddlewaretoken": _OF_FORMS,
    "csrftoken": _OF_FORMS,
}
# Columns of whatever another service gives, or a generator that the settings name. Some applications encrypt these by
# hand, and what they store looks the same.
GIVEN = frozenset(
    {
        "oauth2_provider_accesstoken.token",
        "oauth2_provider_application.client_id",
        "oauth2_provider_grant.code",
        "oauth2_provider_refreshtoken.token",
        "socialaccount_socialtoken.token",
        "socialaccount_socialtoken.token_secret",
    }
)
