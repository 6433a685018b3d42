# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the application's Django in this process, as the application would be started."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import pwd
import re
import sys
import traceback
from typing import Any

from ..errors import RotationError

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"](?P<module>[\w.]+)['"]""")


def start(project_dir: str, settings_module: str | None) -> None:
    """``django.setup()`` for the project in ``project_dir``; its output is swallowed, its working directory taken.

    Raises E_PROJECT, E_PROJECT_OWNER, E_SETTINGS_MODULE, E_PYTHON_PACKAGE or E_DJANGO_SETUP.
    """
    check_folder(project_dir)
    sys.dont_write_bytecode = True  # a dry run writes nothing, not even a cache
    os.chdir(project_dir)
    if project_dir not in sys.path:
        sys.path.insert(0, project_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module or settings_of(project_dir)
    try:
        import django
    except ImportError:
        raise RotationError("E_PYTHON_PACKAGE", package="Django", python=sys.executable) from None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            django.setup()
    except (Exception, SystemExit) as exc:
        raise RotationError("E_DJANGO_SETUP", error=type(exc).__name__, where=_place(exc, project_dir)) from None


def check_folder(project_dir: str) -> None:
    """Raise E_PROJECT where there is no Django project, E_PROJECT_OWNER where it is somebody else's."""
    manage = os.path.join(project_dir, "manage.py")
    if not os.path.isfile(manage):
        raise RotationError("E_PROJECT", path=project_dir, found="has no manage.py")
    owner = os.stat(manage).st_uid
    if owner != os.geteuid():
        raise RotationError("E_PROJECT_OWNER", path=manage, owner=_user(owner), user=_user(os.geteuid()))


def settings_of(project_dir: str) -> str:
    """The settings module that manage.py names. Raises E_SETTINGS_MODULE."""
    path = os.path.join(project_dir, "manage.py")
    with open(path, encoding="utf-8") as handle:
        found = _SETTINGS.search(handle.read())
    if found is None:
        raise RotationError("E_SETTINGS_MODULE", path=path)
    return found["module"]


def setting(name: str) -> Any:
    """One of the settings that the application itself sets; None where it does not.

    Not what ``django.conf.settings`` has: django-cryptography puts its derived key there under the setting's own name.
    """
    value = getattr(sys.modules[os.environ["DJANGO_SETTINGS_MODULE"]], name, None)
    return value() if callable(value) else value


def aliases() -> list[str]:
    """The PostgreSQL databases of the application, each once; an alias that leads to another's database is left out."""
    from django.conf import settings
    from django.db import connections

    places: dict[tuple[str, ...], str] = {}
    for alias in settings.DATABASES:
        if connections[alias].vendor == "postgresql":
            described = connections[alias].settings_dict
            place = tuple(str(described[name]) for name in ("HOST", "PORT", "NAME"))
            mirror = described["TEST"].get("MIRROR")
            if not mirror:
                places.setdefault(place, alias)
    if not places:
        raise RotationError("E_DB_VENDOR", alias="default", vendor=connections["default"].vendor)
    return list(places.values())


def versions() -> dict[str, str]:
    """What the application runs on, for the record."""
    found = {"python": sys.version.split()[0]}
    for package in ("Django", "cryptography", "psycopg2", "psycopg2-binary", "psycopg"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _place(exc: BaseException, project_dir: str) -> str:
    """The last line of the application that the error came through: its text could hold a value."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(project_dir)] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
