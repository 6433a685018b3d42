# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import importlib

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import migration


@pytest.fixture
def text() -> str:
    return migration.TEMPLATE.format(
        rotation_id="2026-spring",
        targets=migration._listing([("profile", "name"), ("profile", "phone")]),
        dependencies=migration._listing([("core", "0001_initial")], "        ", "    "),
    )


def constants(text: str) -> dict[str, object]:
    """What the migration assigns, in the module and in its class, as far as it is literal."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Constant, ast.List)):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def test_a_migration_is_python_that_names_its_rotation_and_columns(text):
    compile(text, "0002_rotate_encryption_keys.py", "exec")
    assert constants(text) == {
        "ROTATION_ID": "2026-spring",
        "TARGETS": [("profile", "name"), ("profile", "phone")],
        "dependencies": [("core", "0001_initial")],
        "atomic": False,
    }


def test_a_migration_has_no_braces_of_its_template_left(text):
    assert "{{" not in text
    assert "f\"SELECT 1 FROM {name} WHERE {quote(column)}::text <> '' LIMIT 1\"" in text


@pytest.mark.parametrize("rows", [[], [("a", "b")], [("a", "b"), ("c", "d")]])
@pytest.mark.parametrize(("indent", "end"), [("    ", ""), ("        ", "    ")])
def test_a_listing_is_a_list_in_python(rows, indent, end):
    listed = migration._listing(rows, indent, end)
    assert ast.literal_eval(listed) == rows
    assert listed.count("\n") == len(rows) + 1


@pytest.mark.parametrize(
    "active", [None, ("r2", "forwards"), ("r1", "backwards")], ids=["none", "other rotation", "other way"]
)
def test_a_migration_does_nothing_outside_its_rotation(monkeypatch, active):
    done = []
    monkeypatch.setattr(migration, "_active", active and (*active, lambda: done.append(1)))
    with pytest.raises(RuntimeError, match="no rotation r1 is under way in this process"):
        migration.drive("r1", "forwards")
    assert done == []


def test_a_migration_does_the_work_of_its_rotation(monkeypatch):
    done = []
    monkeypatch.setattr(migration, "_active", ("r1", "forwards", lambda: done.append(1)))
    migration.drive("r1", "forwards")
    assert done == [1]


def test_the_file_of_a_rotation_is_found_by_its_id_and_not_by_its_number(tmp_path, text):
    (tmp_path / "0002_rotate_encryption_keys.py").write_text(text)
    (tmp_path / "0003_rotate_encryption_keys.py").write_text(text.replace("2026-spring", "2026-autumn"))
    (tmp_path / "0004_other.py").write_text(text.replace("2026-spring", "2026-winter"))
    assert migration._find(str(tmp_path), "2026-spring") == "0002_rotate_encryption_keys"
    assert migration._find(str(tmp_path), "2026-autumn") == "0003_rotate_encryption_keys"
    assert migration._find(str(tmp_path), "2026-winter") is None
    assert migration._find(str(tmp_path / "none"), "2026-spring") is None


def test_a_file_that_a_killed_run_left_empty_is_the_one_to_write(tmp_path, text):
    (tmp_path / "0002_rotate_encryption_keys.py").write_text("class Migration:\n    operations = [\n    ]\n")
    (tmp_path / "0003_other.py").write_text("class Migration:\n    operations = []\n")
    assert migration._find(str(tmp_path), "2026-spring") == "0002_rotate_encryption_keys"
    (tmp_path / "0002_rotate_encryption_keys.py").write_text(text)
    assert migration._find(str(tmp_path), "2026-spring") == "0002_rotate_encryption_keys"
    assert migration._find(str(tmp_path), "2026-autumn") is None


def test_a_migration_says_its_rotation_at_the_beginning_of_a_line(text):
    assert migration._id_of(text) == "2026-spring"
    assert migration._id_of('# ROTATION_ID = "x"\nclass Migration:\n    pass\n') is None


def test_a_migration_that_an_earlier_version_wrote_finds_the_engine():
    former = "ansible_collections.tetech.key_rotation.plugins.module_utils.engine.migration"
    text = migration.TEMPLATE.replace(migration.__name__, former)
    assert f"from {former} import drive" in text
    assert importlib.import_module(former).drive is migration.drive
