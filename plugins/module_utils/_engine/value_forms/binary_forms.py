# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a known kind. Their first bytes alone explain nothing: the rest must have the structure they announce.

A version and a key ID before ciphertext are the same bytes as the beginning of a geometry or of an icon. A PDF or
private key that is itself encrypted is not of a known kind.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

# Whether data has the structure of its kind. The second argument is whether it may have been cut off.
Check = Callable[[bytes, bool], bool]


def kind_of(data: bytes, is_cut: bool = False) -> str:
    """Return the kind of the bytes. Empty if it is not known."""
    for what, begins, is_whole in KINDS:
        if begins.match(data):
            try:
                if is_whole(data, is_cut):
                    return what
            except (IndexError, struct.error):  # it ends before its structure does
                continue
    return ""


def is_encrypted(data: bytes, is_cut: bool = False) -> bool:
    """Return whether bytes are a document or key that says that it is encrypted."""
    try:
        return any(data.startswith(begin) and says_so(data, is_cut) for begin, says_so in _SAY_SO)
    except (IndexError, struct.error):
        return False


def _number(order: str, data: bytes, place: int) -> int:
    return int(struct.unpack_from(order, data, place)[0])


def _ends_at(data: bytes, end: int, is_cut: bool) -> bool:
    return len(data) == end or (is_cut and len(data) < end)


# Pictures


def _is_png(data: bytes, is_cut: bool) -> bool:
    if data[12:16] != b"IHDR" or zlib.crc32(data[12:29]) != _number(">I", data, 29):
        return False
    place = 8
    while place + 8 <= len(data):
        if not data[place + 4 : place + 8].isalpha():
            return False
        place += 12 + _number(">I", data, place)
    return _ends_at(data, place, is_cut)


def _is_jpeg(data: bytes, is_cut: bool) -> bool:
    place = 2
    while place + 4 <= len(data):
        marker, size = data[place + 1], _number(">H", data, place + 2)
        if data[place] != 0xFF or marker < 0xC0 or size < 2:
            return False
        if marker == 0xDA:
            return is_cut or b"\xff\xd9" in data[place:]
        place += 2 + size
    return is_cut


def _is_gif(data: bytes, is_cut: bool) -> bool:
    palette = 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    begins = data[13 + palette] in b"!,"
    return begins and (is_cut or data.rstrip(b"\0").endswith(b";"))


def _is_riff(data: bytes, is_cut: bool) -> bool:
    end = 8 + _number("<I", data, 4)
    return data[12:15].isalnum() and (_ends_at(data, end, is_cut) or len(data) == end + end % 2)


def _is_bmp(data: bytes, is_cut: bool) -> bool:
    return _ends_at(data, _number("<I", data, 2), is_cut) and _number("<I", data, 14) in (12, 40, 52, 56, 64, 108, 124)


def _is_tiff(data: bytes, is_cut: bool) -> bool:
    order = "<" if data.startswith(b"II") else ">"
    place = _number(f"{order}I", data, 4)
    if place + 6 > len(data):
        return is_cut
    return 0 < _number(f"{order}H", data, place) < 200 and 0 < _number(f"{order}H", data, place + 4) < 14


def _is_icon(data: bytes, is_cut: bool) -> bool:
    count, size, place = _number("<H", data, 4), _number("<I", data, 14), _number("<I", data, 18)
    return place == 6 + 16 * count and data[9] == 0 and (is_cut or place + size <= len(data))


# Documents


def _is_pdf(data: bytes, is_cut: bool) -> bool:
    return b" obj" in data and b"/Encrypt" not in data


def _is_zip(data: bytes, is_cut: bool) -> bool:
    flags, name = _number("<H", data, 6), data[30 : 30 + _number("<H", data, 26)]
    if flags & 1 or not name or not _is_name(name):
        return False
    if is_cut:
        return True
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return bool(archive.infolist()) and not any(each.flag_bits & 1 for each in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _is_name(name: bytes) -> bool:
    try:
        return name.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def _is_ole(data: bytes, is_cut: bool) -> bool:
    """A compound file of Office: one with EncryptedPackage has a document under a password."""
    is_file = data[28:30] == b"\xfe\xff" and _number("<H", data, 26) in (3, 4)
    return is_file and _PACKAGE not in data


def _is_sqlite(data: bytes, is_cut: bool) -> bool:
    return data[21:24] == b"\x40\x20\x20" and {data[18], data[19]} <= {1, 2}


# Compressed data that Python does not decompress: its blocks are counted. What cannot be compressed is stored in them.


def _is_zstd(data: bytes, is_cut: bool) -> bool:
    described = data[4]
    if described & 0x08:
        return False
    single = described >> 5 & 1
    content = (single, 2, 4, 8)[described >> 6]
    return _has_blocks(data, 5 + (not single) + (0, 1, 2, 4)[described & 3] + content, is_cut, _zstd_block)


def _zstd_block(data: bytes, place: int) -> tuple[int, bool, bool]:
    """Return where a block ends, whether its content is stored uncompressed, and whether it is the last one."""
    header = int.from_bytes(data[place : place + 3], "little")
    kind, size = header >> 1 & 3, header >> 3
    if kind == 3 or size > 1 << 17:
        raise IndexError
    return place + 3 + (1 if kind == 1 else size), kind == 0, bool(header & 1)


def _is_lz4(data: bytes, is_cut: bool) -> bool:
    flags, sizes = data[4], data[5]
    if flags >> 6 != 1 or flags & 0x02 or sizes & 0x8F:
        return False
    checked = 4 * (flags >> 4 & 1)

    def block(data: bytes, place: int) -> tuple[int, bool, bool]:
        size = _number("<I", data, place)
        if size & 0x7FFFFFFF > 1 << 22:
            raise IndexError
        return place + 4 + ((size & 0x7FFFFFFF) + checked if size else 0), bool(size >> 31), not size

    return _has_blocks(data, 7 + 8 * (flags >> 3 & 1) + 4 * (flags & 1), is_cut, block)


def _has_blocks(data: bytes, place: int, is_cut: bool, block: Callable[[bytes, int], tuple[int, bool, bool]]) -> bool:
    """Return whether blocks follow each other up to the last one, and most of their content is compressed."""
    stored = packed = 0
    is_last = False
    while not is_last and place + 3 <= len(data):
        end, is_stored, is_last = block(data, place)
        stored, packed = stored + is_stored * (end - place), packed + (not is_stored) * (end - place)
        place = end
    whole = is_last and place <= len(data) <= place + 4  # a checksum may follow
    return (whole or (is_cut and place > len(data))) and stored < packed


# Sound and video


def _is_id3(data: bytes, is_cut: bool) -> bool:
    return data[3] in (2, 3, 4) and not data[5] & 0x0F and max(data[6:10]) < 128 and data[10:13].isalnum()


def _is_mpeg(data: bytes, is_cut: bool) -> bool:
    """MPEG-1 layer III: a second frame follows where the first one ends."""
    rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
    rate, sampled = rates[data[2] >> 4], (44100, 48000, 32000, 0)[data[2] >> 2 & 3]
    if not rate or not sampled:
        return False
    place = 144 * rate * 1000 // sampled + (data[2] >> 1 & 1)
    return data[place] == 0xFF and data[place + 1] == data[1]


def _is_ogg(data: bytes, is_cut: bool) -> bool:
    segments = data[27 : 27 + data[26]]
    place = 27 + len(segments) + sum(segments)
    return data[4] == 0 and data[5] < 8 and (_ends_at(data, place, is_cut) or data[place : place + 4] == b"OggS")


def _is_flac(data: bytes, is_cut: bool) -> bool:
    """Blocks of metadata up to the last one, and the first frame."""
    place, is_last = 4, False
    while not is_last and place + 4 <= len(data):
        if data[place] & 0x7F > 6:
            return False
        is_last = bool(data[place] & 0x80)
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    if place + 2 > len(data):
        return is_cut
    return is_last and data[place] == 0xFF and data[place + 1] & 0xFE == 0xF8


def _is_matroska(data: bytes, is_cut: bool) -> bool:
    """Return whether a segment follows the header."""
    return data.find(b"\x18\x53\x80\x67", 5, 128) > 0


def _is_mp4(data: bytes, is_cut: bool) -> bool:
    place = _number(">I", data, 0)
    follows = data[place + 4 : place + 8]
    return data[8:11].isalnum() and (follows.isalnum() if place < len(data) else is_cut)


# Keys, geometries, and the rest

# Algorithms and contents of what is encrypted, by the beginning of their object identifiers: PKCS #5, PKCS #12,
# enveloped, encrypted and authenticated data of CMS, and AES.
_ENCRYPTING = (
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x05",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
    b"\x60\x86\x48\x01\x65\x03\x04\x01",
)


def is_der(data: bytes, is_cut: bool = False) -> bool:
    """Return whether all bytes are one DER structure that is not encrypted.

    It has object identifiers, but not of an algorithm that encrypts, or it is the nine numbers of an RSA key.
    """
    try:
        tags = list(_tags(data, is_cut))
    except IndexError:
        return False
    return (6 in tags and not _has_encrypting(data)) or tags == [0x30, *[2] * 9]


def _has_encrypting(data: bytes) -> bool:
    return any(each in data for each in _ENCRYPTING)


def _tags(data: bytes, is_cut: bool) -> Iterator[int]:
    """Yield the tags of a DER structure in order. Nothing if it is not one."""
    tags: list[int] = []
    left = [(0, len(data))]
    while left:
        place, end = left.pop()
        while place < end - 1 or (place < end and not is_cut):
            if len(tags) > 2000:
                return
            tag, size, begin = data[place], data[place + 1], place + 2
            if size > 0x80:
                begin += size - 0x80
                size = int.from_bytes(data[place + 2 : begin], "big")
            place = begin + size
            if place > end and not is_cut:
                return
            tags.append(tag)
            if tag & 0x20 and begin < min(place, end):
                left.append((begin, min(place, end)))
    yield from tags


def _is_openpgp(data: bytes, is_cut: bool) -> bool:
    """A public key and what follows it: a user's ID, a signature or a subkey."""
    size = _number(">H", data, 1)
    new = data[0] & 0x40
    end = 3 + size if not new else 2 + ((data[1] - 192) << 8) + data[2] + 192 + 1
    if data[3 + 5] not in (1, 2, 3, 16, 17, 18, 19, 22, 25, 26, 27, 28):
        return False
    if end >= len(data):
        return _ends_at(data, end, is_cut)
    tag = data[end] & 0x3F if data[end] & 0x40 else data[end] >> 2 & 0x0F
    return bool(data[end] & 0x80) and tag in (2, 13, 14, 17)


_SMALLEST, _LARGEST = 1e-12, 1e12  # of coordinates: 4 % of random numbers are between


def is_geometry(data: bytes, is_cut: bool = False) -> bool:
    """EWKB or WKB: numbers that can be coordinates, to the last byte."""
    try:
        return _ends_at(data, _geometry_end(data, 0), is_cut)
    except (IndexError, struct.error):
        return is_cut and len(data) > 1000
    except ValueError:
        return False


def _geometry_end(data: bytes, place: int, depth: int = 0) -> int:
    """Return where the geometry that begins at ``place`` ends. Raise ValueError if it is not a geometry."""
    if data[place] > 1 or depth > 4:
        raise ValueError
    order = "<" if data[place] else ">"
    kind = _number(f"{order}I", data, place + 1)
    place += 5 + 4 * (kind >> 29 & 1)
    plain = (kind & 0x1FFFFFFF) % 1000
    numbers = 2 + (kind >> 31) + (kind >> 30 & 1) + (0, 1, 1, 2)[min((kind & 0x1FFFFFFF) // 1000, 3)]
    if not 1 <= plain <= 7:
        raise ValueError
    if plain == 1:
        return _coordinates(data, place, numbers, order)
    count, place = _number(f"{order}I", data, place), place + 4
    for _each in range(count):
        if plain == 2:
            place = _coordinates(data, place, numbers, order)
        elif plain == 3:
            points, place = _number(f"{order}I", data, place), place + 4
            for _point in range(points):
                place = _coordinates(data, place, numbers, order)
        else:
            place = _geometry_end(data, place, depth + 1)
    return place


def _coordinates(data: bytes, place: int, numbers: int, order: str) -> int:
    for number in struct.unpack_from(f"{order}{numbers}d", data, place):
        if number and not math.isnan(number) and not _SMALLEST < abs(number) < _LARGEST:
            raise ValueError
    return place + 8 * numbers


def _is_woff(data: bytes, is_cut: bool) -> bool:
    return _ends_at(data, _number(">I", data, 8), is_cut)


def _is_font(data: bytes, is_cut: bool) -> bool:
    tables = _number(">H", data, 4)
    return 0 < tables < 100 and _number(">H", data, 6) == 16 * 2 ** (tables.bit_length() - 1)


def _is_program(data: bytes, is_cut: bool) -> bool:
    return data[60:64] != b"" and data[_number("<I", data, 60) :][:2] == b"PE"


def _is_elf(data: bytes, is_cut: bool) -> bool:
    order, wide = "<" if data[5] == 1 else ">", data[4] == 2
    header = _number(f"{order}H", data, 52 if wide else 40)
    return _number(f"{order}I", data, 20) == 1 and header == (64 if wide else 52)


def _is_wasm(data: bytes, is_cut: bool) -> bool:
    """Sections up to its end, each after its size in LEB128."""
    place = 8
    while place < len(data):
        if data[place] > 13:
            return False
        size = shift = 0
        more = True
        while more:
            place += 1
            more, size = data[place] > 127, size | (data[place] & 127) << shift
            shift += 7
        place += 1 + size
    return _ends_at(data, place, is_cut)


# Bytes of each kind of constant of a class of Java; a text has its length in front.
_CONSTANTS = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}


def _is_java(data: bytes, is_cut: bool) -> bool:
    left, place = _number(">H", data, 8) - 1, 10
    while left > 0 and place < len(data):
        kind = data[place]
        if kind != 1 and kind not in _CONSTANTS:
            return False
        left -= 2 if kind in (5, 6) else 1
        place += 3 + _number(">H", data, place + 1) if kind == 1 else 1 + _CONSTANTS[kind]
    return is_cut or (left <= 0 and place < len(data))


def _is_closed(data: bytes, is_cut: bool) -> bool:
    """Parquet and Arrow files end with what they begin with."""
    return is_cut or data.endswith(data[:4])


# Checks of documents and keys that say that they are encrypted, by their first bytes.
_SAY_SO: tuple[tuple[bytes, Check], ...] = (
    (b"%PDF-", lambda data, is_cut: b" obj" in data and b"/Encrypt" in data),
    (b"PK\x03\x04", lambda data, is_cut: bool(_number("<H", data, 6) & 1)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", lambda data, is_cut: _PACKAGE in data),
    (b"\x30", lambda data, is_cut: _has_encrypting(data) and 6 in _tags(data, is_cut)),
)


def _is_attestation(data: bytes, is_cut: bool) -> bool:
    """W3C, Web Authentication: a map of three members in CBOR."""
    return b"gattStmt" in data and (is_cut or b"hauthData" in data)


# RFC 9053 and 8230, in CBOR: the kind of a key, its algorithm, its curve, and its numbers, each after its length.
_COSE = (
    rb"\xa5\x01\x02\x03(?:\x26|\x38.)\x20[\x01-\x08]\x21\x58\x20.{32}\x22\x58\x20.{32}",
    rb"\xa5\x01\x02\x03(?:\x26|\x38.)\x20[\x01-\x08]\x21\x58\x30.{48}\x22\x58\x30.{48}",
    rb"\xa5\x01\x02\x03(?:\x26|\x38.)\x20[\x01-\x08]\x21\x58\x42.{66}\x22\x58\x42.{66}",
    rb"\xa4\x01\x01\x03(?:\x27|\x38.)\x20[\x04-\x07]\x21\x58\x20.{32}",
    rb"\xa4\x01\x03\x03\x39..\x20\x59(?:\x01\0.{256}|\x01\x80.{384}|\x02\0.{512})\x21\x43\x01\0\x01",
)


def _any(data: bytes, is_cut: bool) -> bool:
    return True  # the pattern itself is long enough


KINDS: tuple[tuple[str, re.Pattern[bytes], Check], ...] = tuple(
    (what, re.compile(begins, re.DOTALL), check)
    for what, begins, check in (
        ("a picture", rb"\x89PNG\r\n\x1a\n", _is_png),
        ("a picture", rb"\xff\xd8\xff", _is_jpeg),
        ("a picture", rb"GIF8[79]a", _is_gif),
        ("a picture", rb"RIFF....WEBP", _is_riff),
        ("a picture", rb"BM....\0\0\0\0", _is_bmp),
        ("a picture", rb"II\*\0|MM\0\*", _is_tiff),
        ("a picture", rb"\0\0\x01\0", _is_icon),
        ("a document", rb"%PDF-\d\.\d", _is_pdf),
        ("a document", rb"PK\x03\x04", _is_zip),
        ("a document", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _is_ole),
        ("a document", rb"SQLite format 3\0", _is_sqlite),
        ("compressed data", rb"\x28\xb5\x2f\xfd", _is_zstd),
        ("compressed data", rb"\x04\x22\x4d\x18", _is_lz4),
        ("sound or video", rb"ID3", _is_id3),
        ("sound or video", rb"\xff[\xfb\xfa]", _is_mpeg),
        ("sound or video", rb"OggS", _is_ogg),
        ("sound or video", rb"fLaC[\0\x80]\0\0\x22", _is_flac),
        ("sound or video", rb"\0\0..ftyp", _is_mp4),
        ("sound or video", rb"\x1aE\xdf\xa3.{0,60}(?:webm|matroska)", _is_matroska),
        ("sound or video", rb"RIFF....(?:WAVE|AVI )", _is_riff),
        ("a certificate or key in DER", rb"\x30\x82..[\x02\x30]|\x30\x81.[\x02\x30]|\x30.[\x02\x30]", is_der),
        ("a public key of COSE", rb"(?:%b)\Z" % b"|".join(_COSE), _any),
        ("an attestation of a passkey", rb"\xa3cfmt", _is_attestation),
        ("a public key of OpenPGP", rb"\x99[\0-\x0f].\x04|\xc6[\xc0-\xdf].\x04", _is_openpgp),
        ("a geometry in EWKB", rb"[\0\x01]", is_geometry),
        ("a font", rb"wOF[F2]", _is_woff),
        ("a font", rb"OTTO|\0\x01\0\0\0|true\0", _is_font),
        ("a program", rb"\x7fELF[\x01\x02][\x01\x02]\x01.{1}\0{7}", _is_elf),
        ("a program", rb"MZ", _is_program),
        ("a program", rb"\xca\xfe\xba\xbe\0\0\0[\x01-\x7f]", _is_java),
        ("a program", rb"\0asm\x01\0\0\0", _is_wasm),
        ("Arrow, Parquet or NumPy data", rb"ARROW1|PAR1", _is_closed),
        ("Arrow, Parquet or NumPy data", rb"\x93NUMPY[\x01-\x03]\0..(?:\0\0)?\{'", _any),
    )
)
