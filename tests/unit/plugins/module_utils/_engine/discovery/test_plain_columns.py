# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of what healthy applications store, which must not stop a rotation: 50 values of each kind, by several
seeds."""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import Callable, Sequence

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import unexplained
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.unexplained import Explanation

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


def judged(kind: str, seed: int) -> Explanation:
    return unexplained.classify(column(ORDINARY[kind], seed), "shop.data")


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_values_do_not_stop_a_rotation(kind: str) -> None:
    found = {seed: judged(kind, seed).what for seed in SEEDS if judged(kind, seed).verdict == unexplained.UNEXPLAINED}
    assert found == {}


@pytest.mark.parametrize("kind", ["a sine", "sound", "peaks of sound"])
def test_no_list_of_samples_counts_as_bytes(kind: str) -> None:
    found = [seed for seed in range(200) if judged(kind, seed).verdict != unexplained.PLAIN]
    assert found == []


@pytest.mark.parametrize("kind", TOKENS)
def test_a_column_of_keys_of_a_service_is_explained(kind: str) -> None:
    assert judged(kind, 1) == Explanation(unexplained.EXPLAINED, "a token of another service")


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


@pytest.mark.parametrize("kind", GIVEN)
def test_tokens_in_a_place_of_tokens_are_a_visible_note(kind: str) -> None:
    place, write = GIVEN[kind]
    for seed in SEEDS:
        found = unexplained.classify(column(write, seed), place)
        assert found.verdict == unexplained.SPARSE
        assert "look like ciphertext in" in found.what
        assert unexplained.classify(column(write, seed), "shop.data").verdict == unexplained.UNEXPLAINED


@pytest.mark.parametrize("count", [1, SIZE])
def test_a_known_format_stops_in_a_place_of_tokens_too(count: int) -> None:
    chance = random.Random(5)
    sealed = [f"gAAAAA{urlsafe(chance, 73)[2:]}==" for _ in range(count)]
    given = column(GIVEN["LinkedIn"][1], 5)[count:]
    found = unexplained.classify([*given, *sealed], "socialaccount_socialtoken.token")
    assert found.verdict == unexplained.UNEXPLAINED
