# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sys
from pathlib import Path

from dotenv import dotenv_values

for name in (
    "django-fernet-fields-v2",
    "django-encrypted-model-fields",
    "django-cryptography-django5",
    "django-secured-fields",
    "django-encrypted-json-fields",
    "django-simple-history",
):
    sys.path.append(str(Path(os.environ["KEY_ROTATION_LIBRARIES"]) / name))

ENV = dotenv_values(Path(__file__).resolve().parent / ".env")
SECRET_KEY = ENV["SECRET_KEY"]
FIELD_ENCRYPTION_KEY = [ENV["FIELD_KEY"]]  # a setting that a key of another name feeds
SECURED_FIELDS_KEY = ENV["SECURED_FIELDS_KEY"]
SECURED_FIELDS_HASH_SALT = "salt"
EJF_ENCRYPTION_KEYS = ENV["EJF_ENCRYPTION_KEYS"].split(",")
INSTALLED_APPS = ["people", "billing", "vault", "notes", "misc"]
POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "USER": ENV.get("DB_USER", "postgres"),
    "HOST": ENV["DB_HOST"],
}
DATABASES = {"default": {**POSTGRESQL, "NAME": ENV["DB_NAME"]}}
if "DB_OTHER" in ENV:
    DATABASES["other"] = {**POSTGRESQL, "NAME": ENV["DB_OTHER"]}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
