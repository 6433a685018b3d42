# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restaurants, and those that wait to be accepted. How to reach them is encrypted."""

from __future__ import annotations

from django.db import models

from core.encryption import EncryptionManager


class RestaurantBase(models.Model):
    name = models.CharField(max_length=200)
    cuisine = models.CharField(max_length=80, blank=True, default="")
    _address_encrypted = models.TextField(null=True, blank=True)
    _phone_encrypted = models.TextField(null=True, blank=True)
    _email_encrypted = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return EncryptionManager.decrypt(self._address_encrypted) or ""

    @address.setter
    def address(self, value: str | None) -> None:
        self._address_encrypted = EncryptionManager.encrypt(value)

    @property
    def phone(self) -> str:
        return EncryptionManager.decrypt(self._phone_encrypted) or ""

    @phone.setter
    def phone(self, value: str | None) -> None:
        self._phone_encrypted = EncryptionManager.encrypt(value)

    @property
    def email(self) -> str:
        return EncryptionManager.decrypt(self._email_encrypted) or ""

    @email.setter
    def email(self, value: str | None) -> None:
        self._email_encrypted = EncryptionManager.encrypt(value)


class Restaurant(RestaurantBase):
    pass


class PendingRestaurant(RestaurantBase):
    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
