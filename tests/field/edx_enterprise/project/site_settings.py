# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""edx-enterprise by the settings that it ships for tests, with keys and database from the .env next to manage.py."""

import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))

from enterprise.settings.test import *  # noqa: E402, F403

SECRET_KEY = os.environ["SECRET_KEY"]
FERNET_KEYS = os.environ["FERNET_KEYS"].split(",")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DB_HOST"],
        "NAME": os.environ["DB_NAME"],
        "USER": "postgres",
    }
}
