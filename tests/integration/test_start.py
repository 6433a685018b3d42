# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application does as it starts under keys that are not those of its data: it destroys nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import pytest

from .conftest import Site, thorough

READY = """

    def ready(self) -> None:
        from cryptography.fernet import InvalidToken
        from django.contrib.auth.models import Group
        from django.core.exceptions import ImproperlyConfigured
        from django.db import transaction
        from core.encryption import EncryptionManager
        from customer.models import UserProfile

        def read(profile):
            if profile._address_encrypted:
                EncryptionManager._get_fernet().decrypt(profile._address_encrypted.encode())

"""
HEALING = {
    "its error ends the start": """
        try:
            for profile in UserProfile.objects.all():
                read(profile)
        except InvalidToken:
            UserProfile.objects.update(_address_encrypted="a new one")
    """,
    "its error is swallowed": """
        try:
            for profile in UserProfile.objects.all():
                read(profile)
        except InvalidToken:
            try:
                UserProfile.objects.update(_address_encrypted="a new one")
            except Exception:
                pass
    """,
    "it locks the row first": """
        with transaction.atomic():
            profile = UserProfile.objects.select_for_update().filter(_address_encrypted__gt="").first()
            try:
                read(profile)
            except InvalidToken:
                profile.address = "a new one"
                profile.save()
    """,
}
CHECKING = """
    for profile in UserProfile.objects.all():
        try:
            read(profile)
        except InvalidToken:
            raise ImproperlyConfigured("the keys do not fit")
"""
KEEPING = {
    "a copy": """
        copy = BASE_DIR / "key.copy"
        if not copy.exists():
            copy.write_text(os.environ["SECRET_KEY"])
        SECRET_KEY = copy.read_text()
    """,
    "a file that overrides it": """
        load_dotenv(BASE_DIR / ".env.local", override=True)
        SECRET_KEY = os.environ["SECRET_KEY"]
    """,
}
REGISTERING = {
    "in an encrypted column, or not": """
        try:
            UserProfile.objects.filter(pk=1).update(_address_encrypted=EncryptionManager.encrypt("a node"))
        except Exception:
            pass
    """,
    "or it does not start": """
        Group.objects.get_or_create(name="a node")
        Group.objects.filter(name="a node").update(name="a node")
    """,
}
MORE = ("its error ends the start", "it locks the row first", "a copy", "or it does not start")


def variants(names: Iterable[str]) -> list[object]:
    return [thorough(name) if name in MORE else name for name in names]


def at_start(site: Site, code: str) -> None:
    """Have the application do this as it starts."""
    path = site.project / "customer/apps.py"
    body = textwrap.indent(textwrap.dedent(code), " " * 8)
    path.write_text(path.read_text(encoding="utf-8").rstrip() + READY + body, encoding="utf-8")


@pytest.mark.parametrize("how", variants(HEALING))
def test_an_application_that_replaces_what_it_cannot_read_stops_before_it_has(site: Site, how: str) -> None:
    before = site.tokens()
    at_start(site, HEALING[how])
    for words in (("plan",), ("rotate", "--check"), ("rotate",)):
        done = site.play(*words)
        assert site.tokens() == before, words
        assert done.code != 0, done.text
        shown = " ".join(done.text.split())
        assert "E_START_WRITES" in shown, done.text
        assert "writes to its database while it starts: UPDATE customer_userprofile." in shown


def test_an_application_that_checks_its_keys_at_the_start_stops_with_that_reason(site: Site) -> None:
    values, before = site.read_all(), site.tokens()
    at_start(site, CHECKING)
    for words in (("plan",), ("rotate",)):
        done = site.play(*words)
        assert done.code != 0, done.text
        shown = " ".join(done.text.split())
        assert "E_START_CHECKS" in shown, done.text
        assert f"it fails at {site.project}/customer/apps.py:" in shown
        assert "E_NEW_KEYS_REFUSED" not in shown
        assert (site.tokens(), site.read_all()) == (before, values)


@pytest.mark.parametrize("how", variants(KEEPING))
def test_settings_that_keep_the_present_key_stop_before_the_application_is_down(site: Site, how: str) -> None:
    local = site.project / ".env.local"
    local.write_text(f"SECRET_KEY='{site.env_values()['SECRET_KEY']}'\n", encoding="utf-8")
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + textwrap.dedent(KEEPING[how]), encoding="utf-8")
    values, before = site.read_all(), site.tokens()
    for words in (("plan",), ("rotate", "--check"), ("rotate",)):
        done = site.play(*words)
        assert done.code != 0, done.text
        shown = " ".join(done.text.split())
        assert "E_KEY_NOT_TAKEN" in shown, done.text
        assert "setting SECRET_KEY keeps its present value" in shown
        assert "ENCRYPTION_SALT keeps" not in shown
        assert (site.tokens(), site.read_all()) == (before, values)


@pytest.mark.parametrize("how", variants(REGISTERING))
def test_what_each_start_writes_whatever_the_keys_are_is_no_finding(site: Site, how: str) -> None:
    at_start(site, REGISTERING[how])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    untried = "its reading with them was not tried" in " ".join(planned.text.split())
    assert untried is (how == "or it does not start")
    values = site.read_all()
    done = site.play("rotate")
    assert done.code == 0, done.text
    assert site.read_all() == values


WRITING_BACK = {
    "itself": """
        from pathlib import Path
        path = Path(__file__).parents[1] / ".env"
        path.write_text(path.read_text())
        path.with_name("kept").write_text(path.read_text())
    """,
    "another program": """
        import subprocess
        from pathlib import Path
        path = Path(__file__).parents[1] / ".env"
        subprocess.run(["cp", "/dev/stdin", path], input=path.read_bytes(), check=True)
    """,
}


@pytest.mark.thorough
def test_an_application_that_writes_its_key_file_as_it_starts_keeps_its_keys(site: Site) -> None:
    at_start(site, WRITING_BACK["itself"])
    values, env_file = site.read_all(), (site.project / ".env").read_bytes()
    for words in (("plan",), ("rotate", "--check")):
        done = site.play(*words)
        assert done.code == 0, done.text
        assert (site.project / ".env").read_bytes() == env_file, words
        assert (site.project / "kept").read_bytes() == env_file, words
    done = site.play("rotate")
    assert done.code == 0, done.text
    assert site.read_all() == values
    switched = (site.project / ".env").read_bytes()
    assert switched != env_file
    assert (site.project / "kept").read_bytes() == switched


def test_another_program_that_writes_the_key_file_is_undone_and_reported(site: Site) -> None:
    at_start(site, WRITING_BACK["another program"])
    env_file = (site.project / ".env").read_bytes()
    for words in (("plan",), ("rotate",)):
        done = site.play(*words)
        assert done.code != 0, done.text
        assert "E_KEY_FILE_WRITTEN" in done.text
        assert (site.project / ".env").read_bytes() == env_file, words
