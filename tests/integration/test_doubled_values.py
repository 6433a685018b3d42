# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that the application encrypted twice under one key, by accident: it reads the inner token as a text."""

from __future__ import annotations

import pytest

from .conftest import Site, thorough
from .test_list_order import make

MODELS = '''
from cryptography.fernet import Fernet


class Memo(models.Model):
    """Its property decrypts one layer."""

    stored = models.TextField()

    @property
    def text(self):
        return Fernet(settings.FERNET_KEYS.split(",")[0]).decrypt(self.stored.encode()).decode()

    class Meta:
        db_table, managed = "customer_memo", False
'''
TWICE = """
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection
fernet = Fernet(settings.FERNET_KEYS.split(",")[0])
with connection.cursor() as cursor:
    for number in range({doubled}):
        token = fernet.encrypt(fernet.encrypt(b"twice")).decode()
        cursor.execute("UPDATE customer_note SET text = %s WHERE id = %s", [token, number + 1])
        cursor.execute("UPDATE customer_memo SET stored = %s WHERE id = %s", [token, number + 1])
"""
FILL = """
from cryptography.fernet import Fernet
from customer.models import Memo, settings
fernet = Fernet(settings.FERNET_KEYS.split(",")[0])
for number in range(12):
    Memo.objects.create(stored=fernet.encrypt(f"memo {number}".encode()).decode())
"""


@pytest.mark.parametrize("doubled", [1, thorough(12)])
def test_they_are_named_by_row_by_verification_and_plan(site: Site, doubled: int) -> None:
    make(site, "first", count=1)
    site.add_models(MODELS, "CREATE TABLE customer_memo (id bigserial PRIMARY KEY, stored text)", fill=FILL)
    site.write_inventory(key_rotation_keys=[{"name": "FERNET_KEYS", "type": "fernet"}])
    rotated = site.play("rotate")
    assert rotated.code == 0, rotated.text
    assert site.play("verify").code == 0
    assert site.manage("shell", "--command", TWICE.format(doubled=doubled)).code == 0

    for playbook in ("verify", "plan"):
        done = site.play(playbook)
        assert (done.code != 0, done.error()) == (True, "E_TWO_LAYERS"), done.text
        words = " ".join(done.text.split())
        assert words.count(f"{doubled} two_layers") >= 2, words
        assert "customer_note.text:1" in words
        assert "customer_memo.stored:1" in words
