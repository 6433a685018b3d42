# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts through the application's own encryption and back, by one attribute of a model. Nothing is saved.

A setter may normalize, as that of an IBAN does. So a text may come back changed. What came back must come back
unchanged a second time, and a different text must come back different.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..application.application_errors import APPLICATION_ERRORS
from ..application.application_values import EMPTY, are_equal, as_python, is_one_of
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from .model_readers import ModelReader
from .reading_types import RoundTripOutcome

TEXTS = ("key rotation 12", "another text 345")  # of which letters alone, or digits alone, are two texts too


@dataclass(frozen=True)
class RoundTrip:
    """Texts through the application's own encryption and back, by one attribute."""

    name: str
    outcome: RoundTripOutcome

    @property
    def failed(self) -> bool:
        return self.outcome not in ("well", "not_tried")


class Trip(NamedTuple):
    """The round trip of one value: what it became in each of the columns, and what came back."""

    stored: list[Any]
    back: Any


def try_round_trip(reader: ModelReader, keyring: Keyring) -> RoundTripOutcome:
    """Return the outcome for one attribute. A property sets the column of an instance that is in no table. A field
    makes the value that it would store. Anything else that they would write is refused."""
    # The new instance has no row.
    needs_row = any(keyring.context_of(target.scheme) for target in reader.targets)
    if needs_row or not isinstance(reader.sample, str):
        return "not_tried"
    with contextlib.redirect_stdout(io.StringIO()), reader.read_only():
        try:
            trips = [send(reader, text) for text in TEXTS]
        except APPLICATION_ERRORS:
            return "not_tried"
        backs = [trip.back for trip in trips]
        stored = [each for trip in trips for each in zip(reader.targets, trip.stored) if not is_one_of(each[1], EMPTY)]
        if not stored or any(not _is_sealed(each, (*TEXTS, *backs)) for _, each in stored):
            return "not_tried"
        if not _come_back(reader, backs):
            return "not_returned"
    under = all(keyring.stage_of(target.scheme, as_bytes(each)) for target, each in stored)
    return "well" if under else "other_keys"


def _is_sealed(stored: Any, plain: Sequence[Any]) -> bool:
    """Return whether a stored value is a text or bytes, and not one of the plain values."""
    return isinstance(stored, (str, bytes, memoryview)) and not is_one_of(stored, plain)


def _come_back(reader: ModelReader, backs: Sequence[Any]) -> bool:
    """Return whether two different texts came back, each of which comes back unchanged the second time."""
    texts = [as_python(back) for back in backs if isinstance(back, str)]
    if len(texts) < len(backs) or not all(texts) or len({*texts}) < len(TEXTS):
        return False
    try:
        return all(
            are_equal(back, text) or are_equal(send(reader, back).back, back) for back, text in zip(backs, TEXTS)
        )
    except APPLICATION_ERRORS:
        return False


def send(reader: ModelReader, value: Any) -> Trip:
    """A value through an attribute. Raise what code of the application does, or E_APPLICATION_ACTS."""
    return _by_field(reader, value) if reader.bare else _by_attribute(reader, value)


def _by_field(reader: ModelReader, value: Any) -> Trip:
    from django.db import connections

    connection, column = connections[reader.alias], reader.field
    stored = column.get_db_prep_save(value, connection=connection)
    return Trip([stored], column.from_db_value(stored, None, connection))


def _by_attribute(reader: ModelReader, value: Any) -> Trip:
    instance = reader.model()
    with reader.refusing_acts():
        setattr(instance, reader.name, value)
        return Trip([getattr(instance, column) for column in reader.columns], getattr(instance, reader.name))
