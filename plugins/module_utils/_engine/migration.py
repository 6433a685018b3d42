# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a rotation, or its rollback, through a Django migration of the application that calls this engine.

The migration file contains no keys and re-encrypts nothing itself. It names its rotation and its columns. On a database
without tokens it does nothing. On a database with tokens it calls ``drive``, which works only inside the rotation that
created the file.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .._errors.application import MigrationAppUnknown, MigrationFailed
from .._errors.base import RotationError
from .._errors.option_names import spell_options
from .._system import atomic_file
from .discovery.columns.target import Target

NAME = "rotate_encryption_keys"
# Migrations that an earlier version of this collection wrote import this module by its former name.
FORMER = __name__.replace("._engine.", ".engine.")
sys.modules.setdefault(FORMER.rpartition(".")[0], sys.modules[__name__.rpartition(".")[0]])
sys.modules.setdefault(FORMER, sys.modules[__name__])
TEMPLATE = '''"""Rotate the encryption keys: rotation {rotation_id}. Made by tetech.key_rotation.

Applied by its rotate playbook, which holds both key sets. On a database without tokens there is nothing to rotate.
"""

from django.db import migrations

ROTATION_ID = "{rotation_id}"
TARGETS = {targets}


def holds_tokens(connection):
    """Whether any of the columns holds a value. A fresh database does not, nor one of another kind."""
    if connection.vendor != "postgresql":
        return False
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for alias, schema, table, column in TARGETS:
            name = f"{{quote(schema)}}.{{quote(table)}}"
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if alias == connection.alias and cursor.fetchone()[0]:
                cursor.execute(f"SELECT 1 FROM {{name}} WHERE {{quote(column)}}::text <> '' LIMIT 1")
                if cursor.fetchone():
                    return True
    return False


def drive(schema_editor, direction):
    """Let the engine do it, in batches with both key sets."""
    if not holds_tokens(schema_editor.connection):
        return
    try:
        from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.migration import drive
    except ImportError:
        raise RuntimeError(
            "This database holds tokens, and only the rotation that made this migration has the keys: "
            "run ansible-playbook rotate.yml -e O(method)=migration, or migrate with --fake."
        ) from None
    drive(ROTATION_ID, direction)


def rotate(apps, schema_editor):
    drive(schema_editor, "forwards")


def restore(apps, schema_editor):
    drive(schema_editor, "backwards")


class Migration(migrations.Migration):
    atomic = False  # each batch commits

    dependencies = {dependencies}

    operations = [migrations.RunPython(rotate, restore)]
'''

_ROTATION_ID = re.compile(r'^ROTATION_ID = "([^"]+)"', re.MULTILINE)
_UNWRITTEN = re.compile(r"operations = \[\s*\]")  # left by makemigrations --empty if the run was killed right after it
_Drive = tuple[str, str, Callable[[], None]]  # rotation ID, direction, and the work of the migration
_active: _Drive | None = None


def drive(rotation_id: str, direction: str) -> None:
    """Do the work of the current rotation. Its migration calls this function.

    Raise RuntimeError unless this process runs this rotation in this direction.
    """
    if _active is None or _active[:2] != (rotation_id, direction):
        raise RuntimeError(f"no rotation {rotation_id} is under way in this process ({direction})")
    _active[2]()


def forwards(app: str, rotation_id: str, targets: Sequence[Target], work: Callable[[], None]) -> str:
    """Create the migration of this rotation if it does not exist, apply it, and return the path of its file.

    If the migration is already applied, for example because an earlier run was killed, call ``work`` directly. Raise
    E_MIGRATION_APP if the app is unknown, E_MIGRATION if a command of Django fails, and what ``work`` raises.
    """
    folder = _folder(app)
    name = _find(folder, rotation_id) or _make(app, folder)
    if not _applied(app, name):
        _write(app, folder, name, rotation_id, targets)
        _fake_others(app, folder, name)
    if _applied(app, name):
        work()
    else:
        _migrate(_Step(app, name, name), (rotation_id, "forwards", work))
    return os.path.join(folder, f"{name}.py")


def backwards(rotation_id: str, work: Callable[[], None]) -> None:
    """Unapply the migration of this rotation, and delete its file.

    If the rotation created no migration, or it is not applied, call ``work`` directly. If later migrations depend on
    it, call ``work`` and leave the migration applied. Raise the same errors as ``forwards``.
    """
    from django.apps import apps

    for config in apps.get_app_configs():
        folder = _folder(config.label)
        name = _find(folder, rotation_id)
        if name is not None:
            break
    else:
        work()
        return
    if not _applied(config.label, name):
        work()
    elif _others(_Step(config.label, name, _before(config.label, name))):
        work()  # later migrations depend on it: it stays applied, and does nothing on a fresh database
        return
    else:
        _migrate(_Step(config.label, name, _before(config.label, name)), (rotation_id, "backwards", work))
    os.unlink(os.path.join(folder, f"{name}.py"))


def list_migrations() -> dict[str, str]:
    """Return the files of the migrations that rotations created, by rotation ID.

    The ID is empty if a run was killed before it had written the migration.
    """
    from django.apps import apps

    paths = {}
    for config in apps.get_app_configs():
        folder = _folder(config.label)
        for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if entry.endswith(f"{NAME}.py"):
                path = os.path.join(folder, entry)
                with open(path, encoding="utf-8") as handle:
                    text = handle.read()
                if _id_of(text) or _UNWRITTEN.search(text):
                    paths[_id_of(text) or ""] = path
    return paths


def _folder(app: str) -> str:
    """Return the folder of the app's migrations, which may not exist yet.

    Raise E_MIGRATION_APP if the app is unknown.
    """
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    try:
        default = os.path.join(apps.get_app_config(app).path, "migrations")
    except LookupError:
        raise MigrationAppUnknown(app=app) from None
    module, _explicit = MigrationLoader.migrations_module(app)
    try:
        return os.path.dirname(str(importlib.import_module(module).__file__)) if module else default
    except ImportError:
        return default


def _find(folder: str, rotation_id: str) -> str | None:
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if entry.endswith(f"{NAME}.py"):
            with open(os.path.join(folder, entry), encoding="utf-8") as handle:
                text = handle.read()
            if _id_of(text) == rotation_id or _UNWRITTEN.search(text):
                return entry[: -len(".py")]
    return None


def _id_of(text: str) -> str | None:
    match = _ROTATION_ID.search(text)
    return match[1] if match else None


def _make(app: str, folder: str) -> str:
    before = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    _command("makemigrations", app, empty=True, name=NAME)
    entry = next(name for name in sorted(set(os.listdir(folder)) - before) if name.endswith(f"{NAME}.py"))
    return entry[: -len(".py")]


def _write(app: str, folder: str, name: str, rotation_id: str, targets: Sequence[Target]) -> None:
    parents = [parent for parent in _loader().get_migration(app, name).dependencies if parent[0] == app]
    dependencies = {*parents, *(leaf for leaf in _leaves(app, targets) if leaf != (app, name))}
    text = spell_options(TEMPLATE).format(
        rotation_id=rotation_id,
        targets=_listing([_place(target) for target in targets]),
        dependencies=_listing(sorted(dependencies), "        ", "    "),
    )
    atomic_file.replace(os.path.join(folder, f"{name}.py"), text.encode("utf-8"), mode=0o644)
    for module in [module for module in sys.modules if module.endswith(f"migrations.{name}")]:
        del sys.modules[module]  # otherwise Django would use the empty migration that it has imported


def _fake_others(app: str, folder: str, name: str) -> None:
    """Mark as applied the migrations that rotations created in other environments: this one replaces them.

    They were committed with the application. Skip one if another migration would be marked as applied with it. Only the
    application decides about its own migrations.
    """
    for entry in sorted(os.listdir(folder)):
        other = entry[: -len(".py")]
        foreign = other != name and _is_ours(folder, other) and not _applied(app, other)
        if foreign and all(label == app and _is_ours(folder, step) for label, step in _plan(app, other)):
            _command("migrate", app, other, fake=True, verbosity=0, interactive=False)


def _is_ours(folder: str, name: str) -> bool:
    """Return whether a rotation wrote this migration."""
    path = os.path.join(folder, f"{name}.py")
    if not name.endswith(NAME) or not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8") as handle:
        return _id_of(handle.read()) is not None


def _place(target: Target) -> tuple[str, ...]:
    return target.table.alias, target.table.schema, target.table.name, target.column


def _listing(rows: Sequence[tuple[str, ...]], indent: str = "    ", end: str = "") -> str:
    return "[\n" + "".join(f"{indent}{row!r},\n" for row in rows) + end + "]"


def _leaves(app: str, targets: Sequence[Target]) -> Iterator[tuple[str, str]]:
    """Yield the last migration of this app and of each app with a target.

    The rotation's migration depends on them, because their tables must exist before it runs.
    """
    graph = _loader().graph
    for label in {app, *(target.model.split(".")[0] for target in targets if "." in target.model)}:
        yield from graph.leaf_nodes(label)


def _applied(app: str, name: str) -> bool:
    return (app, name) in _loader().applied_migrations


def _before(app: str, name: str) -> str:
    """Return the previous migration of this app, to which Django goes to unapply this one. Without one, return
    ``zero``."""
    parents = [parent for parent in _loader().get_migration(app, name).dependencies if parent[0] == app]
    return parents[0][1] if parents else "zero"


def _loader() -> Any:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    importlib.invalidate_caches()
    return MigrationLoader(connection)


class _Step(NamedTuple):
    """One step of ``migrate``: the rotation's migration ``name`` in an app, and the ``target`` to which Django goes.

    To apply the migration, the target is the migration itself. To unapply it, the target is the previous migration.
    """

    app: str
    name: str
    target: str


def _migrate(step: _Step, drive: _Drive) -> None:
    """Let Django take the step. The migration calls the work of ``drive``.

    Raise E_MIGRATION if the command fails or would run other migrations too, and what the work raises.
    """
    global _active
    rotation_id, direction, work = drive
    others = _others(step)
    if others:  # a rotation never runs them unannounced
        raise MigrationFailed(command="migrate", error=f"it would also run {', '.join(others)}")
    failed: list[RotationError] = []

    def run_work() -> None:
        try:
            work()
        except RotationError as exc:
            failed.append(exc)
            raise

    _active = (rotation_id, direction, run_work)
    try:
        _command("migrate", step.app, step.target, verbosity=0, interactive=False)
    except RotationError:
        raise (failed[0] if failed else MigrationFailed(command="migrate", error="RuntimeError")) from None
    finally:
        _active = None


def _others(step: _Step) -> list[str]:
    """Return the other migrations that ``migrate`` would apply or unapply in this step.

    They are unapplied, or depend on the rotation's migration.
    """
    planned = _plan(step.app, None if step.target == "zero" else step.target)
    return [f"{label}.{name}" for label, name in planned if (label, name) != (step.app, step.name)]


def _plan(app: str, target: str | None) -> list[tuple[str, str]]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    importlib.invalidate_caches()
    plan = MigrationExecutor(connection).migration_plan([(app, target)])
    return [(step.app_label, step.name) for step, _ in plan]


def _command(command: str, *args: str, **options: object) -> None:
    from django.core.management import call_command

    importlib.invalidate_caches()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            call_command(command, *args, **options)
    except (Exception, SystemExit) as exc:
        raise MigrationFailed(command=command, error=type(exc).__name__) from None
