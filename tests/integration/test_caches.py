# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches that outlive the processes keep what they hold under the old keys: no rotation rewrites them."""

from __future__ import annotations

import pytest

from .conftest import Site

SETTINGS = """
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"},
    "files": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/var/tmp/food_cache"},
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://:CANARY@127.0.0.1:6379/1"
    },
    "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "none": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
"""
FILL = """
import os
from django.core.cache import cache
for number in range(30):
    cache.set(os.urandom(16).hex(), {"name": f"customer {number}", "data": os.urandom(60)}, None)
    cache.set(f"page.{os.urandom(16).hex()}.{os.urandom(16).hex()}", os.urandom(80).hex(), None)
"""
FILL_TOKENS = """
from django.core.cache import cache
from customer.models import UserProfile
for profile in UserProfile.objects.all()[:7]:
    cache.set(f"CANARY{profile.pk}", profile, None)
"""


@pytest.fixture
def cached(site: Site) -> Site:
    """A site with caches of each kind, of which the one in the database has entries."""
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    assert site.manage("createcachetable").code == 0
    filled = site.manage("shell", "--command", FILL)
    assert filled.code == 0, filled.text
    return site


@pytest.mark.thorough
def test_plan_and_checklist_name_each_cache_that_outlives_the_processes(cached: Site) -> None:
    made = cached.play("plan")
    assert made.code == 0, "a cache table is no unexplained ciphertext:\n" + made.text
    text = " ".join(made.text.split())
    for words in (
        "CACHES[default]: a cache (DatabaseCache, table django_cache) outlives the processes: its values under the old",
        "The sessions are in it: everybody is logged out.",
        "CACHES[files]: a cache (FileBasedCache, folder /var/tmp/food_cache) outlives the processes",
        "CACHES[redis]: a cache (RedisCache) outlives the processes",
        """manage.py shell -c "from django.core.cache import caches; caches['default'].clear()""",
    ):
        assert words in text, made.text
    for words in ("CACHES[memory]", "CACHES[none]", "django_cache.", "CANARY"):
        assert words not in made.text
    checked = cached.play("rotate", "--check")
    assert checked.code == 0, checked.text
    text = " ".join(checked.text.split())
    assert "cache `default` (DatabaseCache, table django_cache)" in text, checked.text
    assert "cache `redis` (RedisCache)" in text
    assert "caches['default'].clear()" in text
    assert "CANARY" not in checked.text


@pytest.mark.thorough
def test_entries_with_tokens_under_a_rotated_key_are_counted_by_their_table(cached: Site) -> None:
    filled = cached.manage("shell", "--command", FILL_TOKENS)
    assert filled.code == 0, filled.text
    made = cached.play("plan")
    assert made.code == 0, made.text
    text = " ".join(made.text.split())
    assert "django_cache.value: 7 of 67 entries of this cache hold tokens under the keys that are rotated" in text
    assert "CANARY" not in made.text
    checked = cached.play("rotate", "--check")
    assert "7 entries of django_cache.value contain tokens under the rotated keys" in " ".join(checked.text.split()), (
        checked.text
    )
    assert "CANARY" not in checked.text


ATTRIBUTES = '''
from core.encryption import EncryptionManager
from django.core.cache import caches
from django.db import models

COLORS = ("red", "green", "blue", "yellow")
held = caches["files"]


class Contact(models.Model):
    _email = models.TextField()

    class Meta:
        db_table, managed = "customer_contact", False

    @property
    def email(self):
        """Its setter clears no cache: the application does when it saves the row."""
        return held.get_or_set(f"email{self.pk}", lambda: EncryptionManager.decrypt(self._email), None)

    @email.setter
    def email(self, value):
        self._email = EncryptionManager.encrypt(value)

    @property
    def color(self):
        """Another one in every process."""
        return COLORS[hash(self._email and EncryptionManager.decrypt(self._email)) % len(COLORS)]
'''
FILL_CONTACTS = """
from customer.models import Contact
for number in range(40):
    contact = Contact()
    contact.email = f"ada{number}@example.org"
    contact.save()
"""


def test_attributes_that_cache_or_hash_are_read_as_they_are_stored_and_no_cache_is_written(site: Site) -> None:
    folder = site.folder / "cache"
    settings = site.project / "food_ordering/settings.py"
    cache = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(folder)}
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"\nCACHES = { ({'default': memory, 'files': cache})!r}\n")
    site.add_models(
        ATTRIBUTES, "CREATE TABLE customer_contact (id bigserial PRIMARY KEY, _email text)", fill=FILL_CONTACTS
    )
    for playbook in ("plan", "rotate"):
        done = site.play(playbook)
        assert done.code == 0, done.text
        assert not [*folder.glob("*.djcache")], playbook
    read = "from customer.models import Contact; print(sorted(each.email for each in Contact.objects.all())[:2])"
    assert "['ada0@example.org', 'ada10@example.org']" in site.manage("shell", "--command", read).text
    assert len([*folder.glob("*.djcache")]) == 40, "the application itself caches"
