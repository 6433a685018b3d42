# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of compressed, encoded and pickled values: JSON in base64, Django's sessions, gzip in a bytea.

Size, depth and memory are bounded.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator

from ..crypto.tokens import as_bytes
from . import pickles
from .base64_texts import decode_cut_base64
from .json_text import is_document
from .unusual_encodings import number_lists, percent_decoded, url_parts

LONGEST = 4096  # bytes or characters of a value that are read: a longer one is cut off
DEPTH = 3  # of packed values inside each other
MOST = 1 << 20  # bytes of one value that are unpacked
MOST_MEMORY = 1 << 26  # bytes that a decompressor may take for itself
_GZIP = 31  # window bits of zlib for a stream with the header of gzip
# How compressed data is read, by its first bytes. Of a stream that was cut off, the beginning counts.
_STREAMS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b\x08": lambda data: zlib.decompressobj(_GZIP).decompress(data, MOST),
    b"\x78": lambda data: zlib.decompressobj().decompress(data, MOST),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data, MOST),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor(memlimit=MOST_MEMORY).decompress(data, MOST),
}
# How these begin in base64 and in hex.
_PACKED_WORD = re.compile(rb"(?<![\w+/-])(?:H4sI|e[AFJN]|Qlpo|[/_]Td6W)[\w+/-]{20,}={0,2}", re.ASCII)
_PACKED_HEX = re.compile(rb"(?<![\da-fA-F])(?i:1f8b08|78(?:01|5e|9c|da)|425a68|fd377a585a00)(?:[\da-fA-F]{2}){16,}")
_HEX = re.compile(rb"(?:[\da-fA-F]{2}){16,}")


def decompressed(data: bytes) -> bytes:
    """Return what compressed data holds, up to a bound. Empty if it is not compressed."""
    for begin, read in _STREAMS.items():
        if data.startswith(begin):
            try:
                return read(data)
            except (zlib.error, OSError, lzma.LZMAError):
                return b""
    return b""


def unpacked(value: str | bytes) -> Iterator[bytes]:
    """Yield a value, and what is compressed or encoded inside it, to a depth of DEPTH."""
    level = [as_bytes(value)]
    left = MOST
    for _level in range(DEPTH):
        yield from level
        level = [inside for each in level for inside in _inside(each) if inside]
        left -= sum(map(len, level))
        if left < 0:
            return
    yield from level


def _inside(data: bytes) -> Iterator[bytes]:
    yield decompressed(data)
    yield percent_decoded(data)
    yield from url_parts(data)
    if b"[" in data:
        yield from number_lists(data.decode("utf-8", "replace"))
    for word in _PACKED_WORD.findall(data):
        yield decompressed(decode_cut_base64(word))
    for word in _PACKED_HEX.findall(data):
        yield decompressed(bytes.fromhex(word.decode()))


def document_in(value: str | bytes) -> str:
    """Return the JSON document that a compressed, pickled or encoded value holds as a whole. Empty if it is not one."""
    data = as_bytes(value)
    is_cut = len(value) >= LONGEST
    if pickled := pickles.document(data, is_cut):
        return pickled
    for _level in range(DEPTH):
        data = decompressed(data) or _decoded(data)
        if not data:
            return ""
        if pickled := pickles.document(data, is_cut):
            return pickled
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if is_document(text):
            return text
    return ""


def _decoded(data: bytes) -> bytes:
    joined = b"".join(data.split())
    return bytes.fromhex(joined.decode()) if _HEX.fullmatch(joined) else decode_cut_base64(joined)
