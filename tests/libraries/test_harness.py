# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness itself: without a rotation, its writers do the harm that their kind says, and its oracle sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.application import ROWS, Run, Unreadable, application
from harness.project.libraries import BY_NAME
from harness.verdict import judge

ROTTEN = "a token, or other text"
FIXED = "[Decryption Error]"
# What a value reads that a writer has saved without knowing it, by kind of writer.
HARM = {
    "raises": set(),
    "ciphertext": {ROTTEN},
    "fixed_text": {FIXED},
    "none": {"None"},
}
# What the libraries themselves do: those that raise are not in it.
OWN_HARM = {
    "encrypted_model_fields": {ROTTEN},
    "encrypted_text_field": {"None"},
    "fernet_encrypted_fields": {ROTTEN},
    "food_ordering": {"None"},
    "secured_fields": {ROTTEN},
    "hex_text": {FIXED},
    "base64_text": {FIXED},
}
# What returns a text or None in place of an error: a writer of any kind takes it for the value.
NO_ERROR = ("encrypted_text_field", "hex_text", "base64_text")


@pytest.mark.parametrize("library", BY_NAME)
def test_the_oracle_sees_the_harm_that_each_kind_of_writer_does(library: str, host: str, tmp_path: Path) -> None:
    with application(tmp_path, host, (library,)) as app:
        assert app.unreadable() == []
        with app.writer(pause=0.001):
            app.new_keys()
            assert len(app.unreadable()) == len(app.encrypted()) * ROWS, "the old keys are gone"
            app.python("work.py", "again")
            app.wait_for_rounds(2 * ROWS)
        found = app.unreadable()
    # `other` is never assigned: it is saved as it was read. What raises is under the old keys: the writer had read it
    # before, and saved it after, it was written under the new ones.
    others = [each for each in found if "other" in each.row and not each.reads.startswith("raises")]
    seen = {kind: {each.reads for each in others if each.row.startswith(f"{library}_{kind}.")} for kind in HARM}
    assert seen == (dict.fromkeys(HARM, OWN_HARM[library]) if library in NO_ERROR else HARM)
    assert {each.reads for each in others if f"{library}_saves_all." in each.row} == OWN_HARM.get(library, set())
    assert not [each.row for each in found if each.row.endswith(":1")], "the first row is nobody's"


LOST = Unreadable("a_none.secret:3", "None")
WRITTEN = "a_none.secret:3, a_none.other:3"
REPAIR = (
    """-e '{"key_rotation_prefer": "repair", "key_rotation_repair": ["a_none.secret:3", "a_none.other:3"]}' (docs)"""
)


@pytest.mark.parametrize(
    ("code", "text", "lost", "right"),
    [
        (0, "COMPLETED", [], True),
        (2, "E_ANYTHING", [], True),
        (2, "2 values: a_none.secret:3, b.x:1", [LOST], True),
        (0, "2 values: a_none.secret:3", [LOST], False),
        (2, "2 values", [LOST], False),
        (2, "2 values: a_none.secret:34", [LOST], False),
        (2, "2 values: a_none.secret:3, a_none.secret:4", [LOST], False),
        (22, "E_VALUES_WRITTEN: a_none.secret:3, a_none.other:3", [LOST], True),
        (22, "E_VALUES_WRITTEN: a_none.other:3", [LOST], False),
        (22, f"E_VALUES_WRITTEN: {WRITTEN}; emptied (E_VALUES_EMPTIED): a_none.secret:3. {REPAIR}", [LOST], True),
        (22, f"E_VALUES_WRITTEN: {WRITTEN}; emptied (E_VALUES_EMPTIED): {WRITTEN}. {REPAIR}", [LOST], False),
        (22, f"E_VALUES_WRITTEN: a_none.other:3. {REPAIR.replace('secret:3', 'secret:4')}", [], False),
        (22, "E_VALUES_WRITTEN: a_none.secret:3, a_none.secret:4", [LOST], False),
        (2, "E_VALUES_DAMAGED: another process changed 2 values: a_none.secret:3, a_none.other:3", [LOST], False),
        (0, "Values that another process changed: a_none.secret:3", [], True),
        (0, "Values that another process changed: a_none.secret:3", [LOST], False),
    ],
)
def test_only_two_ends_are_right(code: int, text: str, lost: list[Unreadable], right: bool) -> None:
    (verdict,) = judge(["a_none"], Run("rotate.yml", code, text), "", lost, {"a_none:3"})
    assert verdict.right == right
