# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_uses
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.code_uses import CodeUses
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import create_plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application


def test_what_hashes_with_secret_key_unsaid_counts_as_a_use_of_it(monkeypatch, tmp_path):
    (tmp_path / "search.py").write_text("def index(mail):\n  return salted_hmac('mail', mail)\n")
    monkeypatch.setattr(key_uses, "installed_folders", dict)
    keys = KeySet({"SECRET_KEY": "CANARY", "INDEX_KEY": "x"})
    ring = Keyring({}, {"current": keys}, ApplicationSettings(lambda name: None))
    found = CodeUses(str(tmp_path), ring).hashing()
    assert {key: list(map(str, uses)) for key, uses in found.items()} == {
        "INDEX_KEY": [],
        "SECRET_KEY": ["search.py:2 index (hashes with it)"],
    }


def model(table, application, *, proxy=False):
    return SimpleNamespace(
        _meta=SimpleNamespace(db_table=table, proxy=proxy, app_config=SimpleNamespace(name=application))
    )


@pytest.mark.parametrize("settings", ["site_settings", "vaultapp.settings"])
def test_an_installed_application_that_owns_a_target_is_searched_and_a_package_of_fields_is_not(
    monkeypatch, tmp_path, settings
):
    packages = ("vaultapp", "cryptfields", "reports", "other")
    for name in packages:
        folder = tmp_path / "lib/site-packages" / name
        folder.mkdir(parents=True)
        (folder / "models.py").write_text("def index(mail):\n  return hmac.new(settings.INDEX_KEY, mail)\n")
    models = [
        model("vaultapp_customer", "vaultapp.core"),
        model("vaultapp_customer", "reports", proxy=True),
        model("other_table", "other"),
    ]
    registry = SimpleNamespace(apps=SimpleNamespace(get_models=lambda **asked: models))
    monkeypatch.setitem(sys.modules, "django.apps", registry)
    folders = {name: str(tmp_path / "lib/site-packages" / name) for name in packages}
    monkeypatch.setattr(key_uses, "installed_folders", lambda: folders)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", settings)
    ring = Keyring({}, {"current": KeySet({"INDEX_KEY": "x"})}, ApplicationSettings(lambda name: None))
    found = CodeUses("", ring, tables={"vaultapp_customer"}).hashing()
    assert list(map(str, found["INDEX_KEY"])) == ["vaultapp/models.py:2 index (hashes with it)"]


@pytest.mark.parametrize(("limit", "named"), [(5000, []), (0, ["the application's code"])])
def test_a_search_of_the_code_that_ended_at_its_limit_is_in_the_plan(tmp_path, monkeypatch, limit, named):
    (tmp_path / "code.py").write_text("from django.conf import settings\nKEY = settings.SECRET_KEY\n")
    monkeypatch.setattr(key_uses, "MOST_FILES", limit)
    monkeypatch.setattr(key_uses, "installed_folders", dict)
    application = Application([], None, (), "", None, {}, project_dir=str(tmp_path))
    assert len(application.code.of_names({"SECRET_KEY"})) == (not named)
    assert [each.column for each in create_plan._cut_off(application)] == named
