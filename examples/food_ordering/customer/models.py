# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Customer profiles. What identifies a person is encrypted."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from core.encryption import EncryptionManager


class UserProfile(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    _full_name_encrypted = models.TextField(null=True, blank=True)
    _phone_number_encrypted = models.TextField(null=True, blank=True)
    _address_encrypted = models.TextField(null=True, blank=True)
    loyalty_points = models.PositiveIntegerField(default=0)
    notes = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"profile {self.pk}"

    @property
    def full_name(self) -> str:
        return EncryptionManager.decrypt(self._full_name_encrypted) or ""

    @full_name.setter
    def full_name(self, value: str | None) -> None:
        self._full_name_encrypted = EncryptionManager.encrypt(value)

    @property
    def phone_number(self) -> str:
        return EncryptionManager.decrypt(self._phone_number_encrypted) or ""

    @phone_number.setter
    def phone_number(self, value: str | None) -> None:
        self._phone_number_encrypted = EncryptionManager.encrypt(value)

    @property
    def address(self) -> str:
        return EncryptionManager.decrypt(self._address_encrypted) or ""

    @address.setter
    def address(self, value: str | None) -> None:
        self._address_encrypted = EncryptionManager.encrypt(value)
