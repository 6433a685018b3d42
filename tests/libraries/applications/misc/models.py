# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import base64
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import models
from encrypted_json_fields.fields import EncryptedJSONField


def fernet() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(settings.SECRET_KEY.encode()).digest()))


class Account(models.Model):
    profile = EncryptedJSONField()
    api = models.CharField(max_length=255)  # written by hand: enc$ and a token

    def set_api(self, value: str) -> None:
        self.api = "enc$" + fernet().encrypt(value.encode()).decode()

    def get_api(self) -> str:
        return fernet().decrypt(self.api.removeprefix("enc$").encode()).decode()


class Later(models.Model):
    """An encrypted field without a value yet."""

    data = EncryptedJSONField(null=True)
