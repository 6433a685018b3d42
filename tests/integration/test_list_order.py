# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application may encrypt with another key of its list than the first one, where a rotation puts the new key."""

from __future__ import annotations

import base64
import secrets

import pytest

from .conftest import Site, thorough

MODELS = '''
from cryptography.fernet import Fernet, MultiFernet


class NoteField(models.TextField):
    """Encrypts with the {which} key of the list."""

    @property
    def fernet(self):
        return MultiFernet([Fernet(key) for key in settings.FERNET_KEYS.split(",")][::{step}])

    def get_prep_value(self, value):
        return None if value is None else self.fernet.encrypt(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        return None if value is None else self.fernet.decrypt(value.encode()).decode()


class Note(models.Model):
    text = NoteField()

    class Meta:
        db_table, managed = "customer_note", False
'''
FILL = "from customer.models import Note\nfor number in range(12):\n    Note.objects.create(text=f'note {number}')"
READ = (
    "from customer.models import Note\nprint(sum(note.text.startswith('note ') for note in Note.objects.all()), 'read')"
)
WRITTEN = """
from django.conf import settings
from django.db import connection
from cryptography.fernet import Fernet
from customer.models import Note
row = Note.objects.create(text="new")
with connection.cursor() as cursor:
    cursor.execute("SELECT text FROM customer_note WHERE id = %s", [row.pk])
    print(Fernet(settings.FERNET_KEYS.split(",")[0]).decrypt(cursor.fetchone()[0].encode()).decode(), "by the first")
"""


def make(site: Site, which: str, count: int = 2) -> None:
    """The example with one more model, under a list of keys."""
    step = {"first": 1, "last": -1}[which]
    settings = site.project / "food_ordering/settings.py"
    text = settings.read_text(encoding="utf-8") + '\nFERNET_KEYS = os.environ["FERNET_KEYS"]\n'
    settings.write_text(text, encoding="utf-8")
    keys = [base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(count)]
    site.env_file.write_text(
        site.env_file.read_text(encoding="utf-8") + f"FERNET_KEYS={','.join(keys)}\n", encoding="utf-8"
    )
    models = MODELS.format(which=which, step=step)
    site.add_models(models, "CREATE TABLE customer_note (id bigserial PRIMARY KEY, text text)", fill=FILL)


@pytest.mark.parametrize("keep", [1, thorough(0)])
def test_an_application_that_encrypts_with_the_last_key_of_its_list_keeps_no_old_one(site: Site, keep: int) -> None:
    make(site, "last")
    before, keys = site.sql("SELECT id, text FROM customer_note ORDER BY id"), site.env_file.read_bytes()
    site.write_inventory(key_rotation_keys=[{"name": "FERNET_KEYS", "type": "fernet", "keep": keep}])
    if keep:
        planned = site.play("plan")
        assert (planned.code, "(E_LIST_ORDER)" in planned.text) == (2, True), planned.text
        refused = site.play("rotate")
        assert (refused.code != 0, refused.error()) == (True, "E_LIST_ORDER"), refused.text
        after = site.sql("SELECT id, text FROM customer_note ORDER BY id")
        assert (after, site.env_file.read_bytes()) == (before, keys)
        return
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert "new by the first" in site.manage("shell", "--command", WRITTEN).text


@pytest.mark.thorough
def test_with_the_first_key_an_old_one_is_kept(site: Site) -> None:
    make(site, "first")
    site.write_inventory(key_rotation_keys=[{"name": "FERNET_KEYS", "type": "fernet", "keep": 1}])
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert "12 read" in site.manage("shell", "--command", READ).text
    assert "new by the first" in site.manage("shell", "--command", WRITTEN).text
    path = site.project / "customer/models.py"  # a release that takes the keys in another order
    path.write_text(path.read_text(encoding="utf-8").replace("[::1]", "[::-1]"), encoding="utf-8")
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_LIST_ORDER"), refused.text
