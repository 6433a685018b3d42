# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets a clear error, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Site

OTHER_KEY = "SECRET_KEY=another-key-that-nothing-was-encrypted-with-0123456789\n"
STRANGER = "gAAAAABnAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def _unreadable(site: Site) -> None:
    site.sql("UPDATE restaurant_restaurant SET _email_encrypted = %s WHERE id = 7", (STRANGER,))


def _plaintext(site: Site) -> None:
    site.sql("UPDATE restaurant_restaurant SET _email_encrypted = 'chef@example.org' WHERE id = 7")


def _no_token(site: Site) -> None:
    for table in ("customer_userprofile", "restaurant_restaurant", "restaurant_pendingrestaurant"):
        site.sql(f"DELETE FROM {table}")


def _twice(site: Site) -> None:
    site.env_file.write_text(site.env_file.read_text() + OTHER_KEY)


def _symlink(site: Site) -> None:
    real = site.folder / "real.env"
    site.env_file.rename(real)
    site.env_file.symlink_to(real)


def _database_down(site: Site) -> None:
    site.set_env("DB_HOST", "DB_HOST=/nonexistent\n")


def _broken_settings(site: Site) -> None:
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + "\nraise RuntimeError(SECRET_KEY)\n")


CASES: list[tuple[str, Callable[[Site], object], str, str]] = [
    ("wrong key", lambda site: site.set_env("SECRET_KEY", OTHER_KEY), "E_WRONG_KEY", "customer_userprofile._"),
    ("key missing", lambda site: site.set_env("SECRET_KEY", ""), "E_ENV_KEY_MISSING", "SECRET_KEY is not set"),
    ("key empty", lambda site: site.set_env("SECRET_KEY", "SECRET_KEY=\n"), "E_ENV_KEY_EMPTY", ".env:3: SECRET_KEY"),
    ("key twice", _twice, "E_ENV_DUPLICATE", "is set twice (first on line 3)"),
    ("env missing", lambda site: site.env_file.unlink(), "E_ENV_MISSING", ".env does not exist"),
    ("env is a link", _symlink, "E_ENV_UNSAFE", "a symbolic link"),
    ("a row opens under no key", _unreadable, "E_UNREADABLE", "restaurant_restaurant._email_encrypted: 1 values"),
    ("plaintext", _plaintext, "E_PLAINTEXT", "are not encrypted (rows 7)"),
    ("no token anywhere", _no_token, "E_NO_TARGETS", "no column of"),
    ("database down", _database_down, "E_DB_CONNECT", "/nonexistent"),
    ("settings that fail", _broken_settings, "E_DJANGO_SETUP", "RuntimeError at"),
    ("wrong project", lambda site: (site.project / "manage.py").unlink(), "E_PROJECT", "has no manage.py"),
    (
        "unknown key type",
        lambda site: site.write_inventory(key_rotation_keys=[{"name": "A", "type": "x"}]),
        "E_KEY_TYPE",
        "x",
    ),
    (
        "no backup folder",
        lambda site: site.write_inventory(key_rotation_backup_dir=f"{site.project}/manage.py/x"),
        "E_BACKUP_DIR",
        "is no folder",
    ),
    (
        "no record folder",
        lambda site: site.write_inventory(key_rotation_record_dir="/proc/x"),
        "E_RECORD_WRITE",
        "/proc/x",
    ),
]


@pytest.mark.parametrize(("spoil", "code", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_is_refused_before_anything_is_changed(
    site: Site, spoil: Callable[[Site], object], code: str, words: str
) -> None:
    spoil(site)
    tokens, files = site.tokens(), site.files()

    outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == code, outcome.text
    assert words in outcome.text
    assert "Nothing was changed." in outcome.text
    assert site.tokens() == tokens
    after = {name: content for name, content in site.files().items() if not name.startswith("records/")}
    assert after == files
    assert "another-key-that" not in outcome.text


def test_an_env_file_that_cannot_be_written_is_refused(site: Site) -> None:
    tokens, env = site.tokens(), site.env_file.read_bytes()
    with unwritable(site.env_file):
        outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == "E_ENV_WRITE", outcome.text
    assert "Nothing was changed." in outcome.text
    assert (site.tokens(), site.env_file.read_bytes()) == (tokens, env)


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Take the right to write away, from root too."""
    if os.geteuid() == 0:
        subprocess.run(["chattr", "+i", str(path)], check=True)
        yield
        subprocess.run(["chattr", "-i", str(path)], check=True)
    else:
        path.chmod(0o400)
        yield
        path.chmod(0o600)


def test_the_wrong_store_password_is_refused(site: Site) -> None:
    assert site.play("rotate").code == 0
    tokens, env, store = site.tokens(), site.env_file.read_bytes(), site.store.read_bytes()
    site.password.write_text("not the password\n")

    outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == "E_STORE_PASSWORD"
    assert "Nothing was changed." in outcome.text
    assert (site.tokens(), site.env_file.read_bytes(), site.store.read_bytes()) == (tokens, env, store)


def test_a_key_changed_by_hand_is_noticed(site: Site) -> None:
    assert site.play("rotate").code == 0
    tokens, store = site.tokens(), site.store.read_bytes()
    site.set_env("SECRET_KEY", OTHER_KEY)
    for playbook in ("rotate", "verify"):
        outcome = site.play(playbook)
        assert outcome.code != 0
        assert outcome.error() == {"rotate": "E_KEYS_DIFFER", "verify": "E_ENV_NOT_SWITCHED"}[playbook]
    assert (site.tokens(), site.store.read_bytes()) == (tokens, store)


def test_empty_values_and_nulls_are_kept(site: Site) -> None:
    site.sql("UPDATE customer_userprofile SET _address_encrypted = '' WHERE id = 3")
    site.sql("UPDATE customer_userprofile SET _address_encrypted = NULL WHERE id = 4")
    assert site.play("rotate").code == 0
    assert site.sql("SELECT _address_encrypted FROM customer_userprofile WHERE id IN (3, 4) ORDER BY id") == [
        ("",),
        (None,),
    ]


def test_an_empty_table_is_no_error(site: Site) -> None:
    site.sql("DELETE FROM restaurant_pendingrestaurant")
    plain = site.read_all()
    assert site.play("rotate").code == 0
    assert site.read_all() == plain


def test_a_listed_row_is_left_alone_and_the_rest_is_rotated(site: Site) -> None:
    _unreadable(site)
    row = "restaurant_restaurant._email_encrypted:7"
    site.write_inventory(key_rotation_leave_alone=[row])
    tokens = site.tokens()["restaurant_restaurant"]

    outcome = site.play("rotate")

    assert outcome.code == 0, outcome.text
    assert "1 left alone" in outcome.text
    now = site.tokens()["restaurant_restaurant"]
    assert now[6][2] == STRANGER
    assert all(a[2] != b[2] for place, (a, b) in enumerate(zip(tokens, now)) if place != 6)


def test_verify_names_what_is_not_current(site: Site) -> None:
    assert site.play("rotate").code == 0
    assert site.play("verify").code == 0
    _plaintext(site)
    outcome = site.play("verify")
    assert outcome.code != 0
    assert outcome.error() == "E_PLAINTEXT"


def test_keys_exported_in_debug_settings_are_refused(site: Site) -> None:
    outcome = site.play("rotate", ANSIBLE_KEEP_REMOTE_FILES="1")
    assert outcome.code != 0
    assert outcome.error() == "E_DEBUG_SETTINGS"
