# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from django.db import models
from fernet_fields import EncryptedCharField, EncryptedTextField
from simple_history.models import HistoricalRecords


class Person(models.Model):
    name = EncryptedCharField(max_length=200)
    history = HistoricalRecords(history_user_id_field=models.IntegerField(null=True))  # a copy of every version


class Employee(Person):
    """Multi-table inheritance: its row is named by the parent's key."""

    contract = EncryptedTextField()


class Contact(Person):
    """A proxy: no table of its own."""

    class Meta:
        proxy = True


class Former(models.Model):
    """Unmanaged: somebody else makes its table."""

    name = EncryptedCharField(max_length=200)

    class Meta:
        managed = False
        db_table = "former_people"
