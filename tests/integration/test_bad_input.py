# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets a clear error, and nothing is lost."""

from __future__ import annotations

import json
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


def _writing_property(site: Site) -> None:
    """Its error of PostgreSQL never gets out of it."""
    models = site.project / "customer/models.py"
    code = """

    @property
    def audited(self):
        try:
            UserProfile.objects.filter(pk=self.pk).update(notes="read")
        except Exception:
            return ""
        return self._full_name_encrypted
"""
    models.write_text(models.read_text().replace('or ""\n', f'or ""\n{code}', 1))


CASES: list[tuple[str, Callable[[Site], object], str, str]] = [
    ("wrong key", lambda site: site.set_env("SECRET_KEY", OTHER_KEY), "E_UNPROVED", "customer_userprofile._"),
    ("key missing", lambda site: site.set_env("SECRET_KEY", ""), "E_ENV_KEY_MISSING", "SECRET_KEY is not set"),
    ("key empty", lambda site: site.set_env("SECRET_KEY", "SECRET_KEY=\n"), "E_ENV_KEY_EMPTY", ".env:3: SECRET_KEY"),
    ("key twice", _twice, "E_ENV_DUPLICATE", "is set twice (first on line 3)"),
    ("env missing", lambda site: site.env_file.unlink(), "E_ENV_MISSING", ".env does not exist"),
    ("env is a link", _symlink, "E_ENV_UNSAFE", "a symbolic link"),
    (
        "a row opens under no key",
        _unreadable,
        "E_UNREADABLE",
        "no known key decrypts 1 value: restaurant_restaurant._email_encrypted:7",
    ),
    ("plaintext", _plaintext, "E_PLAINTEXT", "does not look encrypted: restaurant_restaurant._email_encrypted:7"),
    ("no token anywhere", _no_token, "E_NO_TARGETS", "no column of"),
    (
        "a migration that was not run",
        lambda site: site.sql("ALTER TABLE restaurant_restaurant RENAME COLUMN name TO title"),
        "E_APPLICATION_MODEL",
        "cannot read its model restaurant.Restaurant (SQLSTATE 42703)",
    ),
    (
        "a property that writes",
        _writing_property,
        "E_APPLICATION_WRITES",
        "reading customer.UserProfile.audited in a read-only transaction",
    ),
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
        "is not a folder",
    ),
    (
        "no record folder",
        lambda site: site.write_inventory(key_rotation_record_dir="/proc/x"),
        "E_RECORD_WRITE",
        "/proc/x",
    ),
]


# As others, and the tests of the .env file, the record, the backup and the database.
MORE = {"a property that writes", "key empty", "key missing", "key twice", "env missing", "env is a link", "plaintext"}
MORE |= {"wrong project", "unknown key type", "settings that fail", "no backup folder"}
MORE |= {"no token anywhere", "a migration that was not run", "database down", "no record folder"}


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [pytest.param(*case, id=name, marks=[pytest.mark.thorough] if name in MORE else []) for name, *case in CASES],
)
def test_it_is_refused_before_anything_is_changed(
    site: Site, spoil: Callable[[Site], object], code: str, words: str
) -> None:
    spoil(site)
    tokens, files = site.tokens(), site.files()

    outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == code, outcome.text
    assert words in " ".join(outcome.text.split())
    assert "Nothing was changed." in outcome.text
    assert site.tokens() == tokens
    after = {name: content for name, content in site.files().items() if not name.startswith("records/")}
    assert after == files
    assert "another-key-that" not in outcome.text


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_a_key_that_is_exported_wins_over_the_file_and_is_refused(site: Site) -> None:
    outcome = site.play("rotate", SECRET_KEY=site.env_values()["SECRET_KEY"])
    assert outcome.code != 0
    assert outcome.error() == "E_ENV_EXPORTED"
    assert site.env_values()["SECRET_KEY"] not in outcome.text


@pytest.mark.thorough
def test_an_application_that_reads_another_file_is_refused(site: Site) -> None:
    other = site.folder / "other.env"
    other.write_bytes(site.env_file.read_bytes())
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text().replace('BASE_DIR / ".env"', repr(str(other))))
    tokens, env = site.tokens(), site.env_file.read_bytes()
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert outcome.error() == "E_ENV_NOT_READ"
    assert (site.tokens(), site.env_file.read_bytes()) == (tokens, env)
    site.write_inventory(key_rotation_env_file=str(other))
    other.chmod(0o600)
    assert site.play("rotate").code == 0


@pytest.mark.thorough
def test_listing_too_few_targets_is_refused(site: Site) -> None:
    tokens = site.tokens()
    site.write_inventory(
        key_rotation_targets=[
            {"table": "customer_userprofile", "column": "_full_name_encrypted", "scheme": "encryption_manager"}
        ]
    )
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert outcome.error() == "E_TARGET_MISSED"
    assert site.tokens() == tokens


@pytest.mark.thorough
def test_a_column_of_nothing_but_plaintext_is_refused(site: Site) -> None:
    site.sql("UPDATE restaurant_pendingrestaurant SET _email_encrypted = 'joe@example.org'")
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert outcome.error() == "E_COLUMN_PLAIN"
    assert "restaurant_pendingrestaurant._email_encrypted" in outcome.text


@pytest.mark.thorough
def test_the_python_that_is_not_there_is_named(site: Site) -> None:
    site.write_inventory(key_rotation_python="/nonexistent/python")
    outcome = site.play("rotate")
    assert outcome.code != 0
    assert outcome.error() == "E_HOST_PYTHON"
    assert "no Python at /nonexistent/python" in outcome.text


@pytest.mark.thorough
def test_a_table_with_a_view_and_rows_in_a_second_database(site: Site) -> None:
    """Every database of the application is rotated; a view is only a look at a table."""
    site.sql("CREATE VIEW customers AS SELECT * FROM customer_userprofile")
    second = f"{site.database[:50]}_second"
    with site.admin() as admin:
        admin.execute(f'CREATE DATABASE "{second}" TEMPLATE "{site.database}"')
    settings = site.project / "food_ordering/settings.py"
    router = (
        '\nDATABASES["second"] = {**DATABASES["default"], "NAME": "%s"}\n'
        'DATABASES["replica"] = {**DATABASES["default"]}\nDATABASE_ROUTERS = ["food_ordering.routers.Router"]\n'
    )
    settings.write_text(settings.read_text() + router % second)
    (site.project / "food_ordering/routers.py").write_text(
        "class Router:\n"
        "    def db_for_read(self, model, **hints):\n        return 'replica'\n"
        "    def db_for_write(self, model, **hints):\n        return 'default'\n"
    )
    plain, env = site.read_all(), site.env_file.read_bytes()
    first = site.database
    try:
        outcome = site.play("rotate", "-e", "key_rotation_id=both")
        assert outcome.code == 0, outcome.text
        assert site.read_all() == plain
        assert (site.folder / "backups/both.second.dump").exists()
        site.database = second
        with_new = {name: rows[0][1] for name, rows in site.tokens().items()}
        assert site.play("rollback").code == 0
        assert {name: rows[0][1] for name, rows in site.tokens().items()} != with_new
        assert site.env_file.read_bytes() == env
    finally:
        site.database = first
        with site.admin() as admin:
            admin.execute(f'DROP DATABASE "{second}" WITH (FORCE)')


@pytest.mark.thorough
def test_the_wrong_store_password_is_refused(site: Site) -> None:
    assert site.play("rotate").code == 0
    tokens, env, store = site.tokens(), site.env_file.read_bytes(), site.store.read_bytes()
    site.password.write_text("not the password\n")

    outcome = site.play("rotate")

    assert outcome.code != 0
    assert outcome.error() == "E_STORE_PASSWORD"
    assert "Nothing was changed." in outcome.text
    assert (site.tokens(), site.env_file.read_bytes(), site.store.read_bytes()) == (tokens, env, store)


@pytest.mark.thorough
def test_keys_that_are_damaged_in_the_store_are_not_rotated_away(site: Site) -> None:
    """The .env may then have the last copy of them."""
    assert site.play("rotate").code == 0
    damaged = site.stored()
    del next(v for v in damaged["versions"] if v["key_id"] == damaged["stages"]["current"])["values"]["ENCRYPTION_SALT"]
    site.store.write_bytes(site.vault().encrypt(json.dumps(damaged).encode()))
    tokens, env = site.tokens(), site.env_file.read_bytes()

    for playbook in ("rotate", "rollback"):
        outcome = site.play(playbook)
        assert outcome.code != 0, outcome.text
        assert "E_STORE_DAMAGED" in outcome.text
    assert (site.tokens(), site.env_file.read_bytes()) == (tokens, env)
    assert site.stored()["versions"] == damaged["versions"]


@pytest.mark.thorough
def test_a_key_changed_by_hand_is_noticed(site: Site) -> None:
    assert site.play("rotate").code == 0
    tokens, versions = site.tokens(), site.stored()["versions"]
    site.set_env("SECRET_KEY", OTHER_KEY)
    errors = {"plan": "E_KEYS_DIFFER", "rotate": "E_KEYS_DIFFER", "verify": "E_ENV_NOT_SWITCHED"}
    for playbook, error in errors.items():
        outcome = site.play(playbook)
        assert (outcome.code != 0, outcome.error()) == (True, error), outcome.text
    assert (site.tokens(), site.stored()["versions"]) == (tokens, versions)


@pytest.mark.thorough
def test_empty_values_and_nulls_are_kept(site: Site) -> None:
    site.sql("UPDATE customer_userprofile SET _address_encrypted = '' WHERE id = 3")
    site.sql("UPDATE customer_userprofile SET _address_encrypted = NULL WHERE id = 4")
    assert site.play("rotate").code == 0
    assert site.sql("SELECT _address_encrypted FROM customer_userprofile WHERE id IN (3, 4) ORDER BY id") == [
        ("",),
        (None,),
    ]


@pytest.mark.thorough
def test_an_empty_table_is_no_error(site: Site) -> None:
    site.sql("DELETE FROM restaurant_pendingrestaurant")
    plain = site.read_all()
    assert site.play("rotate").code == 0
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_listed_row_is_left_alone_and_the_rest_is_rotated(site: Site) -> None:
    _unreadable(site)
    row = "restaurant_restaurant._email_encrypted:7"
    site.write_inventory(key_rotation_leave_alone=[row])
    refused = site.play("rotate", "--check")
    assert refused.error() == "E_LEFT_ALONE"
    said = " ".join(refused.text.split())
    assert "1 value in key_rotation_leave_alone looks encrypted, contains a token, or is a code or JSON, which " in said
    assert f"may be ciphertext: {row}" in said
    settled = {row: {"unreadable": "nobody needs the address"}}
    site.write_inventory(key_rotation_leave_alone=[row], key_rotation_settlements=settled)
    tokens = site.tokens()["restaurant_restaurant"]

    outcome = site.play("rotate")

    assert outcome.code == 0, outcome.text
    assert "1 left alone" in outcome.text
    now = site.tokens()["restaurant_restaurant"]
    assert now[6][2] == STRANGER
    assert all(a[2] != b[2] for place, (a, b) in enumerate(zip(tokens, now)) if place != 6)


@pytest.mark.thorough
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
