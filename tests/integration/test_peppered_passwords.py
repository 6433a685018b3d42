# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords with a rotated key in their hash: nobody could log in again. Those of any other hasher stop nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import under_new_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import password_hashers
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.guarded_start import StartReport
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import TRIAL
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .conftest import Outcome, Site
from .test_digests import keyring  # noqa: F401  # a fixture
from .test_discovery import survey

HASHERS = '''
import hashlib, hmac
from django.conf import settings
from django.contrib.auth.hashers import BasePasswordHasher, MD5PasswordHasher, PBKDF2PasswordHasher, mask_hash


def mark():
    return hmac.new(settings.SECRET_KEY.encode(), b"passwords", "sha256").hexdigest()[:8]


class Peppered(PBKDF2PasswordHasher):
    algorithm, iterations = "pbkdf2_peppered", 1000

    def encode(self, password, salt, iterations=None):
        pepper = getattr(settings, "PEPPER", settings.SECRET_KEY)
        mixed = hmac.new(pepper.encode(), password.encode(), "sha256").hexdigest()
        return super().encode(mixed, salt, iterations)


class Derived(BasePasswordHasher):
    """Under another key its verification raises."""

    algorithm = "sha256"

    def encode(self, password, salt):
        return f"{self.algorithm}${salt}-{mark()}${hashlib.sha256((salt + password).encode()).hexdigest()}"

    def verify(self, password, encoded):
        salt, _, made_under = encoded.split("$")[1].partition("-")
        if made_under != mark():
            raise ValueError("made under another key")
        return self.encode(password, salt) == encoded


class Stronger(PBKDF2PasswordHasher):
    """Of the application, and with no key."""

    iterations = PBKDF2PasswordHasher.iterations * 2


class Wrapped(PBKDF2PasswordHasher):
    """An upgrade of old hashes, as Django's documentation has it."""

    algorithm = "pbkdf2_wrapped_md5"

    def encode(self, password, salt, iterations=None):
        _, _, md5 = MD5PasswordHasher().encode(password, salt).split("$", 2)
        return super().encode(md5, salt, iterations)


class OnlyRead(BasePasswordHasher):
    """Of an application that this one replaced: it makes no hash."""

    algorithm = "legacy"

    def verify(self, password, encoded):
        return False
'''
OWN = ("Peppered", "Derived", "Stronger", "Wrapped", "OnlyRead")
DJANGO = ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt", "MD5")
TOLD = "passwords hashed by core.hashers.Peppered, core.hashers.Derived depend on a key that is rotated"
FILL = """
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
for number, algorithm in enumerate({algorithms}):
    User.objects.create(username=f"ada{{number}}", password=make_password(f"word {{number}}", hasher=algorithm))
print("MADE", User.objects.filter(username__startswith="ada").count())
"""
CHECK = """
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
hashes = User.objects.filter(username__startswith="ada").order_by("username").values_list("password", flat=True)
print("LOGINS", [check_password(f"word {number}", each) for number, each in enumerate(hashes)])
"""
SETTINGS = """
PASSWORD_HASHERS = {hashers}
if os.getenv("PASSWORD_PEPPER"):
    PEPPER = os.environ["PASSWORD_PEPPER"]
"""


def filled(site: Site, algorithms: Sequence[str], own: Sequence[str] = OWN) -> None:
    """The example with these hashers, and a user for each of the algorithms."""
    (site.project / "core/hashers.py").write_text(HASHERS, encoding="utf-8")
    hashers = [f"core.hashers.{name}" for name in own]
    hashers += [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in DJANGO]
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + SETTINGS.format(hashers=hashers), encoding="utf-8")
    made = site.manage("shell", "--verbosity=0", "--command", FILL.format(algorithms=[*algorithms]))
    assert f"MADE {len(algorithms)}" in made.text, made.text


def logins(site: Site) -> str:
    return site.manage("shell", "--verbosity=0", "--command", CHECK).text.strip()


def shown(outcome: Outcome) -> str:
    return " ".join(outcome.text.split())


@pytest.fixture
def hashing(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """A database with passwords, and an application that has all of the hashers."""
    from django.contrib.auth.hashers import make_password
    from django.test.utils import override_settings

    (tmp_path / "own_hashers.py").write_text(HASHERS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    paths = [f"own_hashers.{name}" for name in OWN]
    paths += [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in DJANGO]
    with override_settings(PASSWORD_HASHERS=paths):
        database.execute("CREATE TABLE secrets (id serial, password varchar(128), legacy_hash text, note text)")
        for algorithm in ("pbkdf2_wrapped_md5", "scrypt", "pbkdf2_sha1"):
            database.execute("INSERT INTO secrets (password) VALUES (%s)", (make_password("word", hasher=algorithm),))
        yield database


def test_passwords_with_a_rotated_key_in_their_hash_stop_until_the_key_stays(site: Site) -> None:
    filled(site, ("pbkdf2_peppered", "sha256", "scrypt"))
    assert logins(site) == "LOGINS [True, True, True]"
    planned = site.play("plan")
    assert planned.code == 2, planned.text
    assert f"STOP auth_user.password: {TOLD}" in shown(planned), planned.text
    assert "1 finding stops a rotation" in planned.text, planned.text

    before, env = site.read_all(), site.env_file.read_bytes()
    site.write_inventory(key_rotation_plan=str(site.folder / "no plan.yml"))
    for words in (("rotate", "--check"), ("rotate",)):
        refused = site.play(*words)
        assert (refused.code != 0, refused.error()) == (True, "E_PASSWORD_PEPPER"), refused.text
        assert "Nothing was changed." in refused.text
        assert "users with such a password could not log in" in shown(refused)
    assert (site.read_all(), site.env_file.read_bytes()) == (before, env)


def test_a_pepper_of_its_own_stays_and_every_user_logs_in_after_the_rotation(site: Site) -> None:
    """As the error says: with the value that the key has now, in a variable that is not rotated."""
    filled(site, ("pbkdf2_peppered", "pbkdf2_peppered", "pbkdf2_sha256"))
    with site.env_file.open("a", encoding="utf-8") as file:
        file.write(f"PASSWORD_PEPPER='{site.env_values()['SECRET_KEY']}'\n")
    assert logins(site) == "LOGINS [True, True, True]"
    refused = site.play("rotate", "--check")
    assert refused.error() == "E_SHARED_VALUE", refused.text
    assert "E_PASSWORD_PEPPER" not in refused.text
    settled = {name: {"not_a_key": "it peppers passwords"} for name in ("PASSWORD_PEPPER", "PEPPER")}
    site.write_inventory(key_rotation_settlements=settled)
    before = site.read_all()
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert logins(site) == "LOGINS [True, True, True]"
    assert site.read_all() == before


@pytest.mark.thorough
def test_lost_passwords_that_a_person_has_settled_stop_nothing(site: Site) -> None:
    filled(site, ("pbkdf2_peppered", "scrypt", "scrypt"))
    site.write_inventory(key_rotation_settlements={"auth_user.password": {"unreadable": "every user resets it"}})
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert logins(site) == "LOGINS [False, True, True]"


def test_hashers_without_a_key_and_one_that_hashes_no_stored_password_stop_nothing(site: Site) -> None:
    filled(site, ("pbkdf2_wrapped_md5", "pbkdf2_sha1", "md5"))
    site.sql("UPDATE auth_user SET password = 'legacy$of the old application' WHERE username = 'ada2'")
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    assert "auth_user.password" not in planned.text


@dataclass
class Process:
    """In place of a process of the application under other keys: this one, under another SECRET_KEY."""

    key: str
    asked: int = 0
    answers: bool = True

    def started(self) -> StartReport:
        return StartReport()

    def setting(self, name: str) -> bytes:
        return b"the same"

    def hash_password(self, *asked: Any) -> dict[str, str]:
        return self._under_key(password_hashers.encoded, *asked)

    def accepts_password(self, *asked: Any) -> set[str]:
        return self._under_key(password_hashers.accepted, *asked)

    def _under_key(self, function: Any, *asked: Any) -> Any:
        from django.conf import settings

        self.asked += 1
        settings.SECRET_KEY = self.key
        try:
            return function(*asked)
        finally:
            del settings.SECRET_KEY

    @property
    def opener(self) -> Process:
        return self


def looked(database: Database, ring: Keyring, destination: str, **settled: Any) -> Application:
    """The application before its first write, with a process under its current keys and one under others."""
    processes = {"current": Process("current"), destination: Process("another")}
    parts = [(database, survey(database, ring))]
    decided = settlements.parse({f"secrets.{column}": decision for column, decision in settled.items()})
    return Application(parts, ring, [], "", None, processes, settlements=decided)  # type: ignore[arg-type]


@pytest.mark.parametrize("destination", ["pending", TRIAL])
def test_the_last_look_before_the_first_write_asks_too(hashing: Database, keyring: Keyring, destination: str) -> None:
    hashing.execute("INSERT INTO secrets (legacy_hash) VALUES ('pbkdf2_peppered$1000$salt$hash')")
    with pytest.raises(RotationError, match=r"secrets\.legacy_hash: .* by own_hashers\.Peppered depend") as refused:
        under_new_keys.refuse_unfit(looked(hashing, keyring, destination), destination)
    assert refused.value.code == "E_PASSWORD_PEPPER"
    for decision in ("not_ours", "by_command"):
        with pytest.raises(RotationError, match="E_PASSWORD_PEPPER"):
            under_new_keys.refuse_made_of_keys(
                looked(hashing, keyring, destination, legacy_hash={decision: "no"}), destination
            )
    under_new_keys.refuse_made_of_keys(
        looked(hashing, keyring, destination, legacy_hash={"unreadable": "reset"}), destination
    )


def test_nothing_is_hashed_if_no_stored_password_is_by_a_hasher_of_the_application(
    hashing: Database, keyring: Keyring
) -> None:
    hashing.execute("DELETE FROM secrets WHERE starts_with(password, 'pbkdf2_wrapped_md5$')")
    hashing.execute("INSERT INTO secrets (note) VALUES ('pbkdf2_peppered$1000$salt$hash')")
    application = looked(hashing, keyring, "pending")
    under_new_keys.refuse_made_of_keys(application, "pending")
    assert [process.asked for process in application.processes.values()] == [0, 0]
    hashing.execute("INSERT INTO secrets (password) VALUES ('pbkdf2_wrapped_md5$1000$salt$hash')")
    under_new_keys.refuse_made_of_keys(application, "pending")
    assert [process.asked for process in application.processes.values()] == [1, 1]


def test_a_model_of_users_without_passwords_has_no_column_of_them(
    hashing: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db import models

    class Caller(AbstractBaseUser):
        """Logs in by a code that is sent to the phone."""

        password = None
        phone = models.TextField()

        class Meta:
            app_label, managed = "hashing", False

    class Member(AbstractBaseUser):
        class Meta:
            app_label, managed = "hashing", False

    try:
        with monkeypatch.context() as patched:
            patched.setattr(apps, "get_models", lambda: [Caller, Member])
            assert password_hashers.columns() == {("hashing_member", "password")}
    finally:
        del apps.all_models["hashing"]
