# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of another kind next to the rotated one: what a property of a model decrypts there would be lost."""

from __future__ import annotations

import pytest

from .conftest import Site

SETTINGS = """
DATABASES["branch"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "branch.sqlite3"}
"""
FILL = """
from django.contrib.auth.models import User
from customer.models import UserProfile
owner = User.objects.using("branch").create(username="ada")
profile = UserProfile(user=owner)
profile.full_name = {name!r}
profile.save(using="branch")
print("READ", UserProfile.objects.using("branch").get().full_name)
"""
COLUMN = "branch:customer_userprofile._full_name_encrypted"


@pytest.mark.thorough
def test_what_a_property_decrypts_in_a_database_of_sqlite_stops_until_it_is_settled(site: Site) -> None:
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    migrated = site.manage("migrate", "--database", "branch")
    assert migrated.code == 0, migrated.text
    plain = site.play("rotate", "--check")
    assert plain.code == 0, plain.text
    shown = " ".join(plain.text.split())
    assert "warn census" in shown
    assert "DATABASES[branch]: a database of sqlite, which is not rotated" in shown

    filled = site.manage("shell", "--verbosity=0", "--command", FILL.format(name="Ada Lovelace"))
    assert "READ Ada Lovelace" in filled.text, filled.text
    planned = site.play("plan")
    assert planned.code == 2, planned.text
    assert f"STOP {COLUMN}: values in a database of sqlite, which is not rotated, open under a key" in " ".join(
        planned.text.split()
    )
    site.write_inventory(key_rotation_plan=str(site.folder / "no plan.yml"))
    before, env = site.read_all(), site.env_file.read_bytes()
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_OUT_OF_REACH"), refused.text
    assert "Nothing was changed." in refused.text
    assert (site.read_all(), site.env_file.read_bytes()) == (before, env)

    settled = {COLUMN: {"unreadable": "written again from the paper forms"}}
    site.write_inventory(key_rotation_settlements=settled, key_rotation_plan=str(site.folder / "no plan.yml"))
    rotated = site.play("rotate", "--check")
    assert rotated.code == 0, rotated.text
