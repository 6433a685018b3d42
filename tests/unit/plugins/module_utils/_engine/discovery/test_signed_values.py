# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as signed though no key at hand proves it: columns of 50 values, by several seeds."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import signed_values
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import unexplained
from django.core import signing

SEEDS = range(8)
SIZE = 50
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
WORDS = re.findall(r"\w+", "how can i test that a list is empty in one line of python without any loop or library")


def survey(*, rotates: bool) -> Any:
    """One of the settings alone: SECRET_KEY is rotated, or stays."""
    return SimpleNamespace(
        rotates=lambda setting: rotates,
        keys=lambda: iter([("SECRET_KEY", "a secret")] if rotates else []),
        kept_keys=lambda: iter([] if rotates else [b"a secret"]),
    )


def slug(chance: random.Random, length: int = 0) -> str:
    text = "-".join(chance.choices(WORDS, k=12))[: length or chance.choice((27, 43))]
    return f"{text[:-1]}s" if text.endswith("-") else text


def ksuid(chance: random.Random) -> str:
    return "".join(chance.choices(BASE62, k=27))


def urlsafe(chance: random.Random) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("=")


def number(chance: random.Random) -> int:
    return chance.randrange(100_000, 400_000)


ORDINARY: dict[str, Callable[[random.Random], str]] = {
    "questions": lambda chance: f"https://stackoverflow.com/questions/{number(chance)}/{slug(chance)}",
    "news": lambda chance: f"/news/{number(chance)}/{slug(chance)}",
    "jobs": lambda chance: f"job {number(chance)} {slug(chance)}",
    "pictures of people": lambda chance: f"https://cdn.example.com/avatars/{number(chance)}/{ksuid(chance)}",
    "uploads": lambda chance: f"uploads/2024{chance.randrange(10, 13)}/{ksuid(chance)}",
    "keys of a cache": lambda chance: f"reset:{number(chance)}:{urlsafe(chance)}",
    "keys of a cache by slug": lambda chance: f"page:1sZq3{chance.randrange(10)}:{slug(chance)}",
    "lines of a log": lambda chance: f"user|{number(chance)}|{ksuid(chance)}",
    "versions": lambda chance: f"release.{number(chance)}.{slug(chance)}",
    "times before Django": lambda chance: f"item:1000aB:{urlsafe(chance)}",
    "times to come": lambda chance: f"item:3zzzzz:{urlsafe(chance)}",
}


def column(kind: Callable[[random.Random], str], seed: int) -> Sequence[str]:
    chance = random.Random(f"{seed}")
    return [kind(chance) for _ in range(SIZE)]


def find_unproved(values: Sequence[str], *, rotates: bool = True) -> signed_values.Signed | None:
    return signed_values.find_unproved(survey(rotates=rotates), values, is_explained=is_explained(values))


def is_explained(values: Sequence[str]) -> bool:
    """As a column is judged: by what is signed."""
    bare = signed_values.without_timed(values)
    return unexplained.classify(bare, "shop.data").verdict != unexplained.UNEXPLAINED


@pytest.mark.parametrize("kind", ORDINARY)
@pytest.mark.parametrize("rotates", [True, False])
def test_what_only_ends_like_a_signature_is_not_signed(kind: str, rotates: bool) -> None:
    assert [find_unproved(column(ORDINARY[kind], seed), rotates=rotates) for seed in SEEDS] == [None] * len(SEEDS)


class Signer(signing.TimestampSigner):
    def timestamp(self) -> str:
        return "1sZq3x"


def of_own_salt(seed: int) -> Iterator[str]:
    chance, signer = random.Random(f"{seed}"), Signer(key="a secret", salt="own", fallback_keys=())
    while True:
        yield signer.sign_object({"customer": chance.randrange(10**6)})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 25, SIZE])
def test_a_salt_of_its_own_under_a_secret_key_that_stays_is_only_noted(seed: int, count: int) -> None:
    signed = [value for _, value in zip(range(count), of_own_salt(seed))]
    values = [*column(ORDINARY["news"], seed)[count:], *signed]
    assert is_explained(values)
    found = find_unproved(values, rotates=False)
    assert not (found and found.stops)
    assert (found.number if found else 0) >= int(0.9 * count)


@pytest.mark.parametrize(("count", "stops"), [(3, False), (20, False), (30, True), (SIZE, True)])
def test_a_salt_of_its_own_under_a_rotated_secret_key_stops_as_the_rule_of_a_column(count: int, stops: bool) -> None:
    for seed in SEEDS:
        signed = [value for _, value in zip(range(count), of_own_salt(seed))]
        found = find_unproved([*column(ORDINARY["questions"], seed)[count:], *signed])
        assert found is not None
        assert (found.stops, found.key) == (stops, "SECRET_KEY" if stops else "")


@pytest.mark.parametrize("text", ["https://example.org/invite?user=1", "invited by Ada", '{"user":1,"role":"admin"}'])
def test_what_is_signed_is_judged_without_its_signature(text: str) -> None:
    signer = Signer(key="a secret", salt="own", fallback_keys=())
    assert is_explained([signer.sign(f"{text}{number}") for number in range(SIZE)])
    chance = random.Random(text)
    assert not is_explained([signer.sign(f"{urlsafe(chance)}{urlsafe(chance)}") for _ in range(SIZE)])


@pytest.mark.parametrize(("count", "stops"), [(3, False), (30, True), (SIZE, True)])
def test_a_salt_of_its_own_under_another_key_stops_if_code_signs_with_a_rotated_key(count: int, stops: bool) -> None:
    signed = [value for _, value in zip(range(count), of_own_salt(1))]
    values = [*column(ORDINARY["questions"], 1)[count:], *signed]
    kept = survey(rotates=False)
    for signing_code, key in ((lambda: ("LINK_KEY", "shop/links.py:3 link"), "LINK_KEY"), (lambda: None, "")):
        found = signed_values.find_unproved(kept, values, is_explained=is_explained(values), signing=signing_code)
        assert found is not None
        assert found.key == (key if stops else "")
        assert ("shop/links.py:3 link" in found.by) is bool(found.key)
