# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_rotation_sessions: who is logged in to the application over HTTP stays so, or does not, as promised."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .conftest import Site
from .served import Served

# A login, who it is, what the session holds, and whether a link to reset a password works.
ACCOUNTS = """
from django.contrib.auth import authenticate, get_user_model, login
from django.contrib.auth.tokens import default_token_generator
from django.http import JsonResponse
from django.urls import path

from food_ordering.urls import urlpatterns


def enter(request):
    user = authenticate(request, username="ada", password=request.GET["password"])
    login(request, user)
    request.session["cart"] = [7, "k\\u00e4se"]
    return who(request)


def who(request):
    return JsonResponse({"user": request.user.get_username(), "cart": request.session.get("cart")})


def reset(request):
    user = get_user_model().objects.get(username="bea")  # a login would end her link
    return JsonResponse({"works": default_token_generator.check_token(user, request.GET["token"])})


urlpatterns = [*urlpatterns, path("enter/", enter), path("who/", who), path("reset/", reset)]
"""
SETTINGS = '\nROOT_URLCONF = "food_ordering.accounts"\n'
CACHED = """
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": CACHE}}
"""
ENGINES = [pytest.param("", id="db"), pytest.param(CACHED, id="cached_db", marks=pytest.mark.thorough)]
COOKIES = '\nSESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"\n'
LISTED = """
import os
SECRET_KEY_FALLBACKS = [key for key in os.getenv("SECRET_KEY_FALLBACKS", "").split(",") if key]
"""
PASSWORD = "a password of the test"
NEW_USERS = f"""
from django.contrib.auth.models import User
for name in ("ada", "bea"):
    User.objects.create_user(name, password="{PASSWORD}")
"""
RESET = (
    "from django.contrib.auth.models import User; from django.contrib.auth.tokens import default_token_generator as t;"
    "print('TOKEN' + t.make_token(User.objects.get(username='bea')))"
)
ADA, NOBODY = {"user": "ada", "cart": [7, "käse"]}, {"user": "", "cart": None}
FALLBACKS = ("-e", "key_rotation_sessions=fallbacks")
RESIGN, DROP = ("-e", "key_rotation_sessions=resign"), ("-e", "key_rotation_sessions=drop")


class Browser:
    """Keeps its cookies, as a person's browser does."""

    def __init__(self, served: Served) -> None:
        self.served = served
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, page: str, **asked: str) -> Any:
        address = f"http://127.0.0.1:{self.served.port}/{page}/?{urllib.parse.urlencode(asked)}"
        with self._opener.open(address, timeout=10) as answer:
            return json.load(answer)

    def enter(self) -> Any:
        return self.get("enter", password=PASSWORD)

    def who(self) -> Any:
        return self.get("who")


@pytest.fixture
def engine() -> str:
    """More settings, of the sessions."""
    return ""


@pytest.fixture
def browser(site: Site, engine: str, tmp_path: Path) -> Any:
    """Of Ada, who is logged in to the application."""
    (site.project / "food_ordering/accounts.py").write_text(ACCOUNTS, encoding="utf-8")
    settings = site.project / "food_ordering/settings.py"
    more = SETTINGS + engine.replace("CACHE}", f'"{tmp_path / "cache"}"}}')
    settings.write_text(settings.read_text(encoding="utf-8") + more, encoding="utf-8")
    assert site.manage("shell", "--verbosity=0", "--command", NEW_USERS).code == 0
    served = Served(site)
    served.order("start")
    served.wait()
    site.write_inventory(key_rotation_services=served.entries(), key_rotation_services_settle=1)
    made = Browser(served)
    assert made.enter() == ADA == made.who()
    yield made
    served.order("stop")


def reset_token(site: Site) -> str:
    return site.manage("shell", "--verbosity=0", "--command", RESET).text.partition("TOKEN")[2].strip()


def sessions(site: Site) -> int:
    return site.sql("SELECT count(*) FROM django_session WHERE session_data <> '' AND expire_date > now()")[0][0]


def test_without_the_variable_everybody_is_logged_out(site: Site, browser: Browser) -> None:
    done = site.play("rotate")
    assert done.code == 0, done.text
    browser.served.wait()
    assert browser.who() == NOBODY
    assert "key_rotation_sessions can keep the users logged in" in " ".join(done.text.split())


@pytest.mark.parametrize("engine", ENGINES)
def test_resign_keeps_the_login_through_the_rotation_and_its_rollback(site: Site, browser: Browser) -> None:
    token = reset_token(site)
    assert browser.get("reset", token=token) == {"works": True}
    site.sql("INSERT INTO django_session VALUES ('forged', 'bm9uZQ:1:x', now() + interval '1 day')")

    done = site.play("rotate", *RESIGN)

    assert done.code == 0, done.text
    text = " ".join(done.text.split())
    assert "sessions 1 signed again with the new key, 1 not signed with the former key" in text, done.text
    assert site.sql("SELECT session_data FROM django_session WHERE session_key = 'forged'") == [("bm9uZQ:1:x",)]
    browser.served.wait()
    assert browser.who() == ADA
    assert browser.get("reset", token=token) == {"works": False}
    late = Browser(browser.served)
    assert late.enter() == ADA

    back = site.play("rollback")

    assert back.code == 0, back.text
    browser.served.wait()
    assert (browser.who(), late.who()) == (ADA, ADA)
    assert browser.get("reset", token=token) == {"works": True}


def test_a_rotation_that_fails_after_it_signed_the_sessions_again_gives_them_back(site: Site, browser: Browser) -> None:
    failed = site.play("rotate", *RESIGN, "-e", '{"key_rotation_verification_commands": [["false"]]}')
    assert failed.code != 0
    assert "was rolled back" in failed.text, failed.text
    browser.served.wait()
    assert browser.who() == ADA
    (record,) = (site.folder / "records").glob("*/record.jsonl")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    done = [line for line in lines if line["event"] == "django_sessions" and line["phase"] == "done"]
    assert [(line["asked"]["state"], line["logins"]) for line in done] == [
        ("resigned", {"resigned": 1}),
        ("restored", {"resigned": 1}),
    ]


@pytest.mark.thorough
def test_a_login_that_a_new_password_has_ended_is_not_brought_back(site: Site, browser: Browser) -> None:
    change = (
        "from django.contrib.auth.models import User; u = User.objects.get(username='ada'); u.set_password('other')"
    )
    assert site.manage("shell", "--verbosity=0", "--command", f"{change}; u.save()").code == 0
    assert site.play("rotate", *RESIGN).code == 0
    browser.served.wait()
    assert browser.who()["user"] == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_drop_ends_every_session(site: Site, browser: Browser) -> None:
    assert sessions(site) == 1
    done = site.play("rotate", *DROP)
    assert done.code == 0, done.text
    assert "sessions 1 ended" in " ".join(done.text.split())
    assert sessions(site) == 0
    browser.served.wait()
    assert browser.who() == NOBODY


@pytest.mark.thorough
def test_a_rollback_continues_without_the_sessions_if_they_cannot_be_signed_again(site: Site, browser: Browser) -> None:
    assert site.play("rotate", *RESIGN).code == 0
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + COOKIES, encoding="utf-8")

    back = site.play("rollback")

    assert back.code == 0, back.text
    assert "E_SESSIONS_KEPT: the users' sessions cannot be signed again" in " ".join(back.text.split()), back.text
    browser.served.wait()
    assert browser.who() == NOBODY


def test_drop_does_not_fail_the_rotation_if_the_database_refuses_it(site: Site, browser: Browser) -> None:
    site.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON django_session FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    done = site.play("rotate", *DROP)
    assert done.code == 0, done.text
    assert "E_DB: " in " ".join(done.text.split()), done.text
    browser.served.wait()
    assert browser.who() == NOBODY


@pytest.mark.parametrize("engine", [COOKIES], ids=["signed_cookies"])
def test_resign_is_refused_before_anything_is_changed_if_the_sessions_are_in_no_table(
    site: Site, browser: Browser
) -> None:
    before = site.env_file.read_bytes()
    refused = site.play("rotate", *RESIGN)
    assert refused.code != 0
    text = " ".join(refused.text.split())
    assert (
        "the users' sessions cannot be signed again: SESSION_ENGINE is django.contrib.sessions.backends.signed_cookies"
        in text
    ), refused.text
    assert site.env_file.read_bytes() == before
    assert browser.who() == ADA


def fallbacks(site: Site) -> list[str]:
    (line,) = [line for line in site.env_file.read_text().splitlines() if line.startswith("SECRET_KEY_FALLBACKS=")]
    return [key for key in line.partition("=")[2].strip("'").split(",") if key]


@pytest.mark.parametrize("engine", [LISTED], ids=["listed"])
def test_fallbacks_keep_all_that_the_old_key_signed_until_it_is_retired(site: Site, browser: Browser) -> None:
    with site.env_file.open("a", encoding="utf-8") as handle:
        handle.write("SECRET_KEY_FALLBACKS=a-key-of-the-operator-that-is-of-no-version\n")
    own, old, token = fallbacks(site), site.env_values()["SECRET_KEY"], reset_token(site)
    away = Browser(browser.served)
    assert away.enter() == ADA

    done = site.play("rotate", *FALLBACKS)

    assert done.code == 0, done.text
    assert fallbacks(site) == [old, *own]
    assert old not in done.text
    browser.served.wait()
    assert (browser.who(), browser.get("reset", token=token)) == (ADA, {"works": True})
    assert site.play("verify").code == 0
    held = site.play("retire")
    assert held.error() == "E_VERSION_KEPT", held.text
    assert fallbacks(site) == [old, *own], "what is refused has taken nothing out"

    for backup in (site.folder / "backups").iterdir():
        backup.unlink()
    retired = site.play("retire", "-e", "key_rotation_hold_days=0")

    assert retired.code == 0, retired.text
    assert fallbacks(site) == own
    browser.served.order("stop")
    browser.served.order("start")
    browser.served.wait()
    assert browser.who() == ADA, "who came meanwhile has a session under the new key"
    assert (away.who(), browser.get("reset", token=token)) == (NOBODY, {"works": False})


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [LISTED], ids=["listed"])
def test_a_rollback_takes_the_key_that_is_current_again_out_of_the_fallbacks(site: Site, browser: Browser) -> None:
    with site.env_file.open("a", encoding="utf-8") as handle:
        handle.write("SECRET_KEY_FALLBACKS=\n")
    before = site.env_file.read_bytes()
    failed = site.play("rotate", *FALLBACKS, "-e", '{"key_rotation_verification_commands": [["false"]]}')
    assert "was rolled back" in failed.text, failed.text
    assert fallbacks(site) == []
    assert site.env_values()["SECRET_KEY"].encode() in before
    browser.served.wait()
    assert browser.who() == ADA


def test_fallbacks_are_refused_with_the_lines_to_add_if_the_application_does_not_read_them(
    site: Site, browser: Browser
) -> None:
    refused = site.play("rotate", *FALLBACKS)
    assert "E_FALLBACKS_NOT_READ" in refused.text
    assert "the .env file has no line SECRET_KEY_FALLBACKS=" in " ".join(refused.text.split())
    site.env_file.write_text(site.env_file.read_text() + "SECRET_KEY_FALLBACKS=\n", encoding="utf-8")
    refused = site.play("rotate", *FALLBACKS)
    text = " ".join(refused.text.split())
    assert "no code of the project reads the variable SECRET_KEY_FALLBACKS" in text, refused.text
    assert 'SECRET_KEY_FALLBACKS = [key for key in os.getenv("SECRET_KEY_FALLBACKS", "").split(",") if key]' in text
    assert browser.who() == ADA


AS_JSON = """
import json, os
SECRET_KEY_FALLBACKS = json.loads(os.getenv("SECRET_KEY_FALLBACKS") or "[]")
"""


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [AS_JSON], ids=["json"])
def test_a_line_that_the_settings_cannot_read_with_the_key_is_as_it_was(site: Site, browser: Browser) -> None:
    own = site.env_file.read_text()
    site.env_file.write_text(own + "SECRET_KEY_FALLBACKS=[]\n", encoding="utf-8")
    refused = site.play("rotate", *FALLBACKS, "--check")
    assert "does not have the comma-separated keys in the .env file" in " ".join(refused.text.split()), refused.text
    site.env_file.write_text(own + "SECRET_KEY_FALLBACKS=\n", encoding="utf-8")
    before = site.env_file.read_bytes()

    failed = site.play("rotate", *FALLBACKS)

    text = " ".join(failed.text.split())
    assert "E_FALLBACKS_NOT_READ" in text, failed.text
    assert "is unchanged." in text, failed.text
    assert "was rolled back" in text, failed.text
    assert site.env_file.read_bytes() == before
    browser.served.wait()
    assert browser.who() == ADA


COMPROMISE = ("-e", json.dumps({"key_rotation_reason": "compromise: a laptop was stolen"}))


def states(site: Site) -> dict[str, str]:
    return {each["key_id"]: each["state"] for each in site.stored()["versions"]}


def test_after_a_compromise_sessions_are_deleted_and_nothing_returns_to_the_old_version(
    site: Site, browser: Browser
) -> None:
    plain = site.read_all()
    failed = site.play("rotate", *COMPROMISE, "-e", '{"key_rotation_verification_commands": [["false"]]}')
    assert "was rolled back" in failed.text, failed.text
    assert "which is compromised, because the values must be under keys that the" in " ".join(failed.text.split())
    assert site.read_all() == plain
    leaked = site.stored()["stages"]["current"]
    assert states(site)[leaked] == "compromised"
    (earlier,) = (site.folder / "backups").glob("*.json")
    browser.served.wait()
    assert browser.enter() == ADA
    kept = site.play("rotate", *COMPROMISE, *FALLBACKS)
    assert kept.text.index("The keys in use are compromised. This rotation") < kept.text.index("E_SESSIONS_COMPROMISED")
    assert f"    {earlier}" in kept.text

    done = site.play("rotate", *COMPROMISE)

    assert done.code == 0, done.text
    box = done.text.rpartition("COMPLETED in")[2]
    assert "sessions   1 ended" in box, done.text
    listed = box.partition("  exposed")[2]
    rotation_id = site.stored()["versions"][-1]["rotation_id"]
    assert (str(earlier) in listed, f"backups/{rotation_id}" in listed) == (True, True), box
    browser.served.wait()
    assert browser.who() == NOBODY
    assert states(site)[leaked] == "compromised"
    env = site.env_file.read_bytes()

    refused = site.play("rollback")

    assert refused.error() == "E_VERSION_COMPROMISED", refused.text
    assert "-e key_rotation_rollback_compromised=accept" in " ".join(refused.text.split())
    assert site.env_file.read_bytes() == env
    back = site.play("rollback", "-e", "key_rotation_rollback_compromised=accept")
    assert back.code == 0, back.text
    assert (site.stored()["stages"]["current"], states(site)[leaked]) == (leaked, "compromised")
    assert site.read_all() == plain


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [LISTED], ids=["listed"])
def test_a_failed_rotation_after_a_compromise_puts_former_keys_back_into_the_fallbacks(
    site: Site, browser: Browser
) -> None:
    with site.env_file.open("a", encoding="utf-8") as handle:
        handle.write("SECRET_KEY_FALLBACKS=a-key-of-the-operator-that-is-of-no-version\n")
    assert site.play("rotate", *FALLBACKS).code == 0
    before = fallbacks(site)
    assert len(before) == 2

    failed = site.play("rotate", *COMPROMISE, "-e", '{"key_rotation_verification_commands": [["false"]]}')

    assert "was rolled back" in failed.text, failed.text
    assert fallbacks(site) == before
    assert before[0] not in failed.text


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [LISTED], ids=["listed"])
def test_after_a_compromise_no_former_key_stays_valid_in_the_fallbacks(site: Site, browser: Browser) -> None:
    with site.env_file.open("a", encoding="utf-8") as handle:
        handle.write("SECRET_KEY_FALLBACKS=a-key-of-the-operator-that-is-of-no-version\n")
    own, token = fallbacks(site), reset_token(site)
    assert site.play("rotate", *FALLBACKS).code == 0
    assert len(fallbacks(site)) == 2

    done = site.play("rotate", *COMPROMISE)

    assert done.code == 0, done.text
    assert fallbacks(site) == own
    text = " ".join(done.text.split())
    assert "from SECRET_KEY_FALLBACKS, which has 2 keys: any other one stays valid" in text, done.text
    assert "SECRET_KEY_FALLBACKS has keys (1) of no version in the store" in text, done.text
    browser.served.wait()
    assert (browser.who(), browser.get("reset", token=token)) == (NOBODY, {"works": False})
