# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One model with the format that the settings name, and one with an ordinary Fernet token."""

import base64
import hashlib
import os

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models

from .formats import FORMATS
from .libraries import LIBRARIES

FORMAT = {**FORMATS, **LIBRARIES}[settings.FORMAT]
COLUMNS = {"text": models.TextField, "bytes": models.BinaryField, "json": models.JSONField}


class Note(models.Model):
    title = models.CharField(max_length=100)
    payload = (FORMAT.field or COLUMNS[FORMAT.column])()

    @property
    def content(self):
        stored = self.payload
        return FORMAT.open(bytes(stored) if FORMAT.column == "bytes" else stored)

    @content.setter
    def content(self, text):
        self.payload = FORMAT.seal(text)


def ordinary() -> Fernet:
    """Under the key that the settings name, or its SHA-256 if it is no key of Fernet."""
    key = os.environ[settings.ORDINARY].encode()
    try:
        return Fernet(key)
    except ValueError:
        return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key).digest()))


if settings.ORDINARY:

    class Ordinary(models.Model):
        name_encrypted = models.TextField()

        @property
        def name(self):
            return ordinary().decrypt(self.name_encrypted.encode()).decode()

        @name.setter
        def name(self, text):
            self.name_encrypted = ordinary().encrypt(text.encode()).decode()
