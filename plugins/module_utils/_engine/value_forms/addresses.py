# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs, paths and e-mail addresses. Any data can be written as one, so the form alone explains only some of them.

A text with a random part is explained if the rest says what it is. That is a public host, a file suffix, or the folders
of a content store. Any other text counts as random if most of it is. Even on a public host, the name of a file may be
ciphertext.
"""

from __future__ import annotations

import re

# What an application may put before its own tokens: never the scheme of a URL, or the first part of a path.
_NOT_ENCRYPTED = r"(?!(?:aes\w*|cipher\w*|crypt\w*|enc|encr\w*|fernet|secrets?)[.:/])"
FORMS = URL, PATH, MAIL = "a URL", "a path", "an e-mail address or message ID"
# Files, by the suffixes that say what is in one: not .enc, .bin, .v1.
_SUFFIX = (
    r"(?:avif|avi|bmp|css|csv|deb|docx?|eps|epub|flac|gif|gz|heic|html?|ico|ics|jpe?g|js|json|log|m4[av]|map|md|mkv|mov|"
    r"mp[34]|mpe?g|od[pst]|og[agv]|otf|parquet|pdf|php|png|pptx?|psd|py|rpm|rtf|srt|svg|tar|tgz|tiff?|ts|ttf|txt|vtt|wav|"
    r"web[mp]|whl|woff2?|xlsx?|xml|ya?ml|zip)"
)
_DIGESTS = (32, 40, 56, 64, 96, 128)  # digits
_DIGESTS_IN_URLS = (32, 40, 56, 64)  # longer ones are rare there: rather an IV with blocks of AES
NAMED_BY_DIGEST = rf"(?:{'|'.join(rf'[0-9a-f]{{{digits}}}' for digits in _DIGESTS)})\.{_SUFFIX}"
_FORMS = (
    (MAIL, re.compile(r"<?[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+>?")),
    (URL, re.compile(rf"{_NOT_ENCRYPTED}[a-zA-Z][\w+.-]{{1,20}}:/?/[^\s]+")),
    (
        PATH,  # its first part is a word, or its last one has a suffix
        re.compile(
            rf"(?:~|\.{{1,2}}|[A-Za-z]:)?/?{_NOT_ENCRYPTED}[A-Za-z]?[a-z][a-z_.-]+/[^\s]*|"
            r"[^\s]*/[^\s]*[^\s/]\.[a-z][a-z0-9]{1,4}|" + NAMED_BY_DIGEST,
        ),
    ),
)
# Schemes with a host; and those of stores, whose parts are often digests.
_HOSTED = re.compile(r"(?:https?|wss?|ftps?|sftp)://(?:[^/@\s]*@)?(?P<host>[^/:?#\s]+)", re.IGNORECASE)
_STORED = re.compile(
    r"(?:s3a?|gs|gcs|wasbs?|abfss?|azure|file|ipfs|git|ssh|docker|oci|magnet|android-app|chrome-extension):/?/",
    re.IGNORECASE,
)
# RFC 2606, 6761, 6762 and 9476: names that no public host has.
_RESERVED = re.compile(
    r"(?:^|\.)(?:local|localhost|internal|invalid|test|example|home\.arpa|alt|lan|localdomain)$", re.I
)
_LONGEST_ADDRESS = 38  # characters before the at sign: 28 bytes in base64, a nonce of 12 and a tag of 16
_LONGEST_NAME = 38  # of a file, the same
_SHORTEST_HEX = 56  # digits of a part of a URL: 28 bytes
_QUERY = re.compile(r"[?#]")
_FILE = re.compile(rf"\.{_SUFFIX}", re.IGNORECASE)
_HEX = re.compile(r"[\da-f]+|[\dA-F]+")
# Members of a query: signatures of stores, and the click IDs of advertisements.
_SENT = re.compile(
    r"(?:^|[-_])(?:sig|sign|signature|hmac|policy|credential|security-token|key-pair-id|oh)$|cl(?:k)?id$|braid$|^igsh",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:md5|sha-?(?:1|224|256|384|512)|blake\w+)$", re.IGNORECASE)


def form_of(text: str) -> tuple[str, bool]:
    """Return the form of a text and whether the form explains it, even if parts of it look encrypted."""
    for what, form in _FORMS:
        if form.fullmatch(text):
            return what, _EXPLAINS[what](text)
    return "", False


def _is_mail(text: str) -> bool:
    name, _, host = text.strip("<>").rpartition("@")
    return not _RESERVED.search(host) and (text.startswith("<") or len(name) < _LONGEST_ADDRESS)


def _is_url(text: str) -> bool:
    match = _HOSTED.match(text)
    if match:
        is_public = "." in match["host"] and not _RESERVED.search(match["host"])
        path = _QUERY.split(text[match.end() :])[0]
        return is_public and (_is_path(path) or not _is_named_at_random(path))
    return bool(_STORED.match(text))


def _is_named_at_random(path: str) -> bool:
    """Return whether the last part of a URL's path may be ciphertext: a file name, or enough hex digits."""
    stem, _, suffix = path.rstrip("/").rpartition("/")[2].partition(".")
    return _has_suffix(suffix) or (
        len(stem) >= _SHORTEST_HEX and bool(_HEX.fullmatch(stem)) and len(stem) not in _DIGESTS
    )


def names_in_url(text: str) -> tuple[str, list[str]]:
    """Return the host of a URL, and its parts that are as long as ciphertext, and neither digests nor signed.

    These are the last part of its path, and what is in its query and fragment without the name of a signature or of an
    advertisement.
    """
    match = _HOSTED.match(text)
    if not match:
        return "", []
    path, *others = _QUERY.split(text[match.end() :])
    last = path.rstrip("/").rpartition("/")[2]
    names = [] if _is_path(path.rstrip("/")) else [last]
    for name, _, value in (member.partition("=") for other in others for member in other.split("&")):
        names += [] if _SENT.search(name) else [value if value.strip("=") else name]
    return match["host"], [name for name in names if len(name) >= _LONGEST_NAME and not _is_digest_or_signed(name)]


def _is_digest_or_signed(name: str) -> bool:
    """Return whether it is a digest by its length, or signed as Django does, which is judged elsewhere."""
    return ":" in name or (len(name) in _DIGESTS_IN_URLS and bool(_HEX.fullmatch(name)))


def _has_suffix(suffix: str) -> bool:
    return bool(_FILE.fullmatch(f".{suffix.rpartition('.')[2]}"))


def _is_path(text: str) -> bool:
    *folders, name = re.split(r"[/\\]+", text.rstrip("/"))
    stem, _, suffix = name.partition(".")
    is_digest = _is_digest(folders, stem)
    is_file = _has_suffix(suffix)
    return is_digest or (
        is_file and (len(stem) < _LONGEST_NAME or (len(stem) in _DIGESTS and bool(_HEX.fullmatch(stem))))
    )


def _is_digest(folders: list[str], name: str) -> bool:
    """Return whether a path is in a content store, with folders of a digest's first digits or of its name."""
    shards = [folder for folder in folders if len(folder) in (2, 3, 4) and _HEX.fullmatch(folder)]
    if not _HEX.fullmatch(name) or not folders:
        return False
    if _NAMED.match(folders[-1]):
        return len(name) in _DIGESTS
    last = folders[-len(shards) :] if shards else []
    return last == shards != [] and (
        len(name) in _DIGESTS if name.startswith(shards[0]) else len("".join(shards) + name) in _DIGESTS
    )


_EXPLAINS = {URL: _is_url, PATH: _is_path, MAIL: _is_mail}
