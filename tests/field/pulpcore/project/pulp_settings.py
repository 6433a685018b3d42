# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of one site, with the database from the .env next to manage.py and the keys in a file of their own."""

import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path.cwd() / ".env")
_DATA = Path.cwd() / "data"

SECRET_KEY = os.environ["SECRET_KEY"]
DB_ENCRYPTION_KEY = str(Path.cwd() / "database_fields.symmetric.key")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DB_HOST"],
        "NAME": os.environ["DB_NAME"],
        "USER": "postgres",
    }
}
CONTENT_ORIGIN = "http://localhost"
DEPLOY_ROOT = str(_DATA)
MEDIA_ROOT = str(_DATA / "media")
STATIC_ROOT = str(_DATA / "assets")
WORKING_DIRECTORY = FILE_UPLOAD_TEMP_DIR = str(_DATA / "tmp")
