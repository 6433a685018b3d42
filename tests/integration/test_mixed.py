# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column in which plain text is normal next to encrypted values: it stays, and the tokens are rotated."""

from __future__ import annotations

import base64
import json

import pytest

from .conftest import Site

COLUMN = "customer_userprofile._phone_number_encrypted"
READS_PLAIN = (
    '        if ciphertext is None or ciphertext == "":\n',
    '        if not (ciphertext or "").startswith("gAAAA"):\n',
)
PARTS = {name: base64.b64encode(bytes(range(9, 9 + size))).decode() for name, size in (("n", 12), ("c", 4), ("t", 16))}
PLAIN = {number: f"+49 30 {number:07}" for number in range(1, 51)}


@pytest.fixture
def mixed(site: Site) -> Site:
    """A site whose application returns what is no token, and has 50 phone numbers in plain text."""
    code = site.project / "core/encryption.py"
    text = code.read_text(encoding="utf-8")
    before, after = text.split("def decrypt(", 1)
    after = after.replace(*READS_PLAIN, 1).replace("            return None\n", "            return ciphertext\n", 1)
    code.write_text(f"{before}def decrypt({after}", encoding="utf-8")
    for number, phone in PLAIN.items():
        site.sql("UPDATE customer_userprofile SET _phone_number_encrypted = %s WHERE id = %s", (phone, number))
    return site


def phones(site: Site) -> dict[int, str]:
    return dict(site.sql("SELECT id, _phone_number_encrypted FROM customer_userprofile WHERE id <= 50"))


def test_plain_text_in_a_settled_column_stays_and_the_tokens_are_rotated_and_rolled_back(mixed: Site) -> None:
    refused = mixed.play("plan")
    assert refused.code == 2, refused.text
    assert '{mixed: "why"}' in " ".join(refused.text.split())
    before, tokens = mixed.read_all(), mixed.tokens()
    assert before["profiles"][6][2] == PLAIN[7]
    mixed.write_inventory(key_rotation_settlements={COLUMN: {"mixed": "encrypted since 2024"}})
    unclear = mixed.play("plan")
    assert unclear.code == 2, unclear.text
    assert "50 values would stay as plain text, but ciphertext can look the same (numbers)" in unclear.text
    mixed.write_inventory(key_rotation_settlements={COLUMN: {"mixed": "encrypted since 2024, numbers before"}})
    made = mixed.play("plan")
    assert made.code == 0, made.text
    assert "70 current, 50 plain text that stays" in made.text
    done = mixed.play("rotate")
    assert done.code == 0, done.text
    assert "50 values are plain text and stay so." in " ".join(done.text.split()), done.text
    assert mixed.read_all() == before
    assert phones(mixed) == PLAIN
    assert all(
        old[2] != new[2]
        for old, new in zip(tokens["customer_userprofile"][50:], mixed.tokens()["customer_userprofile"][50:])
    )
    (record,) = (mixed.folder / "records").glob("*/record.jsonl")
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    settled = [line["settlements"] for line in lines if line.get("settlements")]
    assert settled[0] == [{"column": COLUMN, "decision": "mixed", "reason": "encrypted since 2024, numbers before"}]
    page = (record.parent / "report.html").read_text(encoding="utf-8")
    assert "50 plain text, which stays" in page
    assert mixed.play("verify").code == 0
    back = mixed.play("rollback")
    assert back.code == 0, back.text
    assert mixed.read_all() == before
    assert phones(mixed) == PLAIN


@pytest.mark.thorough
def test_a_settled_column_may_not_hold_what_looks_like_a_token_and_opens_nowhere(mixed: Site) -> None:
    mixed.write_inventory(key_rotation_settlements={COLUMN: {"mixed": "encrypted since 2024"}})
    unclear = mixed.play("rotate")
    assert (unclear.code != 0, unclear.error()) == (True, "E_PLAIN_UNCLEAR"), unclear.text
    mixed.write_inventory(key_rotation_settlements={COLUMN: {"mixed": "encrypted since 2024, numbers before"}})
    for row, value in ((60, "gAAAAABnothing"), (61, json.dumps(PARTS)), (62, str(int.from_bytes(b"\x80" * 20, "big")))):
        mixed.sql("UPDATE customer_userprofile SET _phone_number_encrypted = %s WHERE id = %s", (value, row))
    refused = mixed.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_UNREADABLE"), refused.text
    assert "no known key decrypts 3 values" in " ".join(refused.text.split())
    assert phones(mixed) == PLAIN


@pytest.mark.thorough
def test_secrets_that_somebody_decrypted_are_named_and_nothing_is_said_to_be_as_before(mixed: Site) -> None:
    mixed.write_inventory(key_rotation_settlements={COLUMN: {"mixed": "encrypted since 2024, numbers before"}})
    done = mixed.play("rotate")
    assert done.code == 0, done.text
    mixed.sql("UPDATE customer_userprofile SET _phone_number_encrypted = '+49 30 ' || id WHERE id BETWEEN 51 AND 53")
    verified = mixed.play("verify")
    assert f"{COLUMN} has 3 more values in plain text" in " ".join(verified.text.split()), verified.text
    back = mixed.play("rollback")
    said = " ".join(back.text.split())
    assert back.code == 0, back.text
    assert f"More values are in plain text than before the rotation: 3 in {COLUMN}." in said, back.text
    assert "are as before the rotation" not in said
