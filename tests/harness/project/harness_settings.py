# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import sys
from pathlib import Path

import libraries
from dotenv import dotenv_values

HERE = Path(__file__).resolve().parent
ENV = dotenv_values(HERE / ".env")
HARNESS = json.loads((HERE / "harness.json").read_text(encoding="utf-8"))
LIBRARIES = [libraries.BY_NAME[name] for name in HARNESS["libraries"]]
sys.path += HARNESS["paths"]

SECRET_KEY = ENV["SECRET_KEY"]
for library in LIBRARIES:
    globals().update(library.settings(ENV))
INSTALLED_APPS = ["safe"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "USER": "postgres",
        "HOST": HARNESS["host"],
        "NAME": HARNESS["database"],
        "OPTIONS": {"application_name": "harness"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
LOGGING_CONFIG = None
