# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the database with people and restaurants that do not exist."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Max
from faker import Faker

from core.encryption import EncryptionManager
from customer.models import UserProfile
from restaurant.models import PendingRestaurant, Restaurant, RestaurantBase

LOCALES = ("en_US", "en_GB", "fr_FR", "de_DE", "cs_CZ", "pl_PL", "el_GR", "hi_IN", "ja_JP", "zh_CN", "ar_EG", "ru_RU")
CUISINES = ("Czech", "French", "Greek", "Indian", "Italian", "Japanese", "Lebanese", "Mexican", "Thai", "Vietnamese")
NOTES = ("", "", "", "Ring twice.", "Leave at the door.", "No cutlery, please.", "Allergic to nuts.\nCall on arrival.")
PROFILES_WITHOUT_ADDRESS = 0.12
RESTAURANTS_WITHOUT_ADDRESS = 0.05


def count(text: str) -> int:
    """Read a number that is not negative."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)


def batch(text: str) -> int:
    """Read a number above zero."""
    number = count(text)
    if number == 0:
        raise ArgumentTypeError("a batch holds one row at least")
    return number


class People:
    """Invents values, each time from one of the locales. The same seed gives the same values."""

    def __init__(self, seed: int | None) -> None:
        self.random = Random(seed)
        self.fakers = [Faker(locale) for locale in LOCALES]
        for faker in self.fakers:
            faker.seed_instance(self.random.getrandbits(64))

    def profile(self, user: User) -> UserProfile:
        faker = self.random.choice(self.fakers)
        return UserProfile(
            user=user,
            _full_name_encrypted=EncryptionManager.encrypt(faker.name()),
            _phone_number_encrypted=EncryptionManager.encrypt(faker.phone_number()),
            _address_encrypted=EncryptionManager.encrypt(self.address(faker, PROFILES_WITHOUT_ADDRESS)),
            loyalty_points=self.random.randrange(2000),
            notes=self.random.choice(NOTES),
        )

    def restaurant(self, model: type[RestaurantBase], **extra: Any) -> RestaurantBase:
        faker = self.random.choice(self.fakers)
        return model(
            name=faker.company(),
            cuisine=self.random.choice(CUISINES),
            _address_encrypted=EncryptionManager.encrypt(self.address(faker, RESTAURANTS_WITHOUT_ADDRESS)),
            _phone_encrypted=EncryptionManager.encrypt(faker.phone_number()),
            _email_encrypted=EncryptionManager.encrypt(faker.company_email()),
            **extra,
        )

    def pending(self) -> RestaurantBase:
        return self.restaurant(PendingRestaurant, status=self.random.choice(PendingRestaurant.Status.values))

    def address(self, faker: Faker, missing: float) -> str | None:
        if self.random.random() < missing:
            return None
        address = faker.address()
        return f"{address}\n{faker.text(max_nb_chars=200)}" if self.random.random() < 0.1 else address


class Command(BaseCommand):
    help = "Fill the database with realistic people and restaurants"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--profiles", type=count, default=100, help="Customer profiles (default 100)")
        parser.add_argument("--restaurants", type=count, default=20, help="Restaurants (default 20)")
        parser.add_argument("--pending", type=count, default=5, help="Pending restaurants (default 5)")
        parser.add_argument("--seed", type=int, help="Makes the values repeatable; ciphertext never is")
        parser.add_argument("--batch-size", type=batch, default=500, help="Rows per INSERT (default 500)")
        parser.add_argument("--append", action="store_true", help="Add to the rows that are there")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if not options["append"]:
            self.refuse_existing_rows()
        people, size = People(options["seed"]), options["batch_size"]

        users = self.make_users(options["profiles"], size)
        UserProfile.objects.bulk_create([people.profile(user) for user in users], batch_size=size)
        restaurants = [people.restaurant(Restaurant) for _ in range(options["restaurants"])]
        Restaurant.objects.bulk_create(restaurants, batch_size=size)
        pending = [people.pending() for _ in range(options["pending"])]
        PendingRestaurant.objects.bulk_create(pending, batch_size=size)

        self.stdout.write(
            f"Added {len(users)} profiles, {len(restaurants)} restaurants, {len(pending)} pending restaurants"
        )

    def refuse_existing_rows(self) -> None:
        for model in (UserProfile, Restaurant, PendingRestaurant):
            if model.objects.exists():
                raise CommandError(f"{model._meta.db_table} has rows already; use --append to add to them")

    def make_users(self, number: int, size: int) -> list[User]:
        # Numbered after the highest id, so that names stay unique when rows are appended.
        start = (User.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
        names = [f"customer{position:06d}" for position in range(start, start + number)]
        # make_password(None) gives an unusable password and costs no hashing.
        users = [User(username=name, email=f"{name}@example.com", password=make_password(None)) for name in names]
        return User.objects.bulk_create(users, batch_size=size)
