# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a real Django application, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.tests.project_fixtures import folder  # noqa: F401

# A start changes its process, so each has one of its own.
START = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import django_project
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.process_environment import (
    ProcessEnvironment,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
try:
    service = json.loads(sys.argv[3])
    module = service.pop("settings_module", None)
    if service.pop("settings_only", None):
        django_project.read_settings(sys.argv[2], module, lambda: ProcessEnvironment(service))
        import django
        known = dict(django.SAW), "food_ordering.settings" in sys.modules, django_project.is_started()
        open(os.path.join(sys.argv[2], "ours")).close()
        started = django_project.start(sys.argv[2], module)
        files = sorted(os.path.basename(path) for path in started.files)
        print(json.dumps({"known": known, "saw": sorted(django.SAW), "files": files}))
        sys.exit()
    django_project.start(sys.argv[2], module, environment=lambda: ProcessEnvironment(service))
    import django
    print(json.dumps({"saw": django.SAW}))
except RotationError as exc:
    print(json.dumps(exc.as_result()))
"""
# Django as far as a start goes: what the application's own code does then is what is tested.
DJANGO = """
import os, sys
SAW = {}
def setup():
    print("noise")
    from django.utils import log
    log.configure_logging(None, {"handlers": {"file": {"filename": "CANARY.log"}}})
    SAW.update(settings=os.environ["DJANGO_SETTINGS_MODULE"], cwd=os.getcwd(), bytecode=not sys.dont_write_bytecode)
    import food_ordering
"""


@pytest.fixture
def start(folder: Path, checkout: Path, tmp_path: Path, python: str):
    tree = tmp_path / "tree"
    (tree / "ansible_collections" / "tetech").mkdir(parents=True)
    (tree / "ansible_collections" / "tetech" / "key_rotation").symlink_to(checkout)
    (folder / "django/utils").mkdir(parents=True)
    (folder / "django/__init__.py").write_text(DJANGO)
    (folder / "django/utils/__init__.py").touch()
    (folder / "django/db/backends").mkdir(parents=True)
    (folder / "django/db/__init__.py").write_text(
        "class Connections(dict):\n    def close_all(self): pass\nconnections = Connections()\n"
    )
    (folder / "django/db/backends/signals.py").write_text(
        "class connection_created:\n    def connect(*_, **__): pass\n"
    )
    (folder / "django/utils/log.py").write_text("def configure_logging(*found):\n    raise ValueError(found)\n")

    def run(settings: str = "", service: dict[str, str] | None = None) -> dict:
        (folder / "food_ordering" / "__init__.py").write_text(settings)
        argv = [python, "-c", START, str(tree), str(folder), json.dumps(service or {})]
        cache = {"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
        ended = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path, env=cache)
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    return run


def test_the_application_starts_as_it_would_by_itself_and_nothing_is_printed(start, folder, tmp_path):
    assert start() == {"saw": {"settings": "food_ordering.settings", "cwd": str(folder), "bytecode": False}}
    assert list((tmp_path / "cache").rglob("django_project*.pyc"))
    assert not [path for path in (tmp_path / "cache").rglob("*.pyc") if str(folder) in str(path)]


def test_the_settings_are_read_without_a_start_and_what_is_read_between_the_two_is_not_the_applications(start, folder):
    (folder / "ours").touch()
    (folder / "theirs").touch()
    (folder / "food_ordering" / "settings.py").write_text("open('theirs').close()\nprint('noise')\n")
    (folder / "django/conf.py").write_text(
        "import importlib, os\nclass Settings:\n    def __getattr__(self, name):\n"
        "        return importlib.import_module(os.environ['DJANGO_SETTINGS_MODULE'])\nsettings = Settings()\n"
    )
    found = start(service={"settings_only": "yes"})
    assert found["known"] == [{}, True, True]
    assert found["saw"] == ["bytecode", "cwd", "settings"]
    assert ("theirs" in found["files"], "ours" in found["files"]) == (True, False)


def test_no_log_of_the_application_is_made_or_written(start, folder):
    own = f"logging.FileHandler({str(folder / 'own.log')!r}, delay=True)"
    assert "saw" in start(f"import logging\nlogging.root.addHandler({own})\nlogging.critical('Decryption failed')")
    assert not (folder / "own.log").exists()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("\n\nraise ValueError('CANARY')", "ValueError"),
        ("\n\nimport sys; sys.exit('CANARY')", "SystemExit"),
        ("import json\n\njson.loads('CANARY')", "JSONDecodeError"),  # raised outside of the project
    ],
)
def test_an_application_that_does_not_start_is_reported_by_type_and_place(start, folder, settings, error):
    result = start(settings)
    assert result["error"]["code"] == "E_DJANGO_SETUP"
    where = folder / "food_ordering" / "__init__.py"
    assert result["error"]["what"] == f"the application does not start: {error} at {where}:3"
    assert "CANARY" not in str(result)


NO_DRIVER = """
class ImproperlyConfigured(Exception):
    pass
try:
    import {module}
except ImportError:
    raise ImproperlyConfigured("Error loading psycopg2 or psycopg module")
"""


def test_a_driver_that_django_does_not_find_is_a_missing_package(start):
    """As django.db.backends.postgresql raises it, which neither names the driver nor has it as its cause."""
    result = start(NO_DRIVER.format(module="psycopg2.nowhere"))
    assert result["error"]["code"] == "E_DJANGO_SETUP", "the driver is there"
    hidden = (
        "import sys\nsys.modules.pop('psycopg2', None)\nsys.path[:] = [p for p in sys.path if 'site-packages' not in p]"
    )
    result = start(f"{hidden}\n{NO_DRIVER.format(module='psycopg2')}")
    assert (result["error"]["code"], result["error"]["what"].split()[0]) == ("E_PYTHON_PACKAGE", "psycopg2")


WITHOUT_SETTINGS = "has no manage.py, and no settings module is named"


@pytest.mark.parametrize("named", ["settings_module", "DJANGO_SETTINGS_MODULE"])
def test_without_manage_py_the_settings_module_is_named_by_the_operator_or_the_service(start, folder, named):
    (folder / "manage.py").unlink()
    assert start()["error"]["what"] == f"{folder} {WITHOUT_SETTINGS}"
    assert start(service={named: "elsewhere.settings"})["saw"]["settings"] == "elsewhere.settings"


def test_the_application_has_the_variables_of_its_service_and_no_other_process_sees_them(start, tmp_path):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/only_there.py").write_text("")
    seen = "import django, os, only_there\n" + (
        "django.SAW.update(key=os.environ['KEY'], born=b'CANARY' in open('/proc/self/environ', 'rb').read())"
    )
    saw = start(seen, service={"KEY": "CANARY", "PYTHONPATH": str(tmp_path / "packages")})["saw"]
    assert (saw["key"], saw["born"]) == ("CANARY", False)
