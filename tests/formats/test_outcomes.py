# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats, each alone and next to an ordinary encrypted column: rotated right, or refused by name and truly.

The ordinary column is under a key of its own, or under the same key: then no key is left without a value, and only the
look of the column itself can stop the rotation.

The oracle is the application's own code in a fresh process. No other outcome is allowed: no column is passed over, and
none is damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .application import ALONE, BESIDE, ORDINARY, ROWS, SAME_KEY, Application, described, placed

COLUMN = "notes_note.payload"
MESSAGE = 300  # characters of it in the table
# Reasons that would send a person after a key that is right, or have values left that a key is rotated under.
FALSE_REASONS = {"E_WRONG_KEY", "E_PLAINTEXT", "E_UNREADABLE", "E_INTERNAL"}
# Readable by all: alone there is no target.
SIGNED = ("signed_dumps", "signed_value", "signed_url", "signed_by_a_key_of_fields")
SHORT = (
    ("gcm_base64", SAME_KEY),
    ("gcm_bytes", BESIDE),
    ("gcm_after_key_id", SAME_KEY),
    ("gcm_path", SAME_KEY),
    ("gcm_parts_in_two_encodings", SAME_KEY),
    ("fernet_sha256", SAME_KEY),
    ("signed_url", SAME_KEY),
    ("fernet_twice", BESIDE),
)
FORMATS = described("formats", "FORMATS")


@pytest.mark.parametrize(("name", "place"), placed(FORMATS, SHORT, (ALONE, BESIDE, SAME_KEY)))
def test_it_is_rotated_right_or_refused_by_name_with_a_true_reason(
    name: str,
    place: str,
    database: tuple[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    application = Application(tmp_path, database, name, FORMATS[name], place)
    application.work("fill")
    columns = {COLUMN} if place == ALONE else {COLUMN, ORDINARY}
    whole = dict.fromkeys(columns, ROWS)
    assert application.work("read") == whole

    outcome = application.work("rotate")

    record_property("outcome", f"{name:30} {place:9} {outcome['code'] or 'rotated':20} {outcome['message'][:MESSAGE]}")
    if outcome["code"]:
        assert application.work("read") == whole, "a refusal changes nothing"
        assert outcome["code"] not in FALSE_REASONS
        if name in SIGNED and place == ALONE:
            assert "E_NO_TARGETS" in outcome["message"]
            return
        keys = [*FORMATS[name].keys]  # of which the ordinary column has the first
        idle = keys[1:] if place == SAME_KEY else keys
        named = {COLUMN, *(f"E_KEY_WITHOUT_VALUE: {key}" for key in idle)}
        assert any(each in outcome["message"] for each in named)
    else:
        application.use("new")
        assert application.work("read") == whole
        assert set(outcome["targets"]) == columns
