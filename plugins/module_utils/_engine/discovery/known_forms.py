# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random-looking data that is known by its form, its first bytes, or its place: what value_look.py does not count."""

from __future__ import annotations

import re
from collections.abc import Mapping


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)


_HEX = r"[\da-fA-F]"
_CRYPT = r"[./\dA-Za-z]"  # the characters of crypt(5)
_BASE64 = r"[\w+/.-]"
# Hashes in crypt(5) and in the PHC string format. Django has some of them after a name of its own.
_BCRYPT = rf"\$2[abxy]?\$\d\d\${_CRYPT}{{53}}"
_ARGON2 = rf"\$?argon2\w*\$(?:v=\d+\$)?[mtpkeyidat]+=[\w+/=,]+\${_BASE64}+\${_BASE64}+={{0,2}}"
# Digests by name, with how many bytes they have.
_DIGESTS = (
    ("md5", 16),
    ("sha-?1", 20),
    (r"sha-?(?:2-|3-|512-)?224", 28),
    (r"sha-?(?:2-|3-|512-)?256|blake2s\w*|blake3", 32),
    (r"sha-?(?:2-|3-)?384", 48),
    (r"sha-?(?:2-|3-)?512|blake2b?\w*", 64),
)
# Prefixes of tokens and IDs, as the services that make them document them.
_TOKENS = (
    r"[spr]k_(?:live|test)_|whsec_|gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|hv[sbr]\.|dop_v1_|shp\w\w_|npm_|pypi-|"
    r"ya29\.|AIza|AKIA|ASIA|SG\.|sq0\w+-|EAA"
)
_IDS = r"cus|acct|ch|pi|pm|sub|in|evt|price|prod|seti|src|card|tok|req|txn|po|re|si"
# What an application may put before its own tokens: never the scheme of a URL, or the first part of a path.
_NOT_ENCRYPTED = r"(?!(?:aes\w*|cipher\w*|crypt\w*|enc|encr\w*|fernet|secrets?)[.:/])"

SIGNED = "signed by Django"
# Texts: the first pattern that matches a whole value explains it.
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "a password hash",
        _any(
            # django.contrib.auth.hashers, and a password that cannot be used
            rf"pbkdf2_\w+\$\d+\$[^$]+\${_BASE64}{{27,86}}={{0,2}}",
            rf"argon2\w*{_ARGON2}",
            rf"bcrypt\w*\${_BCRYPT}",
            rf"scrypt\$\d+\$[^$]+\$\d+\$\d+\${_BASE64}{{43,88}}={{0,2}}",
            rf"(?:md5|unsalted_md5)\$[^$]*\${_HEX}{{32}}|(?:sha1|unsalted_sha1)\$[^$]*\${_HEX}{{40}}",
            rf"crypt\${_CRYPT}*\${_CRYPT}{{13}}",
            r"![A-Za-z0-9]{40}",
            _BCRYPT,
            _ARGON2,
            rf"\$(?:1|apr1)\${_CRYPT}{{0,8}}\${_CRYPT}{{22}}",
            rf"\$5\$(?:rounds=\d+\$)?{_CRYPT}{{0,16}}\${_CRYPT}{{43}}",
            rf"\$6\$(?:rounds=\d+\$)?{_CRYPT}{{0,16}}\${_CRYPT}{{86}}",
            rf"\$g?y\${_CRYPT}+\${_CRYPT}{{1,86}}\${_CRYPT}{{43}}|\$7\${_CRYPT}{{11,97}}\${_CRYPT}{{43}}",
            rf"\$md5[\w,=]*\${_CRYPT}{{0,16}}\${{1,2}}{_CRYPT}{{22}}|\$sha1\$\d+\${_CRYPT}{{0,64}}\${_CRYPT}{{28}}",
            rf"\$scrypt\$ln=\d+,r=\d+,p=\d+\${_BASE64}{{0,88}}\${_BASE64}{{43,88}}={{0,2}}",
            rf"\$pbkdf2(?:-\w+)?\$[\d=il,]+\${_BASE64}{{0,88}}\${_BASE64}{{27,86}}={{0,2}}",
            # RFC 2307: a digest, and a salt of at most 16 bytes
            rf"\{{(?:S?SHA\d*|S?MD5)\}}{_BASE64}{{22,108}}={{0,2}}",
            rf"\{{(?:CRYPT|PBKDF2[\w-]*|ARGON2)\}}(?:{_BCRYPT}|{_ARGON2}|{_CRYPT}{{13}}|[\w$=,.]*\${_BASE64}{{22,86}}={{0,2}})",
        ),
    ),
    # django.core.signing: a value, its time in base62, and an HMAC of SHA-1 or SHA-256 in base64
    (SIGNED, _any(r"[\w.@+-]*:[\dA-Za-z]{6}:[\w-]{27}(?:[\w-]{16})?")),
    (
        "a UUID",  # RFC 9562; without hyphens only with a version and a variant
        _any(
            rf"(?:urn:uuid:)?\{{?{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\}}?",
            r"[\da-f]{12}4[\da-f]{3}[89ab][\da-f]{15}",
            r"[\dA-F]{12}4[\dA-F]{3}[89AB][\dA-F]{15}",
            r"01[89a-f][\da-f]{9}7[\da-f]{3}[89ab][\da-f]{15}",
        ),
    ),
    ("a signed JSON Web Token", _any(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")),  # RFC 7515; an encrypted one has five parts
    ("a PEM document", _any(r"\s*-----BEGIN (?!ENCRYPTED|PGP MESSAGE|AGE)[A-Z0-9 ]+-----.+")),
    ("an SSH key", _any(r"(?:ssh-\w+|ecdsa-[\w-]+|sk-[\w@.-]+) AAAA.+")),
    (
        "a named digest",
        _any(
            *(
                rf"(?:{name})[:=-](?:{_HEX}{{{2 * size}}}|{_BASE64}{{{-(-4 * size // 3)}}}={{0,2}})"
                for name, size in _DIGESTS
            )
        ),
    ),
    ("an e-mail address or message ID", _any(r"<?[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+>?")),
    ("a geometry in EWKB", _any(rf"(?:010[1-7]0000[02]0|00[02]000000[1-7]){_HEX}{{16,}}")),
    ("a key of Open edX", _any(r"(?:[a-z]+-v\d+:|i4x://|lb:|lib:|lct:|ccx-)[\w+@:/.~-]+")),
    (
        "an address on a network, or a fingerprint",
        _any(rf"{_HEX}{{0,4}}(?::{_HEX}{{0,4}}){{2,7}}(?:/\d+)?", rf"(?:{_HEX}{{2}}[:-]){{5,31}}{_HEX}{{2}}"),
    ),
    ("a URL", _any(rf"{_NOT_ENCRYPTED}[a-zA-Z][\w+.-]{{1,20}}:/?/[^\s]+")),
    ("a token of another service", _any(rf"(?:{_TOKENS})[\w.-]{{16,}}", r"[\w-]{11,22}:APA91b[\w-]{134}")),
    # Of at most 24 characters, but for those of a checkout: 12 bytes of nonce and 16 of a tag are more in any encoding.
    ("an ID of another service", _any(rf"(?:{_IDS})_[A-Za-z0-9]{{14,32}}", r"cs_(?:live|test)_[A-Za-z0-9]{14,80}")),
    (
        "a path",  # its first part is a word, or its last one has a suffix
        _any(
            rf"(?:~|\.{{1,2}}|[A-Za-z]:)?/?{_NOT_ENCRYPTED}[A-Za-z]?[a-z][a-z_.-]+/[^\s]*",
            r"[^\s]*/[^\s]*[^\s/]\.[a-z][a-z0-9]{1,4}",
        ),
    ),
)
# RFC 2397: what is in one is looked at.
DATA_URI = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[^;,]*)*(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL)
# Documents that say themselves that they are encrypted.
ENCRYPTED = _any(r"-----BEGIN (?:ENCRYPTED|PGP MESSAGE|AGE )", r"-----BEGIN [A-Z ]+-----\s+Proc-Type: 4,ENCRYPTED")
# Bytes, by the first of them. What packed_values.py decompresses is not here: it is looked into.
MAGICS: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (what, re.compile(begins, re.DOTALL))
    for what, begins in (
        ("a picture", rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|BM....\0\0\0\0|II\*\0|MM\0\*|\0\0\x01\0"),
        ("a document", rb"%PDF-|PK\x03\x04|\xd0\xcf\x11\xe0\xa1\xb1|\{\\rtf|SQLite format 3\0"),
        ("compressed data", rb"\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|7z\xbc\xaf\x27\x1c"),
        ("sound or video", rb"ID3|\xff[\xfb\xf3\xf2]|OggS|fLaC|....ftyp|\x1aE\xdf\xa3|RIFF....(?:WAVE|AVI )"),
        ("a pickled object", rb"\x80[\x02-\x05](?:\x95.{6}\0\0|[\]\}K-X(cq)])"),
        ("a certificate or key in DER", rb"\x30\x82..\x30|\x30\x81.\x30"),
        ("a public key of OpenPGP", rb"\x99[\0-\x03].\x04|\xc6\xc1.\x04"),
        ("a geometry in EWKB", rb"[\0\x01](?:[\x01-\x07]\0\0[\0\x20]|[\0\x20]\0\0[\x01-\x07])"),
        ("a font", rb"wOF[F2]|OTTO|ttcf|\0\x01\0\0\0"),
        ("a program", rb"\x7fELF|MZ.\0|\xca\xfe\xba\xbe|\0asm"),
        ("Arrow, Parquet or NumPy data", rb"ARROW1|PAR1|\x93NUMPY"),
    )
)
# Columns of well-known packages that hold random texts by design, by table and column as their models name them.
COLUMNS: Mapping[str, str] = {
    "django_session.session_key": "a session key of Django",
    "django_session.session_data": "session data of Django, signed",
    "authtoken_token.key": "a token of Django REST framework",
    "knox_authtoken.digest": "a digest of django-rest-knox",
    "oauth2_provider_accesstoken.token": "a token of Django OAuth Toolkit",
    "oauth2_provider_refreshtoken.token": "a token of Django OAuth Toolkit",
    "oauth2_provider_grant.code": "a code of Django OAuth Toolkit",
    "oauth2_provider_application.client_id": "an ID of Django OAuth Toolkit",
    "otp_static_statictoken.token": "a token of django-otp",
    "otp_totp_totpdevice.key": "a key of django-otp, unencrypted",
    "otp_hotp_hotpdevice.key": "a key of django-otp, unencrypted",
    "account_emailconfirmation.key": "a confirmation key of django-allauth",
    "socialaccount_socialtoken.token": "a token of another service",
    "socialaccount_socialtoken.token_secret": "a token of another service",
    "social_auth_code.code": "a code of python-social-auth",
    "easy_thumbnails_source.storage_hash": "a digest of easy-thumbnails",
    "axes_accessattempt.session_hash": "a digest of django-axes",
}
