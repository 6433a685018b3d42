# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import round_trips

from ..odd_values import Numbers, Uncomparable, UncomparableText

READER = SimpleNamespace(
    sample="a text",
    targets=(SimpleNamespace(scheme="fernet"),),
    read_only=contextlib.nullcontext,
)
KEYRING = SimpleNamespace(context_of=lambda scheme: (), stage_of=lambda scheme, stored: "current")


@pytest.mark.parametrize(
    ("stored", "back", "outcome"),
    [
        (lambda text: f"sealed {text}", str, "well"),
        (lambda text: f"sealed {text}", UncomparableText, "well"),
        (lambda text: f"sealed {text}", Uncomparable, "not_returned"),
        (lambda text: f"sealed {text}", lambda text: Numbers(1.5, 2.25), "not_returned"),
        (Uncomparable, str, "not_tried"),
        (UncomparableText, str, "not_tried"),
        (lambda text: Numbers(1.5, 2.25), str, "not_tried"),
    ],
)
def test_a_round_trip_has_an_outcome(monkeypatch: pytest.MonkeyPatch, stored: Any, back: Any, outcome: str) -> None:
    monkeypatch.setattr(
        round_trips, "send", lambda reader, text: round_trips.Trip([stored(str.__str__(text))], back(str.__str__(text)))
    )
    assert round_trips.try_round_trip(READER, KEYRING) == outcome
