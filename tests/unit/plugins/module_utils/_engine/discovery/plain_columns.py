# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of what healthy applications store, which must not stop a rotation: 50 values of each kind, by several
seeds. And ciphertext in places that explain something else."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

SEEDS = range(8)
SIZE = 50
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def column(kind: Callable[[random.Random], str], seed: int) -> Sequence[str]:
    chance = random.Random(f"{seed}")
    return [kind(chance) for _ in range(SIZE)]


def of_letters(chance: random.Random, letters: str, length: int) -> str:
    return "".join(chance.choices(letters, k=length))


def grouped(text: str, size: int, sign: str = "-") -> str:
    return sign.join(text[start : start + size] for start in range(0, len(text), size))


def urlsafe(chance: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(size)).decode().rstrip("=")


def listed(numbers: Sequence[float]) -> str:
    return json.dumps([max(-128, min(127, round(number))) for number in numbers])


def sine(chance: random.Random, count: int, loudness: float = 127.0) -> list[float]:
    turn, start = chance.uniform(0.02, math.pi), chance.uniform(0, 6)
    return [loudness * math.sin(turn * place + start) for place in range(count)]


def sound(chance: random.Random) -> str:
    """Samples of 8 bits of a note and its overtones, some of them clipped."""
    notes = [sine(chance, 96, chance.uniform(60, 140)) for _ in range(3)]
    return listed([sum(each) + chance.gauss(0, 4) for each in zip(*notes)])


def peaks(chance: random.Random) -> str:
    """The lowest and the highest sample of each pixel of a waveform."""
    heights = [chance.uniform(20, 130) for _ in range(32)]
    return listed([each for height in heights for each in (-height, height * chance.uniform(0.9, 1.1))])


def walk(chance: random.Random) -> str:
    """Values of an accelerometer."""
    place, path = 0.0, []
    for _ in range(64):
        place = max(-128.0, min(127.0, place + chance.gauss(0, 45)))
        path.append(place)
    return listed(path)


NUMBERS: dict[str, Callable[[random.Random], str]] = {
    "profits and losses": lambda chance: listed([chance.gauss(5, 60) for _ in range(24)]),
    "profits and losses of a year": lambda chance: listed([chance.gauss(10, 50) for _ in range(52)]),
    "percentages": lambda chance: json.dumps([chance.randrange(-100, 101) for _ in range(40)]),
    "accelerations": walk,
    "a sine": lambda chance: listed(sine(chance, chance.randrange(32, 200))),
    "sound": sound,
    "peaks of sound": peaks,
    "places on earth": lambda chance: json.dumps(
        [each for _ in range(20) for each in (chance.randrange(-90, 91), chance.randrange(-180, 181))]
    ),
    "an embedding": lambda chance: listed([chance.gauss(0, 42) for _ in range(384)]),
    "a vector of bytes": lambda chance: json.dumps(
        [max(0, min(255, round(chance.gauss(128, 42)))) for _ in range(128)]
    ),
    "ranks": lambda chance: json.dumps(chance.sample(range(256), 256)),
    "IDs of favorites": lambda chance: json.dumps(chance.sample(range(1, 256), 24)),
    "a histogram": lambda chance: json.dumps([min(255, int(chance.expovariate(1 / 40))) for _ in range(64)]),
    "a line of CSV": lambda chance: ",".join(str(chance.randrange(-120, 121)) for _ in range(20)),
    "points of SVG": lambda chance: " ".join(
        f"{chance.randrange(-100, 101)},{chance.randrange(-100, 101)}" for _ in range(20)
    ),
}
CODES: dict[str, Callable[[random.Random], str]] = {
    "product keys of 8 groups": lambda chance: grouped(of_letters(chance, CAPITALS, 40), 5),
    "product keys of Crockford": lambda chance: grouped(of_letters(chance, CROCKFORD, 40), 5),
    "license plates": lambda chance: " ".join(of_letters(chance, CAPITALS, 7) for _ in range(5)),
    "recovery codes": lambda chance: " ".join(of_letters(chance, CAPITALS, 8) for _ in range(10)),
    "recovery codes in small letters": lambda chance: " ".join(
        of_letters(chance, CAPITALS.lower(), 8) for _ in range(10)
    ),
    "IDs of 26 capitals and digits": lambda chance: f"{chance.choice('89ABCDEF')}{of_letters(chance, CROCKFORD, 25)}",
}
TOKENS: dict[str, Callable[[random.Random], str]] = {
    "keys of Twilio": lambda chance: f"SK{chance.randbytes(16).hex()}",
    "keys of Mailgun": lambda chance: f"key-{chance.randbytes(16).hex()}",
}
PARTS: dict[str, Callable[[random.Random], str]] = {
    "an ObjectId and a token": lambda chance: f"{chance.randbytes(12).hex()}.{of_letters(chance, BASE62, 24)}",
    "an MD5, a word and a token": lambda chance: (
        f"{chance.randbytes(16).hex()}.{chance.choice(('web', 'mobile', 'desktop'))}.{of_letters(chance, BASE62, 24)}"
    ),
}
ORDINARY = {**NUMBERS, **CODES, **TOKENS, **PARTS}


# What a service gives, or a generator that the settings name, by where a package stores it.
GIVEN: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "LinkedIn": ("socialaccount_socialtoken.token", lambda chance: f"AQ{urlsafe(chance, 255)}"),
    "Spotify": ("socialaccount_socialtoken.token", lambda chance: f"BQ{urlsafe(chance, 150)}"),
    "Twitter": (
        "socialaccount_socialtoken.token",
        lambda chance: f"{chance.randrange(10**9, 10**10)}-{of_letters(chance, BASE62, 40)}",
    ),
    "a secret of Twitter": ("socialaccount_socialtoken.token_secret", lambda chance: of_letters(chance, BASE62, 45)),
    "Discord": ("socialaccount_socialtoken.token", lambda chance: of_letters(chance, BASE62, 30)),
    "an own generator": ("oauth2_provider_accesstoken.token", lambda chance: urlsafe(chance, 32)),
    "an own generator of codes": ("oauth2_provider_grant.code", lambda chance: chance.randbytes(32).hex()),
    "an own generator of IDs": ("oauth2_provider_application.client_id", lambda chance: urlsafe(chance, 30)),
}


Writer = Callable[[random.Random], Any]


def addresses(sign: str) -> Writer:
    return lambda chance: sign.join(
        ".".join(str(chance.randrange(256)) for _ in range(4)) for _ in range(chance.randrange(4, 10))
    )


def polyline(chance: random.Random, precision: int = 5, places: int = 40) -> str:
    """A route as Google encodes it."""
    text, last = "", [0, 0]
    here = [chance.uniform(-60, 70), chance.uniform(-179, 179)]
    for _ in range(places):
        here = [degree + chance.gauss(0, 0.002) for degree in here]
        for axis, degree in enumerate(here):
            number = round(degree * 10**precision)
            step, last[axis] = number - last[axis], number
            step = ~(step << 1) if step < 0 else step << 1
            while step > 31:
                text += chr((32 | step & 31) + 63)
                step >>= 5
            text += chr(step + 63)
    return text


def directions(chance: random.Random) -> str:
    steps = [{"polyline": {"points": polyline(chance, places=chance.randrange(2, 20))}} for _ in range(5)]
    return json.dumps({"routes": [{"overview_polyline": {"points": polyline(chance)}, "legs": [{"steps": steps}]}]})


def heart_rates(chance: random.Random) -> str:
    return json.dumps([round(min(190, max(55, chance.gauss(120, 40)))) for _ in range(60)])


def waveform(chance: random.Random) -> list[int]:
    return [round(127.5 + each) for each in sine(chance, 100, 127)]


def palette(chance: random.Random) -> str:
    grays = [(255, 255, 255), (0, 0, 0), (255, chance.randrange(256), 0)]
    own = [tuple(chance.randrange(256) for _ in range(3)) for _ in range(3)]
    return json.dumps([each for _ in range(8) for each in chance.choice([*grays, *own])])


def molecule(chance: random.Random) -> str:
    parts = (
        "CC(C)",
        "C(=O)",
        "N1CCN(CC1)",
        "c1ccc(cc1)",
        "[C@@H](O)",
        "OC",
        "S(=O)(=O)",
        "[N+](=O)",
        "C/C=C/",
        "Cl",
        "#N",
    )
    return f"C{''.join(chance.choices(parts, k=chance.randrange(4, 12)))}"


def position(chance: random.Random) -> str:
    rows = ["".join(chance.choices("pnbrqkPNBRQK1", k=8)) for _ in range(8)]
    return f"{'/'.join(rows)} {chance.choice('wb')} KQkq - {chance.randrange(50)} {chance.randrange(1, 90)}"


def push(chance: random.Random) -> str:
    """What GitHub sends of a push."""
    node = base64.b64encode(f"010:Repository{chance.randrange(10**8)}".encode()).decode()
    commit = {"id": chance.randbytes(20).hex(), "tree_id": chance.randbytes(20).hex(), "message": "Fix a typo"}
    marks = {name: chance.randbytes(20).hex() for name in ("before", "after", "checkout_sha")}
    request = {"node_id": f"PR_kwDO{urlsafe(chance, 12)}", "merge_commit_sha": chance.randbytes(20).hex()}
    return json.dumps({"ref": "refs/heads/main", **marks, "repository": {"node_id": node},
                       "head_commit": commit, "pull_request": request})  # fmt: skip


def notification(chance: random.Random) -> str:
    """What Amazon SNS sends."""
    signature = base64.b64encode(chance.randbytes(256)).decode()
    certificate = f"https://sns.eu-west-1.amazonaws.com/{chance.randbytes(16).hex()}.pem"
    return json.dumps({"Message": "a message of words", "Signature": signature, "SigningCertURL": certificate})


def event(chance: random.Random) -> str:
    """What SendGrid sends."""
    return json.dumps([{"event": "open", "sg_event_id": urlsafe(chance, 16),
                        "sg_message_id": f"{urlsafe(chance, 16)}.filter0001.16648.5515E0B88.0"}])  # fmt: skip


def picture(chance: random.Random) -> str:
    parts = (
        b"IHDR" + struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0),
        b"IDAT" + zlib.compress(chance.randbytes(600)),
        b"IEND",
    )
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def signed_mail(chance: random.Random) -> str:
    signature = "\r\n\t".join(grouped(base64.b64encode(chance.randbytes(256)).decode(), 64, " ").split())
    digest = base64.b64encode(chance.randbytes(32)).decode()
    return (
        f"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=mail;\r\n\tbh={digest};\r\n\tb={signature}\r\n"
        "From: ada@example.org\r\nTo: chef@example.com\r\nSubject: Lunch\r\n\r\nShall we have lunch at noon?\r\n"
    )


def mail_with_picture(chance: random.Random) -> str:
    lines = "\r\n".join(grouped(picture(chance), 76, " ").split())
    return (
        "From: ada@example.org\r\nTo: chef@example.com\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\n\r\nHere it is.\r\n--part\r\n"
        f"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--part--\r\n"
    )


def passkey(chance: random.Random) -> str:
    """What django-allauth stores of one."""
    key = urlsafe(chance, 20)
    client = json.dumps({"type": "webauthn.create", "challenge": urlsafe(chance, 32), "origin": "https://example.org"})
    attested = b"\xa3cfmtdnonegattStmt\xa0hauthDataX\x94" + chance.randbytes(148)
    response = {"clientDataJSON": client.encode(), "attestationObject": attested}
    sent = {name: base64.urlsafe_b64encode(data).decode().rstrip("=") for name, data in response.items()}
    return json.dumps({"name": "Key", "credential": {"id": key, "rawId": key, "type": "public-key", "response": sent}})


def lock_file(chance: random.Random) -> str:
    hashes = [" \\\n    ".join(f"--hash=sha256:{chance.randbytes(32).hex()}" for _ in range(2)) for _ in range(8)]
    return "".join(f"package-{n}==1.{n} \\\n    {each}\n" for n, each in enumerate(hashes))


def page(chance: random.Random) -> str:
    return (
        f'<p>Hello</p><img src="/media/{chance.randbytes(16).hex()}.png">'
        f'<img src="data:image/png;base64,{picture(chance)}">'
        f'<script integrity="sha384-{base64.b64encode(chance.randbytes(48)).decode()}"></script>'
    )


def assertion(chance: random.Random) -> str:
    """What an identity provider signs in XML."""
    digest, signature = (base64.b64encode(chance.randbytes(size)).decode() for size in (32, 256))
    return (
        f'<saml:Assertion ID="_{chance.randbytes(16).hex()}" InResponseTo="ONELOGIN_{chance.randbytes(20).hex()}">'
        '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:SignedInfo><ds:SignatureValue>{signature}</ds:SignatureValue>"
        "</ds:Signature></saml:Assertion>"
    )


COSE = bytes.fromhex("a5010203262001215820")


# By where applications store such values, how one is written.
STORED: dict[str, tuple[str, Writer]] = {
    "hashes of keys of an API": ("api_key.hashed_key", lambda chance: f"sha512$${chance.randbytes(64).hex()}"),
    "IDs of keys of an API": (
        "api_key.id", lambda chance: f"{of_letters(chance, BASE62, 8)}.sha512$${chance.randbytes(64).hex()}"
    ),
    "addresses": ("a.addresses", addresses(", ")),
    "addresses in lines": ("a.addresses", addresses("\n")),
    "addresses in JSON": ("a.addresses", lambda chance: json.dumps(addresses(" ")(chance).split())),
    "heart rates": ("a.rates", heart_rates),
    "a waveform": ("a.wave", lambda chance: json.dumps(waveform(chance))),
    "a waveform in a line": ("a.wave", lambda chance: ",".join(map(str, waveform(chance)))),
    "a palette": ("a.theme", palette),
    "random colors": ("a.colors", lambda chance: json.dumps([*chance.randbytes(24)])),
    "small IDs": ("a.product_ids", lambda chance: ",".join(map(str, chance.sample(range(1, 256), 20)))),
    "routes": ("a.route", polyline),
    "routes of OSRM": ("a.route", lambda chance: polyline(chance, 6)),
    "directions": ("a.directions", directions),
    "commits": ("a.release_sha", lambda chance: chance.randbytes(20).hex()),
    "commits in camel case": ("a.headSha", lambda chance: chance.randbytes(20).hex()),
    "entity tags": ("a.etag", lambda chance: f'"{chance.randbytes(16).hex()}"'),
    "entity tags of parts": ("a.etag", lambda chance: f'"{chance.randbytes(16).hex()}-{chance.randrange(1, 99)}"'),
    "weak entity tags": ("a.e_tag", lambda chance: f'W/"{chance.randbytes(20).hex()}"'),
    "files by digest": ("a.file", lambda chance: f"{chance.randbytes(32).hex()}.jpg"),
    "molecules": ("a.smiles", molecule),
    "positions of chess": ("a.position", position),
    "secrets of a payment": (
        "a.client_secret", lambda chance: f"pi_{of_letters(chance, BASE62, 24)}_secret_{of_letters(chance, BASE62, 25)}"
    ),
    "pushes": ("a.payload", push),
    "notifications": ("a.payload", notification),
    "events": ("a.payload", event),
    "signed mails": ("a.raw", signed_mail),
    "mails with a picture": ("a.raw", mail_with_picture),
    "secrets of TOTP": (
        "mfa_authenticator.data",
        lambda chance: json.dumps({"secret": base64.b32encode(chance.randbytes(20)).decode()}),
    ),
    "seeds of recovery codes": (
        "mfa_authenticator.data", lambda chance: json.dumps({"seed": chance.randbytes(40).hex(), "used_mask": 0})
    ),
    "passkeys": ("mfa_authenticator.data", passkey),
    "public keys of passkeys": (
        "a.public_key", lambda chance: COSE + chance.randbytes(32) + b"\x22\x58\x20" + chance.randbytes(32)
    ),
    "lock files": ("a.requirements", lock_file),
    "notes on a commit": ("a.log", lambda chance: f"Merge commit {chance.randbytes(20).hex()}"),
    "pages": ("a.page", page),
    "assertions of SAML": ("a.response", assertion),
    "forms": ("a.log", lambda chance: str({"csrfmiddlewaretoken": [of_letters(chance, BASE62, 64)], "name": ["Ada"]})),
    "tuples of words": ("a.log", lambda chance: str(("an event", chance.randrange(9), "at noon", None))),
    "known hosts": (
        "a.hosts",
        lambda chance: "github.com ssh-ed25519 "
        + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + chance.randbytes(32)).decode(),
    ),
    "settings after a word": ("a.value", lambda chance: f"Europe/Berlin default_{chance.randrange(99)}_of_the_shop"),
    "images of containers": ("a.image", lambda chance: f"ghcr.io/org/app@sha256:{chance.randbytes(32).hex()}"),
    "sums of files": (
        "a.sums", lambda chance: "".join(f"{chance.randbytes(32).hex()}  file-{n}.tar.gz\n" for n in range(3))
    ),
    "heads of Git": ("a.log", lambda chance: f"{chance.randbytes(20).hex()}\trefs/heads/main"),
    "policies on content": (
        "a.header", lambda chance: f"default-src 'self'; script-src 'nonce-{urlsafe(chance, 16)}' https://example.org"
    ),
    "headers of mails": (
        "a.headers",
        lambda chance: json.dumps([
            ["DKIM-Signature", f"v=1; a=rsa-sha256; d=example.org; bh={urlsafe(chance, 32)}; b={urlsafe(chance, 256)}"],
            ["ARC-Seal", f"i=1; a=rsa-sha256; t=1700000000; b={urlsafe(chance, 256)}"],
            ["Subject", "Lunch at noon"],
        ]),
    ),
    "signed texts": (
        "a.text",
        lambda chance: "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n-----BEGIN PGP SIGNATURE-----\n\n"
        + grouped(urlsafe(chance, 200), 64, "\n") + "\n-----END PGP SIGNATURE-----\n",
    ),
    "formulas": (
        "a.text",
        lambda chance: r"\frac{a_1+B}{C^{3}}\cdot\sqrt{X_{n}}=\sum_{k=0}^{N}" + of_letters(chance, "abcXYZ^_{}", 6),
    ),
    "cookies": (
        "a.header",
        lambda chance: f"csrftoken={of_letters(chance, BASE62, 64)}; Path=/; SameSite=Lax",
    ),
    "histograms": ("a.hours", lambda chance: json.dumps({str(n): chance.randrange(90) for n in range(24)})),
}  # fmt: skip


# What is encrypted where a name or a form explains something else.
SEALED: dict[str, tuple[str, Writer]] = {
    "under the name of a commit": ("a.release_sha", lambda chance: chance.randbytes(29).hex()),
    "an entity tag": ("a.etag", lambda chance: f'"{chance.randbytes(45).hex()}"'),
    "of another length": ("a.file", lambda chance: f"{chance.randbytes(30).hex()}.jpg"),
    "with another suffix": ("a.file", lambda chance: f"{chance.randbytes(32).hex()}.enc"),
    "a hash with ciphertext for its salt": (
        "api_key.id", lambda chance: f"sha512${urlsafe(chance, 60)}${chance.randbytes(64).hex()}"
    ),
    "a secret of TOTP": (
        "mfa_authenticator.data", lambda chance: json.dumps({"secret": base64.b64encode(chance.randbytes(45)).decode()})
    ),
    "in a list": ("a.addresses", lambda chance: json.dumps([*chance.randbytes(44)])),
    "as dotted numbers": ("a.addresses", lambda chance: ".".join(map(str, chance.randbytes(45)))),
    "before a public key": (
        "a.public_key", lambda chance: COSE + chance.randbytes(48) + b"\x22\x58\x20" + chance.randbytes(32)
    ),
    "an attachment": (
        "a.raw",
        lambda chance: mail_with_picture(random.Random(1)).partition("base64\r\n\r\n")[0]
        + "base64\r\n\r\n" + base64.b64encode(chance.randbytes(900)).decode(),
    ),
    "a picture": ("a.page", lambda chance: f"see data:image/png;base64,{urlsafe(chance, 90)}"),
    "a digest by its name and more": (
        "a.log", lambda chance: f"sha256 {chance.randbytes(32).hex()} {chance.randbytes(45).hex()}"
    ),
}  # fmt: skip
