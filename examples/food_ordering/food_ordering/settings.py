# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the food ordering application, read from the environment or from .env."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv

BASE_DIR = Path(__file__).resolve().parent.parent

load_dotenv(BASE_DIR / ".env")

# Both have a usable default, so a missing .env changes the key without a word. The original does the same.
SECRET_KEY = os.getenv("SECRET_KEY", "django-insecure-development-key-change-in-production")
ENCRYPTION_SALT = os.getenv("ENCRYPTION_SALT", "food-ordering-encryption-salt-v1").encode("utf-8")
# With Fernet keys here, separated by commas, these encrypt the fields. The original has no such setting.
ENCRYPTION_KEYS = [key for key in os.getenv("ENCRYPTION_KEYS", "").split(",") if key]

DEBUG = os.getenv("DEBUG", "True").strip().lower() in {"1", "true", "yes", "on"}
ALLOWED_HOSTS = [host.strip() for host in os.getenv("ALLOWED_HOSTS", "localhost,127.0.0.1").split(",") if host.strip()]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "core",
    "customer",
    "restaurant",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

ROOT_URLCONF = "food_ordering.urls"
WSGI_APPLICATION = "food_ordering.wsgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.getenv("DB_NAME", "food_ordering"),
        "USER": os.getenv("DB_USER", "postgres"),
        "PASSWORD": os.getenv("DB_PASSWORD", ""),
        "HOST": os.getenv("DB_HOST", ""),
        "PORT": os.getenv("DB_PORT", ""),
        # DB_SSLMODE=verify-full and DB_SSLROOTCERT, the path of the CA's certificate
        "OPTIONS": {
            name: os.environ[f"DB_{name.upper()}"]
            for name in ("sslmode", "sslrootcert")
            if f"DB_{name.upper()}" in os.environ
        },
    }
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

LOG_DIR = BASE_DIR / "logs"
LOG_DIR.mkdir(exist_ok=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "require_debug_false": {"()": "django.utils.log.RequireDebugFalse"},
        "require_debug_true": {"()": "django.utils.log.RequireDebugTrue"},
    },
    "formatters": {
        "verbose": {"format": "{levelname} {asctime} {name} {process:d} {message}", "style": "{"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["require_debug_true"],
            "formatter": "verbose",
        },
        # With DEBUG on, as it is by default, nothing reaches this file: another trait of the original.
        "security_file": {
            "class": "logging.FileHandler",
            "filename": LOG_DIR / "security.log",
            "delay": True,
            "encoding": "utf-8",
            "filters": ["require_debug_false"],
            "formatter": "verbose",
        },
    },
    "loggers": {
        "core.encryption": {"handlers": ["console", "security_file"], "level": "INFO", "propagate": False},
        "django.security": {"handlers": ["console", "security_file"], "level": "INFO", "propagate": False},
    },
}
