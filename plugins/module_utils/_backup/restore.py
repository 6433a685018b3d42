# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore one database of an application, from the manifest to the swap, and report its effects beforehand."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

from .._engine import application_findings
from .._engine.application import django_project
from .._engine.application.model_fields import table_of, tables
from .._engine.discovery.findings.findings import FindingsError
from .._engine.open_application import open_application
from .._engine.postgres import lease, server_info, structure, table_contents
from .._engine.postgres.connection import Database, connection_parameters
from .._engine.proof import backup_difference, census_findings
from .._engine.proof.census_tally import Tally
from .._engine.request import Request
from .._engine.rewrite import fence, prepared_table, write_watch
from .._engine.rotation import Application
from .._errors.base import ErrorParts, RotationError
from .._errors.database import DatabaseConnectFailed
from .._errors.discovery import NoTargets, OtherKeys
from .._errors.options import InvalidOption
from .._errors.restore import (
    BackupNotFound,
    RestoreAgain,
    RestoreConnect,
    RestoreEngine,
    RestoreFacts,
    RestoreKeys,
    RestoreLoss,
    RestoreShut,
)
from .._options.engine_request import Purpose
from .._result_types.restore_types import BackupFacts, LostRows, RestoredDatabase
from . import dump, manifest, pg_client
from .database_properties import DatabaseProperties
from .database_swap import DatabaseSwap
from .manifest import Manifest

NO_VALUES = (NoTargets.code, OtherKeys.code)  # by which a look ends that has found nothing wrong, and no value


class RestoreResult(TypedDict):
    """The facts of the ``backup``, and the rows that the restore loses (``lost``)."""

    changed: bool
    backup: BackupFacts
    restored: RestoredDatabase
    lost: list[LostRows]


class DropResult(TypedDict):
    changed: bool
    backup: BackupFacts
    dropped: list[str]
    sought: list[str]


class FoundBackup(TypedDict):
    """The backup, and by alias what the databases in use lack.

    ``missing`` are tables of the backup, ``gone`` tables of the models. ``copies`` were left by restores.
    """

    changed: bool
    backup: BackupFacts
    missing: Mapping[str, Sequence[str]]
    gone: Mapping[str, Sequence[str]]
    copies: Mapping[str, Mapping[str, str]]


class BackupOutcome(FoundBackup, total=False):
    """The result of postgresql_restore_info. One that failed has ``msg`` and ``error``."""

    msg: str
    error: ErrorParts


@dataclass(frozen=True)
class RestoreOptions:
    """What to restore, and by which connections.

    Without a ``rotation_id``, the newest proved backup counts. ``admin`` are parameters of the role that creates and
    renames databases. ``acknowledge`` are the accepted losses, ``key_ids`` the available versions. ``direct`` has by
    alias parameters of a connection that replace those of DATABASES. ``build_request`` returns the request that opens
    the application by other parameters.
    """

    alias: str
    backup_dir: str
    build_request: Callable[[Mapping[str, Mapping[str, str]], Purpose], Request]
    rotation_id: str | None = None
    direct: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    admin: Mapping[str, str | None] = field(default_factory=dict)
    acknowledge: str = ""
    identity: str | None = None
    pg_bindir: str | None = None
    key_ids: Collection[str] = ()


class Restoration:
    """A restore, as the options of postgresql_restore or postgresql_restore_info describe it."""

    def __init__(self, options: RestoreOptions) -> None:
        from django.db import connections

        self._options = options
        if options.alias not in connections:
            raise InvalidOption(option="restore_alias", fault=f"is {options.alias}", advice="Name one of DATABASES.")
        self._alias = _alias_of_backup(options)

    @functools.cached_property
    def _name(self) -> str:
        """The name of the database in use: from DATABASES or a service; if it is gone, from the newest manifest."""
        from django.db import connections

        if named := connection_parameters(connections[self._alias]).get("dbname"):
            return str(named)
        try:
            with self._database(**self._direct) as used:
                return used.libpq().database
        except RotationError:
            if (newest := self._newest()) is None:
                raise
            return newest.database

    def described(self) -> Manifest | None:
        """Return the manifest of the rotation's backup, or of the newest proved one; None without such a backup."""
        described = self._newest() if not self._options.rotation_id else self._backup().read()
        return described if described and described.is_dump else None

    def missing(self, described: Manifest) -> list[str]:
        """Return tables of the application's models that a backup has and the database in use lacks."""
        missing = set(described.tables) - {table_contents.LARGE_OBJECTS} - self._tables()
        needed = tables()  # what else is gone may have been dropped on purpose
        return sorted(table for table in missing if not needed.isdisjoint(_names_in_models(table)))

    def gone(self) -> list[str]:
        """Return tables of the models that the database in use lacks, whatever the backup has."""
        from django.apps import apps
        from django.db import router

        there = {name for label in self._tables() for name in _names_in_models(label)}
        models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
        needed = {table_of(model) for model in models if router.allow_migrate_model(self._alias, model)}
        return sorted(needed - there)

    def copies(self) -> dict[str, str]:
        """Return the copies that restores left, each with its rotation's ID; empty if the server does not answer."""
        with contextlib.suppress(RotationError), self._as_admin() as admin:
            names = {
                DatabaseSwap(admin, self._name, backup.rotation_id).copy: backup.rotation_id for backup in self._all()
            }
            there = admin.rows("SELECT datname::text FROM pg_database WHERE datname = ANY(%s)", (list(names),))
            return {name: names[name] for (name,) in there}
        return {}

    def let_in(self, *, dry: bool) -> None:
        """Allow sessions again, if a restore ended after it had refused them and before the swap. Raise
        E_RESTORE_SHUT."""
        backups = {described.rotation_id for described in self._all()}
        if not backups or self._answers():
            return
        with self._database(**self._admin) as admin:
            for rotation_id in sorted(backups):
                pair = DatabaseSwap(admin, self._name, rotation_id)
                if not pair.left_shut(f"restore of {rotation_id}"):
                    continue
                if dry:
                    raise RestoreShut(database=self._name)
                pair.let_in()

    def _answers(self) -> bool:
        try:
            with self._database(**self._direct):
                return True
        except RotationError:  # it is gone, or shut, or the server is down
            return False

    def prepared(self, *, dry: bool) -> RestoreResult:
        """Do the part of ``present`` that disturbs nobody: create and prove the copy, and report the loss."""
        return self._restore(dry=dry, swap=False)

    def present(self, *, dry: bool) -> RestoreResult:
        """Restore a copy, prove it, count the rows that are lost, and swap.

        Raise E_BACKUP_*, E_RESTORE_*, E_CONTENTS, E_UNREADABLE.
        """
        return self._restore(dry=dry, swap=True)

    def _restore(self, *, dry: bool, swap: bool) -> RestoreResult:
        backup = self._backup()
        described = self._described(backup)
        self._refuse_without_keys(described)
        with self._as_admin() as admin:
            pair = DatabaseSwap(admin, self._name, described.rotation_id)
            pair.refuse_without_rights()
            facts = pair.facts()
            like = _like(facts.get(self._name), described.facts)
            if pair.aside in facts:
                self._refuse_again(pair, described)
                return _result(described, {**self._names, "aside": pair.aside, "under": {}}, changed=False)
            if like is None:
                raise RestoreFacts(database=self._name, manifest=backup.manifest_of(described))
            if dry:
                backup.refuse_unopened(described, self._options.identity)
                return _result(described, {"database": self._name})
            pair.let_in()
            if not pair.verified(described.sha256 or ""):
                try:
                    self._make(pair, backup, described, like)
                except BaseException:
                    with contextlib.suppress(RotationError):  # what it was that went wrong is the news
                        pair.drop(pair.copy)
                    raise
            under, lost = self._swap(pair, described, like.get("comment"), swap=swap)
        done: RestoredDatabase = {**self._names, "under": under}
        if swap:
            done["aside"] = pair.aside if self._name in facts else None
        else:
            done["copy"] = pair.copy
        return _result(described, done, lost)

    def _refuse_again(self, pair: DatabaseSwap, described: Manifest) -> None:
        """Raise E_RESTORE_AGAIN if what was restored lacks a table by now."""
        if missing := self.missing(described):
            raise RestoreAgain(
                database=self._name,
                missing=", ".join(missing),
                aside=pair.aside,
                rotation_id=described.rotation_id,
                options=self._format_alias(),
            )

    def dropped(self, *, dry: bool) -> DropResult:
        """Drop the database set aside; of an unfinished restore, the copy."""
        with self._as_admin() as admin:
            pair = DatabaseSwap(admin, self._name, str(self._options.rotation_id))
            there = [name for name in (pair.aside, pair.copy) if name in pair.facts()]
            if not dry:
                pair.let_in()
                for name in there:
                    pair.drop(name)
        return {"changed": bool(there), "backup": {}, "dropped": there, "sought": [pair.aside, pair.copy]}

    def _make(self, pair: DatabaseSwap, backup: dump.Backup, described: Manifest, like: DatabaseProperties) -> None:
        """Create the copy, and prove that it has all rows of the snapshot and that every value opens."""
        with backup.opened(described, self._options.identity) as archives:  # refused before anything is created
            pair.make(like)
            with self._as_admin(dbname=pair.copy) as copy:
                tools = pg_client.find_tools(self._options.pg_bindir, server_info.read_server_major(copy))
                pg_client.restore(tools, copy, archives, [])
        with self._as_admin(dbname=pair.copy) as copy:
            table_contents.refuse_difference(described.tables, table_contents.take(copy))
            structure.refuse_difference(described.structure, copy)
            lease.forget(copy)  # the run that made the backup held it
            fence.take_down(copy)
            write_watch.take_down(copy)
            prepared_table.drop(copy)
            copy.execute("ANALYZE")
        with self._opened(pair) as application:
            _refuse_unproved(application)
            census_findings.refuse_unreadable(application.census(application.keyring.base))
        pair.mark(like, described.sha256 or "")

    def _swap(
        self, pair: DatabaseSwap, described: Manifest, comment: str | None, *, swap: bool
    ) -> tuple[dict[str, int], list[backup_difference.Difference]]:
        """Count the rows that will be lost. Refuse if that is not acknowledged; otherwise swap, if ``swap``."""
        acknowledged = self._read_acknowledged(own=True) if swap else []
        with contextlib.ExitStack() as used_for:
            used = self._used(used_for) if self._name in pair.facts() else None
            if acknowledged:  # only then is anybody disturbed
                used_for.enter_context(pair.cut_off(spare=used.backend() if used else None))
            with self._opened(pair) as application:
                (database, survey) = application.databases[0]
                under = _under(application.census(application.keyring.base))
                lost = list(backup_difference.differences(used, database, survey.targets, application.keyring))
                key_ids = [application.keyring.key_id(stage) for stage in application.keyring.stages]
            self._refuse_unacknowledged(pair, described, lost)
            if used:
                used.close()
            if swap:
                pair.swap(comment, key_ids)
        return under, lost

    def _refuse_unacknowledged(
        self, pair: DatabaseSwap, described: Manifest, lost: list[backup_difference.Difference]
    ) -> None:
        """Raise E_RESTORE_LOSS with the numbers, unless the numbers or the time were acknowledged."""
        moment, unknown = described.time, [change.table for change in lost if change.lost is None]
        count = sum(change.lost or 0 for change in lost)
        both = count + sum(change.deleted or 0 for change in lost)  # an erasure that comes back is a loss as well
        accepted = [moment] if unknown else [moment, str(both)]
        if not {self._prefix_alias(word) for word in accepted} & set(self._read_acknowledged(own=True)):
            by_table = ", ".join(f"{change.table} {change.lost:,}" for change in lost if change.lost) or "none"
            deleted = ", ".join(f"{change.table} {change.deleted:,}" for change in lost if change.deleted)
            back = f"; rows deleted since then are restored: {deleted}" if deleted else ""
            uncounted = f"; unknown for {', '.join(unknown)}" if unknown else ""
            state = "unchanged" if self._name in pair.facts() else "still missing"
            raise RestoreLoss(
                count=count,
                time=moment,
                tables=f"{by_table}{back}{uncounted}",
                acknowledge=",".join([*self._read_acknowledged(own=False), self._prefix_alias(accepted[-1])]),
                rotation_id=described.rotation_id,
                options=self._format_alias(),
                changed=f"{pair.copy} is the restored and verified copy; {self._name} is {state}.",
            )

    @property
    def _names(self) -> RestoredDatabase:
        return {"database": self._name, "alias": self._alias}

    def _format_alias(self) -> str:
        """Return the part of the next command that names the database."""
        return "" if self._alias == "default" else f" -e O(restore_alias)={self._alias}"

    def _refuse_without_keys(self, described: Manifest) -> None:
        """Raise E_RESTORE_KEYS if a version that the backup's rows need was destroyed."""
        if gone := sorted(set(described.key_ids) - set(self._options.key_ids)):
            raise RestoreKeys(time=described.time, key_ids=", ".join(gone))

    def _prefix_alias(self, word: str) -> str:
        """Return a word of an acknowledgment, with the alias before it unless the database is the default one."""
        return word if self._alias == "default" else f"{self._alias}:{word}"

    def _read_acknowledged(self, *, own: bool) -> list[str]:
        """Return the acknowledgments for this database (``own``), or for the others."""
        words = [word.strip() for word in self._options.acknowledge.split(",") if word.strip()]
        others = tuple(f"{alias}:" for alias in django_project.aliases() if alias != self._alias)
        mine = [word for word in words if not word.startswith(others)]
        mine = mine if self._alias == "default" else [word for word in mine if word.startswith(self._prefix_alias(""))]
        return mine if own else [word for word in words if word not in mine]

    def _backup(self) -> dump.Backup:
        if not self._options.rotation_id:
            advice = "Set O(id) to the rotation of a backup."
            raise InvalidOption(option="id", fault="is not set", advice=advice)
        return dump.Backup(self._options.backup_dir, self._options.rotation_id, self._alias)

    def _described(self, backup: dump.Backup) -> Manifest:
        described = backup.read()
        if described is None:
            known = ", ".join(f"{other.rotation_id} of {other.time}" for other in self._all())
            raise BackupNotFound(manifest=backup.manifest, known_backups=known or "none")
        if not described.is_dump:
            raise RestoreEngine(manifest=backup.manifest_of(described), engine=described.engine)
        return described

    def _newest(self) -> Manifest | None:
        return max(self._all(), key=lambda backup: backup.worth, default=None)

    def _all(self) -> list[Manifest]:
        """Return the manifests of this database's backups that can be restored here."""
        backups = [backup for _, backup in manifest.in_folder(self._options.backup_dir)]
        return [backup for backup in backups if backup.alias == self._alias and backup.is_dump]

    def _tables(self) -> set[str]:
        """Return the tables of the database in use; empty if the server says that the database does not exist."""
        try:
            with self._database(**self._direct) as used:
                return {label for _, _, label, _ in table_contents.tables(used)}
        except DatabaseConnectFailed as exc:
            with self._database(**self._admin) as admin:
                if admin.rows("SELECT 1 FROM pg_database WHERE datname = %s AND datallowconn", (self._name,)):
                    raise exc from None
            return set()

    @contextlib.contextmanager
    def _opened(self, pair: DatabaseSwap) -> Iterator[Application]:
        """Yield the application, opened on the copy instead of the database in use."""
        request = self._options.build_request(
            {self._alias: {**self._admin, "dbname": pair.copy}},
            Purpose(f"restore of {self._options.rotation_id}", aliases=(self._alias,)),
        )
        with open_application(request) as application:
            yield application

    def _used(self, stack: contextlib.ExitStack) -> Database | None:
        """Return the database in use, or None if it does not answer."""
        try:
            return stack.enter_context(self._database(**{**self._admin, "dbname": self._name}))
        except RotationError:
            return None

    def _database(self, **direct: str) -> contextlib.closing[Database]:
        return contextlib.closing(Database(self._alias, f"restore of {self._options.rotation_id}", direct))

    def _as_admin(self, **direct: str) -> contextlib.closing[Database]:
        """Connect to another database as the role that creates and renames databases. Raise E_RESTORE_CONNECT."""
        try:
            return self._database(**{**self._admin, **direct})
        except DatabaseConnectFailed as exc:
            raise RestoreConnect(place=exc.place) from None

    @property
    def _direct(self) -> dict[str, str]:
        return dict(self._options.direct.get(self._alias, {}))

    @property
    def _admin(self) -> dict[str, str]:
        given = {name: value for name, value in self._options.admin.items() if value}
        return {"dbname": "postgres", **self._direct, **given}


def _alias_of_backup(options: RestoreOptions) -> str:
    """Return the alias by which a database was backed up: ``alias`` may be another alias of the same database."""
    named, rotation_id = options.alias, options.rotation_id
    same = django_project.same_database(named)
    known = [backup for _, backup in manifest.in_folder(options.backup_dir) if backup.alias in same and backup.is_dump]
    fit = [backup for backup in known if not rotation_id or backup.rotation_id == rotation_id]
    newest = max(fit, key=lambda backup: backup.worth, default=None)
    return newest.alias if newest else named


def find_backup(options: RestoreOptions, *, dry: bool) -> FoundBackup:
    """Return the newest backup, and what of it the databases in use lack.

    All backups are of one rotation: the newest one's, if no rotation is asked for. If a restore died after it had
    refused all sessions, nothing is lost and they are allowed again. Raise E_RESTORE_SHUT in a dry run, which changes
    nothing.
    """
    works = {alias: Restoration(replace(options, alias=alias)) for alias in django_project.aliases()}
    backups = [described for work in works.values() if (described := work.described())]
    newest = max(backups, key=lambda backup: backup.worth, default=None)
    for work in works.values():
        work.let_in(dry=dry)
    gone = {alias: tables for alias, work in works.items() if (tables := work.gone())}
    copies = {alias: left_over for alias, work in works.items() if (left_over := work.copies())}
    if newest is None:
        return {"changed": False, "backup": {}, "missing": {}, "gone": gone, "copies": copies}
    of_one = replace(options, rotation_id=newest.rotation_id)
    works = {alias: Restoration(replace(of_one, alias=alias)) for alias in works}
    missing = {alias: work.missing(backup) for alias, work in works.items() if (backup := work.described())}
    return {
        "changed": False,
        "backup": _select_facts(newest),
        "missing": {alias: tables for alias, tables in missing.items() if tables},
        "gone": gone,
        "copies": copies,
    }


def _refuse_unproved(application: Application) -> None:
    """Refuse as the application does, but allow one of several databases to have no value under the keys."""
    try:
        application_findings.refuse_unproved(application)
    except FindingsError as exc:
        if exc.code not in NO_VALUES or len(django_project.aliases()) == 1:
            raise


def _like(used: DatabaseProperties | None, backed_up: DatabaseProperties | None) -> DatabaseProperties | None:
    """Return the properties for the new database: those of the database in use, if it is the one that was backed up."""
    if used and backed_up and used["oid"] != backed_up["oid"]:
        return backed_up
    return used or backed_up


def _names_in_models(label: str) -> tuple[str, str]:
    """Return both names by which a model may call a table with this label: without the schema and with it."""
    schema, _, name = (part.strip('"') for part in label.partition("."))
    return name, f"{schema}.{name}"


def _under(tallies: list[Tally]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tally in tallies:
        for name, count in tally.classes.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def _result(
    described: Manifest,
    done: RestoredDatabase,
    lost: Sequence[backup_difference.Difference] = (),
    *,
    changed: bool = True,
) -> RestoreResult:
    return {
        "changed": changed,
        "backup": _select_facts(described),
        "restored": done,
        "lost": [_count_lost(difference) for difference in lost],
    }


def _count_lost(difference: backup_difference.Difference) -> LostRows:
    return {
        "table": difference.table,
        "added": difference.added,
        "changed": difference.changed,
        "deleted": difference.deleted,
    }


def _select_facts(described: Manifest) -> BackupFacts:
    return {
        "rotation_id": described.rotation_id,
        "snapshot": described.snapshot,
        "path": described.path,
        "size": described.size,
        "sha256": described.sha256,
        "key_ids": described.key_ids,
    }
