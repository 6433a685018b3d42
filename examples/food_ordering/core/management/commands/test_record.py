# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook's user `test_rotation`: made before a key rotation, read after it, removed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from customer.models import UserProfile

NAME = "test_rotation"
VALUES = {"full_name": "Test Rotation", "phone_number": "+49 30 1234567", "address": "Teststraße 1"}


class Command(BaseCommand):
    help = "Make, check or remove the user test_rotation"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("step", choices=["create", "check", "remove"])

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"{options['step']}_record")()

    def create_record(self) -> None:
        user, _ = get_user_model().objects.get_or_create(username=NAME, defaults={"is_active": False})
        profile, _ = UserProfile.objects.get_or_create(user=user)
        for name, value in VALUES.items():
            setattr(profile, name, value)
        profile.save()

    def check_record(self) -> None:
        profile = UserProfile.objects.get(user__username=NAME)
        wrong = [name for name, value in VALUES.items() if getattr(profile, name) != value]
        if wrong:
            raise CommandError(f"{', '.join(wrong)} of {NAME} does not read as it was made")

    def remove_record(self) -> None:
        get_user_model().objects.filter(username=NAME).delete()
