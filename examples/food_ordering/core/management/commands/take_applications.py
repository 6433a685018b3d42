# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker: takes in restaurants that apply, and phone numbers that customers change, for as long as it runs.

Like every process of the application it goes on writing under the keys that it was started with.
"""

from __future__ import annotations

import itertools
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from customer.models import UserProfile
from restaurant.models import PendingRestaurant


class Command(BaseCommand):
    help = "Take in restaurants that apply, one after the other, until stopped"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="Pause between two (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        for number in itertools.count(1):
            self.take_in(number)
            time.sleep(options["every"])

    def take_in(self, number: int) -> None:
        applicant = PendingRestaurant(name=f"Applicant {number}")
        applicant.phone = f"+420 555 {number:06d}"
        applicant.email = f"applicant{number}@example.com"
        applicant.save()
        profile = UserProfile.objects.order_by("updated_at").first()
        if profile:
            profile.phone_number = applicant.phone
            profile.save(update_fields=["_phone_number_encrypted", "updated_at"])
