# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import project
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "food_ordering.settings")
"""
# A start changes its process, so each has one of its own.
START = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import project
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError
try:
    project.start(sys.argv[2], None)
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
    SAW.update(settings=os.environ["DJANGO_SETTINGS_MODULE"], cwd=os.getcwd(), bytecode=not sys.dont_write_bytecode)
    import food_ordering
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "food_ordering").mkdir(parents=True)
    (made / "manage.py").write_text(MANAGE)
    (made / "food_ordering" / "__init__.py").write_text("")
    return made


@pytest.fixture
def start(folder: Path, checkout: Path, tmp_path: Path, python: str):
    tree = tmp_path / "tree"
    (tree / "ansible_collections" / "tetech").mkdir(parents=True)
    (tree / "ansible_collections" / "tetech" / "key_rotation").symlink_to(checkout)
    (folder / "django.py").write_text(DJANGO)

    def run(settings: str = "") -> dict:
        (folder / "food_ordering" / "__init__.py").write_text(settings)
        argv = [python, "-c", START, str(tree), str(folder)]
        cache = {"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
        ended = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path, env=cache)
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    return run


def test_the_application_starts_as_it_would_by_itself_and_nothing_is_printed(start, folder, tmp_path):
    assert start() == {"saw": {"settings": "food_ordering.settings", "cwd": str(folder), "bytecode": False}}
    assert list((tmp_path / "cache").rglob("project*.pyc"))
    assert not list((tmp_path / "cache").rglob("django*.pyc"))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("\n\nraise ValueError('CANARY')", "ValueError"),
        ("\n\nimport sys; sys.exit('CANARY')", "SystemExit"),
        ("import json\n\njson.loads('CANARY')", "JSONDecodeError"),  # raised outside of the project
    ],
)
def test_an_application_that_does_not_start_is_told_by_type_and_place(start, folder, settings, error):
    result = start(settings)
    assert result["error"]["code"] == "E_DJANGO_SETUP"
    where = folder / "food_ordering" / "__init__.py"
    assert result["error"]["what"] == f"the application does not start: {error} at {where}:3"
    assert "CANARY" not in str(result)


def test_a_folder_without_manage_py_is_no_project(tmp_path):
    with pytest.raises(RotationError) as refused:
        project.check_folder(str(tmp_path / "none"))
    assert refused.value.code == "E_PROJECT"


def test_a_project_of_ones_own_is_taken(folder):
    assert project.check_folder(str(folder)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("owner", "name"), [(65534, "nobody"), (54321, "54321")])
def test_a_project_of_somebody_else_is_refused_with_both_names(folder, owner, name):
    os.chown(folder / "manage.py", owner, owner)
    with pytest.raises(RotationError) as refused:
        project.check_folder(str(folder))
    assert refused.value.code == "E_PROJECT_OWNER"
    assert (refused.value.where["owner"], refused.value.where["user"]) == (name, "root")


@pytest.mark.parametrize(
    "line",
    [
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")',
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE' , 'a.b')",
        'os.environ.setdefault(\n    "DJANGO_SETTINGS_MODULE",\n    "a.b",\n)',
    ],
)
def test_the_settings_module_is_the_one_that_manage_py_names(folder, line):
    (folder / "manage.py").write_text(f"import os\n{line}\n")
    assert project.settings_of(str(folder)) == "a.b"


def test_a_manage_py_that_names_none_is_refused(folder):
    (folder / "manage.py").write_text("import os\n")
    with pytest.raises(RotationError) as refused:
        project.settings_of(str(folder))
    assert refused.value.code == "E_SETTINGS_MODULE"


def test_versions_are_those_of_this_python():
    found = project.versions()
    assert found["python"].count(".") == 2
    assert "cryptography" in found
