# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of what an application read, for results and records: counts and digests, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

RoundTripOutcome = Literal["well", "not_tried", "not_returned", "other_keys"]


class CountedReading(TypedDict):
    """The counts of an attribute: values that were read, failures, and values that were read as the stored tokens.

    ``columns`` are the encrypted ones that it is computed from. The ``table`` is that of the first one or of the model.
    """

    name: str
    table: str
    columns: Sequence[str]
    read: int
    failed: int
    tokens: int


class RowDigests(TypedDict, total=False):
    """The ``digest`` of what an attribute reads in all rows. The names of ``unread_rows``, each with what became of it
    (``failed``, ``token``), and the ``read_digest`` of all others. And that of the rows that a reading before did read
    (``read_before_digest``): these two are the same if nothing but unread rows was healed."""

    digest: str
    unread_rows: Mapping[str, str]
    read_digest: str
    read_before_digest: str


class AttributeReading(CountedReading, RowDigests, total=False):
    """The reading of one attribute.

    If a column that it reads is encrypted, it has a ``digest``. Otherwise it has digests of ``parts`` of the table,
    each of what is stored and what is read. An attribute made ``of_ciphertext`` differs after every rotation, so only
    its counts are compared.

    A ``dated`` attribute differs the next day, and may read more or fewer values. Only its failures and its tokens are
    compared.

    One that is ``bare`` is a column itself. All others are computed by code from the ``tables`` of its columns or from
    elsewhere, and the characters of their values are digested ``in_any_order``. One that is ``keyed`` names rows by
    their stored keys. One that reads encrypted columns ``as_stored`` does not decrypt them. A record of an earlier
    version has none of these members.
    """

    bare: bool
    tables: Sequence[str]
    in_any_order: bool
    keyed: bool
    of_ciphertext: bool
    dated: bool
    as_stored: bool
    parts: Sequence[str]


class RoundTripResult(TypedDict):
    """The ``outcome`` of a text through the application's own encryption and back, by one attribute."""

    name: str
    outcome: RoundTripOutcome


class DecryptionTime(TypedDict):
    """The seconds per value that the engine takes to decrypt (None if nothing could be measured), of how many."""

    seconds: float | None
    tries: int


class RecordedReading(TypedDict, total=False):
    """All that is read at one time. An ``earlier`` one is from a previous rotation.

    One with ``counters`` was taken while the application served: they count by table the rows inserted, updated and
    deleted so far. ``unsteady`` lists attributes that read differently twice under the same keys. ``written`` has pairs
    of a value that another process wrote and what it reads as. ``check`` and ``verify_encryption`` count what these
    commands found.
    """

    readings: Sequence[AttributeReading]
    round_trips: Sequence[RoundTripResult]
    unread: Sequence[str]
    check: Mapping[str, int]
    verify_encryption: Mapping[str, int]
    unsteady: Sequence[str]
    written: Sequence[Sequence[str]]
    opening: DecryptionTime
    refused_behind_pooler: Sequence[str]
    earlier: bool
    counters: Mapping[str, Sequence[int]]


class BrokenRoundTrip(TypedDict):
    """A round trip that does not go well, and its ``fault``."""

    name: str
    fault: str


class RefusedValues(TypedDict):
    """An attribute of which the application reads none of so many values, although the keys open them."""

    name: str
    count: int


class ReadingForecast(TypedDict):
    """A forecast of the comparison of readings before and after a rotation.

    ``broken`` round trips and ``unknown`` names would roll back any rotation. Each unknown name has similar names.
    Attributes whose values are all ``refused`` cannot be compared. Those made ``of_ciphertext`` and those that are
    ``dated`` are only counted. No attribute of a model decrypts a column that is ``not_decrypted``.
    """

    refused: Sequence[RefusedValues]
    broken: Sequence[BrokenRoundTrip]
    of_ciphertext: Sequence[str]
    dated: Sequence[str]
    not_decrypted: Sequence[str]
    unknown: Mapping[str, Sequence[str]]
