# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from django.db import models
from fernet_fields import EncryptedCharField, EncryptedTextField


class Person(models.Model):
    name = EncryptedCharField(max_length=200)


class Employee(Person):
    """Multi-table inheritance: its row is named by the parent's key."""

    contract = EncryptedTextField()


class Contact(Person):
    """A proxy: no table of its own."""

    class Meta:
        proxy = True
