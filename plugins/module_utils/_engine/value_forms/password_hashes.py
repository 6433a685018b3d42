# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Password hashes, by the forms that name their algorithm.

A bare MD5 or SHA-256 in hex is not among them, even in a column named password. Ciphertext of a short password (an IV
and a block of AES) has the same length. Django writes no bare digests, and a person can settle such a column.
"""

from __future__ import annotations

_HEX = r"[\da-fA-F]"
_CRYPT = r"[./\dA-Za-z]"  # the characters of crypt(5)
_BASE64 = r"[\w+/.-]"
# Hashes in crypt(5) and in the PHC string format. Django has some of them after a name of its own.
_BCRYPT = rf"\$2[abxy]?\$\d\d\${_CRYPT}{{53}}"
_ARGON2 = rf"\$?argon2\w*\$(?:v=\d+\$)?[mtpkeyidat]+=[\w+/=,]+\${_BASE64}+\${_BASE64}+={{0,2}}"

# A salt, which may be empty, and as much hex as the algorithm makes: also of djangorestframework-api-key, after the
# beginning of the key.
_HASHERS = "|".join(
    rf"{name}\$[^$]{{0,32}}\${_HEX}{{{digits}}}"
    for name, digits in (
        ("(?:unsalted_)?md5", 32),
        ("(?:unsalted_)?sha1", 40),
        ("sha224", 56),
        ("sha256", 64),
        ("sha384", 96),
        ("sha512", 128),
    )
)
_KEY_ID = r"(?:[A-Za-z\d]{1,16}\.)?"

PATTERNS = (
    rf"{_KEY_ID}(?:{_HASHERS})",
    # django.contrib.auth.hashers, and a password that cannot be used
    rf"{_KEY_ID}pbkdf2_\w+\$\d+\$[^$]+\${_BASE64}{{27,86}}={{0,2}}",
    rf"{_KEY_ID}argon2\w*{_ARGON2}",
    rf"bcrypt\w*\${_BCRYPT}",
    rf"scrypt\$\d+\$[^$]+\$\d+\$\d+\${_BASE64}{{43,88}}={{0,2}}",
    rf"crypt\${_CRYPT}*\${_CRYPT}{{13}}",
    r"![A-Za-z0-9]{40}",
    # crypt(5), and what is written like it
    _BCRYPT,
    _ARGON2,
    rf"\$(?:1|apr1)\${_CRYPT}{{0,8}}\${_CRYPT}{{22}}",
    rf"\$5\$(?:rounds=\d+\$)?{_CRYPT}{{0,16}}\${_CRYPT}{{43}}",
    rf"\$6\$(?:rounds=\d+\$)?{_CRYPT}{{0,16}}\${_CRYPT}{{86}}",
    rf"\$g?y\${_CRYPT}+\${_CRYPT}{{1,86}}\${_CRYPT}{{43}}|\$7\${_CRYPT}{{11,97}}\${_CRYPT}{{43}}",
    rf"\$md5[\w,=]*\${_CRYPT}{{0,16}}\${{1,2}}{_CRYPT}{{22}}|\$sha1\$\d+\${_CRYPT}{{0,64}}\${_CRYPT}{{28}}",
    rf"\$scrypt\$ln=\d+,r=\d+,p=\d+\${_BASE64}{{0,88}}\${_BASE64}{{43,88}}={{0,2}}",
    rf"\$pbkdf2(?:-\w+)?\$[\d=il,]+\${_BASE64}{{0,88}}\${_BASE64}{{27,86}}={{0,2}}",
    rf"\$[PH]\${_CRYPT}{{31}}",  # phpass: WordPress, phpBB
    rf"U?\$S\${_CRYPT}{{52}}",  # Drupal
    # Werkzeug
    rf"scrypt:\d+:\d+:\d+\$[A-Za-z0-9]{{8,32}}\${_HEX}{{128}}",
    rf"pbkdf2:sha\w+(?::\d+)?\$[A-Za-z0-9]{{8,32}}\$(?:{_HEX}{{40}}|{_HEX}{{64}}|{_HEX}{{128}})",
    # servers of databases
    r"\*[\dA-F]{40}",  # MySQL
    rf"SCRAM-SHA-(?:1|256|512)\$\d+:{_BASE64}+={{0,2}}\${_BASE64}{{27,86}}={{0,2}}:{_BASE64}{{27,86}}={{0,2}}",
    # RFC 2307: a digest, and a salt of at most 16 bytes
    rf"\{{(?:S?SHA\d*|S?MD5)\}}{_BASE64}{{22,108}}={{0,2}}",
    rf"\{{(?:CRYPT|PBKDF2[\w-]*|ARGON2)\}}(?:{_BCRYPT}|{_ARGON2}|{_CRYPT}{{13}}|[\w$=,.]*\${_BASE64}{{22,86}}={{0,2}})",
)
