# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that the application or its role has for all of its sessions, and that no rotation may fail for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import Site

SETTINGS = {
    "quote_all_identifiers": "on",
    "idle_session_timeout": "300ms",
    "idle_in_transaction_session_timeout": "300ms",
    "transaction_timeout": "700ms",  # PostgreSQL 17
}
PROPERTY = """
    @property
    def initials(self) -> str:
        import time

        time.sleep(0.008)
        return EncryptionManager.decrypt(self._full_name_encrypted)[:1]
"""


@pytest.fixture
def limited(site: Site) -> Iterator[Site]:
    """The application's role has these settings, and one of its models takes longer to read than they allow."""
    role = f"{site.database[:50]}_app"
    site.sql(f'CREATE ROLE "{role}" LOGIN SUPERUSER')
    known = site.sql("SELECT name FROM pg_settings WHERE name = ANY(%s)", (list(SETTINGS),))
    for (name,) in known:
        site.sql(f"ALTER ROLE \"{role}\" SET {name} = '{SETTINGS[str(name)]}'")
    site.set_env("DB_USER", f"DB_USER={role}\n")
    models = site.project / "customer/models.py"
    models.write_text(models.read_text(encoding="utf-8") + PROPERTY, encoding="utf-8")
    yield site
    site.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_a_rotation_succeeds_whatever_limits_and_ways_to_write_names_a_role_has(limited: Site) -> None:
    plain, before = limited.read_all(), limited.tokens()
    planned = limited.play("plan")
    assert planned.code == 0, planned.text
    outcome = limited.play("rotate")
    assert outcome.code == 0, outcome.text
    assert limited.read_all() == plain
    assert limited.tokens() != before


def test_a_name_that_the_application_gives_to_its_sessions_makes_our_own_no_sessions_of_somebody_else(
    site: Site,
) -> None:
    settings = site.project / "food_ordering/settings.py"
    named = '\nDATABASES["default"].setdefault("OPTIONS", {})["application_name"] = "Food Ordering"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + named, encoding="utf-8")
    alone = site.play("plan")
    assert alone.code == 0, alone.text
    assert "belong to no unit" not in alone.text, alone.text
    with site.connection() as other, other.cursor() as cursor:
        cursor.execute("SET application_name = 'Food Ordering'")
        connected = site.play("plan")
    assert "1 of 1 sessions belong to no unit" in " ".join(connected.text.split()), connected.text
