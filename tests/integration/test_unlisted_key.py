# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some values of a column are under another key of the application, which nobody listed."""

from __future__ import annotations

import pytest

from .conftest import Site, thorough

MODELS = '''
import base64, hashlib
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from core.encryption import EncryptionManager

OLDER = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"a key of before").digest()))


class NoteField(models.TextField):
    """Reads what an older key has encrypted too, or says that it cannot."""

    def get_prep_value(self, value):
        return None if value is None else EncryptionManager.encrypt(value)

    def from_db_value(self, value, expression, connection):
        try:
            return MultiFernet([EncryptionManager._get_fernet(), OLDER][:{keys}]).decrypt(value.encode()).decode()
        except InvalidToken:
            return "[unreadable]"


class Note(models.Model):
    text = NoteField()

    class Meta:
        db_table, managed = "customer_note", False
'''
FILL = """
from django.db import connection
from customer.models import Note, OLDER
for number in range(12):
    Note.objects.create(text=f"note {number}")
with connection.cursor() as cursor:
    for number in range(3):
        cursor.execute("INSERT INTO customer_note (text) VALUES (%s)", [OLDER.encrypt(b"older %d" % number).decode()])
"""
SAVE = "from customer.models import Note\nfor note in Note.objects.filter(pk__gt=12):\n    note.save()"
READ = """
from customer.models import Note
print(sum(note.text.startswith("older ") for note in Note.objects.all()), "older")
"""


@pytest.mark.parametrize(("keys", "code"), [(2, "E_UNLISTED_KEY"), thorough(1, "E_UNREADABLE")])
def test_values_that_the_application_reads_by_another_key_are_not_called_unreadable(
    site: Site, keys: int, code: str
) -> None:
    site.add_models(
        MODELS.format(keys=keys),
        "CREATE TABLE customer_note (id bigserial PRIMARY KEY, text text)",
        fill=FILL,
    )
    planned = site.play("plan")
    stops = [line for line in planned.text.splitlines() if line.strip().startswith("STOP")]
    assert (planned.code, len(stops)) == (2, 1), planned.text
    assert f"({code})" in planned.text
    assert "customer_note.text:13, customer_note.text:14, customer_note.text:15" in " ".join(planned.text.split())
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, code), refused.text
    if code == "E_UNREADABLE":
        return
    assert site.manage("shell", "--command", SAVE).code == 0
    assert site.play("plan").code == 0
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert "3 older" in site.manage("shell", "--command", READ).text
