# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of numbers, which are judged as the bytes that they may be."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import (
    sql_type_readers,
    unexplained,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.unexplained import (
    Explanation,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import NUMBER, Column

from ..plain_columns import SEEDS, SIZE

# Numbers of 36 digits and more that are plain.
LARGE: dict[str, Callable[[random.Random], int]] = {
    "a sum in the smallest unit": lambda chance: chance.randrange(1, 10**9) * 10**30,
    "a fraction with many zeros": lambda chance: chance.randrange(10**16, 10**17) << 90,
    "an address of IPv6": lambda chance: (0x2A02_8109 << 96) + chance.getrandbits(96),
    "a UUID": lambda chance: uuid.UUID(bytes=chance.randbytes(16), version=4).int,
    "a ULID": lambda chance: (chance.randrange(1_600_000_000_000, 1_800_000_000_000) << 80) + chance.getrandbits(80),
    "a power": lambda chance: chance.choice((2, 10)) ** chance.randrange(120, 130),
}


def of_numbers(kind: Callable[[random.Random], int], name: str, seed: int = 1) -> Explanation:
    chance = random.Random(seed)
    column = Column(name, NUMBER, None, generated=False, category="N")
    return unexplained.classify(
        sql_type_readers.values(column, [str(kind(chance)) for _ in range(SIZE)]), f"shop.{name}"
    )


@pytest.mark.parametrize("kind", LARGE)
def test_large_numbers_that_are_plain_do_not_stop_a_rotation(kind: str) -> None:
    found = [of_numbers(LARGE[kind], "amount", seed) for seed in SEEDS]
    assert [each for each in found if each.verdict not in (unexplained.PLAIN, unexplained.EXPLAINED)] == []


def test_ulids_that_are_stored_as_uuids_are_plain() -> None:
    chance = random.Random(1)
    ulids = [str(uuid.UUID(int=LARGE["a ULID"](chance))) for _ in range(SIZE)]
    values = sql_type_readers.values(Column("reference", "uuid", None, generated=False), ulids)
    assert unexplained.classify(values, "shop.reference") == Explanation(unexplained.PLAIN)


@pytest.mark.parametrize(("size", "sign"), [(16, 1), (29, 1), (44, -1), (160, 1)])
def test_numbers_that_are_random_bytes_stop_a_rotation(size: int, sign: int) -> None:
    found = of_numbers(lambda chance: sign * int.from_bytes(chance.randbytes(size), "big"), "amount")
    assert found.verdict == unexplained.UNEXPLAINED


def test_a_serial_number_may_be_random() -> None:
    """As of a certificate: 20 bytes, of which some begin with a zero."""
    sparse = {of_numbers(lambda chance: chance.getrandbits(160), "serial_number", seed).verdict for seed in SEEDS}
    assert sparse == {unexplained.SPARSE}


@pytest.mark.parametrize("size", [29, 37, 64, 300])
def test_lists_of_random_bytes_stop_a_rotation(size: int) -> None:
    chance = random.Random(size)
    column = Column("data", "smallint[]", None, generated=False, category="A")
    read = ["{" + ",".join(map(str, chance.randbytes(size))) + "}" for _ in range(15)]
    found = unexplained.classify(sql_type_readers.values(column, read), "shop.data", documents=True)
    assert found.verdict == unexplained.UNEXPLAINED


def test_a_number_that_is_no_byte_shows_that_no_list_of_the_column_is_of_bytes() -> None:
    """As of seconds, prices or IDs: some lists have small numbers alone, by chance."""
    chance = random.Random(1)
    column = Column("data", "integer[]", None, generated=False, category="A")
    read = ["{" + ",".join(map(str, chance.randbytes(29))) + "}" for _ in range(15)]
    read.append("{" + ",".join(str(chance.randrange(300)) for _ in range(40)) + "}")
    assert sql_type_readers.values(column, read) == []
