# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forty-one formats, each alone and next to an ordinary encrypted column: rotated right, or refused by name and truly.

The oracle is the application's own code in a fresh process. No other outcome is allowed: no column is passed over, and
none is damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .application import ORDINARY, ROWS, Application, alone_and_beside, described

COLUMN = "notes_note.payload"
MESSAGE = 300  # characters of it in the table
# Reasons that would send a person after a key that is right, or have values left that a key is rotated under.
FALSE_REASONS = {"E_WRONG_KEY", "E_PLAINTEXT", "E_UNREADABLE", "E_INTERNAL"}
SIGNED = ("signed_dumps", "signed_value")  # readable by all: without an encrypted column there is no target
SHORT = ("gcm_base64", "gcm_three_parts", "fernet_sha256", "fernet_pbkdf2_fixed_salt", "gcm_bytes", "fernet_twice")
FORMATS = described("formats", "FORMATS")


@pytest.mark.parametrize(("name", "ordinary"), alone_and_beside(FORMATS, SHORT))
def test_it_is_rotated_right_or_refused_by_name_with_a_true_reason(
    name: str,
    ordinary: bool,
    database: tuple[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    application = Application(tmp_path, database, name, FORMATS[name], ordinary=ordinary)
    application.work("fill")
    columns = {COLUMN, ORDINARY} if ordinary else {COLUMN}
    whole = dict.fromkeys(columns, ROWS)
    assert application.work("read") == whole

    outcome = application.work("rotate")

    place = "next to another" if ordinary else "alone"
    record_property("outcome", f"{name:30} {place:16} {outcome['code'] or 'rotated':20} {outcome['message'][:MESSAGE]}")
    if outcome["code"]:
        assert application.work("read") == whole, "a refusal changes nothing"
        assert outcome["code"] not in FALSE_REASONS
        if name in SIGNED and not ordinary:
            assert outcome["code"] == "E_NO_TARGETS"
            return
        named = {COLUMN, *(f"E_KEY_WITHOUT_VALUE: {key}" for key in FORMATS[name].keys)}
        assert any(each in outcome["message"] for each in named)
    else:
        application.use("new")
        assert application.work("read") == whole
        assert set(outcome["targets"]) == columns
