# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the encrypted columns can be read.

Kept as wrong as the original: errors are counted per field and subtracted from records, encrypted blanks are
an error, the self-test proves nothing about the data, nothing is ever fixed, and the exit status is always 0.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Model

from core.encryption import EncryptionManager
from customer.models import UserProfile
from restaurant.models import PendingRestaurant, Restaurant

TOKEN_PREFIX = "gAAAAAB"
SELF_TEST_TEXT = "encryption self-test"

RESTAURANT_COLUMNS = ("_address_encrypted", "_phone_encrypted", "_email_encrypted")
CHECKS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "user": (UserProfile, ("_full_name_encrypted", "_phone_number_encrypted", "_address_encrypted")),
    "restaurant": (Restaurant, RESTAURANT_COLUMNS),
    "pending": (PendingRestaurant, RESTAURANT_COLUMNS),
}


def find_problem(value: str) -> str | None:
    """Say what is wrong with a stored value, or None."""
    if not value.startswith(TOKEN_PREFIX):
        return "not encrypted"
    decrypted = EncryptionManager.decrypt(value)
    if decrypted is None:
        return "cannot be decrypted"
    if not decrypted.strip():
        return "decrypts to nothing"
    return None


class Command(BaseCommand):
    help = "Verify the encrypted fields of the database"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix-errors", action="store_true", help="Try to fix what is found")
        parser.add_argument("--verbose", action="store_true", help="Print every error")
        parser.add_argument("--model", choices=["all", *CHECKS], default="all", help="What to verify")

    def handle(self, *args: Any, **options: Any) -> None:
        names = list(CHECKS) if options["model"] == "all" else [options["model"]]
        total = errors = 0
        for name in names:
            model_total, model_errors = self.check_model(*CHECKS[name], options)
            total += model_total
            errors += model_errors
        self.print_summary(total, errors)
        self.self_test()

    def check_model(self, model: type[Model], columns: tuple[str, ...], options: dict[str, Any]) -> tuple[int, int]:
        self.stdout.write(f"Verifying {model.__name__}...")
        total = errors = 0
        for record in model._default_manager.order_by("pk"):
            total += 1
            errors += sum(self.check_column(record, column, options) for column in columns)
        self.stdout.write(f"  {model.__name__}: {total - errors}/{total} records passed")
        return total, errors

    def check_column(self, record: Model, column: str, options: dict[str, Any]) -> bool:
        value = getattr(record, column)
        problem = find_problem(value) if value else None
        if problem and options["verbose"]:
            self.stdout.write(self.style.ERROR(f"  {type(record).__name__} {record.pk} {column}: {problem}"))
        if problem and options["fix_errors"]:
            self.stdout.write(self.style.WARNING(f"  {type(record).__name__} {record.pk}: manual fix required"))
        return problem is not None

    def print_summary(self, total: int, errors: int) -> None:
        if errors:
            self.stdout.write(self.style.ERROR(f"Found {errors} errors in {total} records"))
        else:
            self.stdout.write(self.style.SUCCESS(f"All {total} records passed"))

    def self_test(self) -> None:
        passed = EncryptionManager.decrypt(EncryptionManager.encrypt(SELF_TEST_TEXT)) == SELF_TEST_TEXT
        self.stdout.write(f"Encryption self-test: {'PASSED' if passed else 'FAILED'}")
