# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application whose keys are all in its .env."""

import os
from pathlib import Path

for line in Path(__file__).with_name(".env").read_text(encoding="utf-8").splitlines():
    name, _, value = line.partition("=")
    os.environ[name] = value.replace("\\n", "\n")

SECRET_KEY = os.environ["SECRET_KEY"]
APP_KEY = os.environ["APP_KEY"]
SECOND_KEY = os.environ["SECOND_KEY"]
FORMAT = os.environ["FORMAT"]
ORDINARY = os.environ["ORDINARY"]  # the name of its key
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DB_HOST"],
        "NAME": os.environ["DB_NAME"],
        "USER": "postgres",
    }
}
INSTALLED_APPS = ["notes"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
