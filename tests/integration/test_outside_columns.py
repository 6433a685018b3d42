# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column that looks encrypted, came after the rotation, and opens under nothing: the way back does not need it."""

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography.fernet import Fernet

from .conftest import Site

THEIRS = Fernet(Fernet.generate_key())
MANY = 1200  # more than discovery looks at
ENCRYPT = (
    "from core.encryption import EncryptionManager as E; print('TOKENS', *(E.encrypt(f'v {n}') for n in range(64)))"
)


def fill(site: Site, rows: int) -> None:
    site.sql("CREATE TABLE notes (id int PRIMARY KEY, secret text)")
    made = [(number, THEIRS.encrypt(f"note {number}".encode()).decode()) for number in range(rows)]
    with site.connection() as connection, connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO notes VALUES (%s, %s)", made)


def token(site: Site) -> str:
    """One under the application's keys of now, which a sample of many values does not meet."""
    tokens = site.manage("shell", "--verbosity=0", "--command", ENCRYPT).text.split("TOKENS ", 1)[1].split()
    return max(tokens, key=lambda each: hashlib.md5(each.encode()).hexdigest())


@pytest.mark.thorough
def test_a_column_that_came_later_stops_no_rollback_and_no_verification_but_is_named(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate").code == 0
    fill(site, 3)
    named = "notes.secret was not part of this rotation and is unchanged: check it"

    assert site.play("plan").error() == "E_UNPROVED"
    verified = site.play("verify")
    assert verified.code == 0, verified.text
    assert named in " ".join(verified.text.split())
    back = site.play("rollback")

    assert back.code == 0, back.text
    assert named in " ".join(back.text.split("ROLLED BACK")[1].split()), "in the box"
    assert (site.read_all(), site.env_file.read_bytes()) == (plain, env)
    assert site.sql("SELECT count(*) FROM notes") == [(3,)]


@pytest.mark.thorough
def test_what_such_a_column_holds_under_a_version_of_the_rotation_is_found_in_all_of_it(site: Site) -> None:
    older, plain = token(site), site.read_all()
    assert site.play("rotate").code == 0
    fill(site, MANY)
    rotated = site.env_file.read_bytes()

    site.sql("UPDATE notes SET secret = %s WHERE id = 777", (older,))
    verified = site.play("verify")
    assert (verified.code != 0, verified.error()) == (True, "E_UNPROVED"), "it is not under the current keys"

    site.sql("UPDATE notes SET secret = %s WHERE id = 777", (token(site),))
    assert site.play("verify").code == 0
    back = site.play("rollback")
    assert (back.code, back.error()) == (20, "E_ROLLBACK_LOSES"), back.text
    assert "notes.secret:777" in back.text
    assert (site.read_all(), site.env_file.read_bytes()) == (plain, rotated), (
        "all values are under the keys of the .env"
    )
    assert site.play("verify").code == 0, "nothing is left half-way"


@pytest.mark.thorough
def test_a_column_of_the_rotation_of_which_nothing_opens_any_more_still_stops(site: Site) -> None:
    assert site.play("rotate").code == 0
    for (pk,) in site.sql("SELECT id FROM restaurant_restaurant"):
        foreign = THEIRS.encrypt(b"a value").decode()
        site.sql("UPDATE restaurant_restaurant SET _email_encrypted = %s WHERE id = %s", (foreign, pk))
    verified = site.play("verify")
    assert verified.code != 0
    assert "restaurant_restaurant._email_encrypted" in verified.text


@pytest.mark.thorough
def test_one_of_which_not_every_value_can_be_tried_stops_until_a_person_settles_it(site: Site) -> None:
    plain, env = site.read_all(), site.env_file.read_bytes()
    assert site.play("rotate").code == 0
    fill(site, 3)
    site.sql("ALTER TABLE notes DROP CONSTRAINT notes_pkey")
    site.sql("ALTER TABLE notes ALTER COLUMN id DROP NOT NULL")
    assert site.play("verify").error() == "E_UNPROVED"
    refused = site.play("rollback")
    assert (refused.code != 0, refused.error()) == (True, "E_UNPROVED"), refused.text

    settled = {"key_rotation_settlements": {"notes.secret": {"not_ours": "the notes have a key of their own"}}}
    back = site.play("rollback", "-e", json.dumps(settled))
    assert back.code == 0, back.text
    assert (site.read_all(), site.env_file.read_bytes()) == (plain, env)
