# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the application's Django in this process, as the application would be started."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..._errors.application import DjangoSetup, InvalidProject, ProjectOwner, PythonPackage, SettingsModule
from ..._errors.database import DatabaseNotPostgresql
from ..._errors.destinations import CredentialNotRead
from ..._errors.env_file import EnvExported, EnvNotLive, EnvNotRead
from ..._system import users
from ..._system.child_processes import working_folder
from ..crypto.derivation import members
from ..crypto.key_set import split_list
from ..postgres.connection import DJANGO_SESSION
from .application_errors import APPLICATION_ERRORS
from .process_environment import ProcessEnvironment, credential_path

if TYPE_CHECKING:
    from .statements_at_start import StatementsAtStart

_OTHER_CODE = re.compile(r"^<|/django/|/lib/python[\d.]+/(?!site-packages/)")  # in a traceback
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*(?:,|\]\s*=)\s*['"](?P<module>[\w.]+)['"]""")

# Of databases of other kinds.
SAMPLE, ROWS = 25, 10_000  # values of a column, among so many rows of its table
SHORTEST, LONGEST = 16, 1 << 16  # bytes or characters of one
DRIVERS = ("psycopg", "psycopg2")
PATIENCE = 20  # seconds for all values of one database
_HELD = (str, bytes, bytearray, memoryview)
_READ = {"sqlite": "CAST({} AS BLOB)"}  # the driver converts others, and refuses text that is not UTF-8
_LENGTH = {"microsoft": "DATALENGTH({})"}

_started: dict[tuple[str, str | None], ApplicationStart | DjangoSetup | PythonPackage] = {}  # or why it does not
_prepared: dict[tuple[str, str | None], ApplicationStart] = {}  # what was seen so far


def start(
    project_dir: str,
    settings_module: str | None,
    watching: contextlib.AbstractContextManager[Any] | None = None,
    environment: Callable[[], ProcessEnvironment] = ProcessEnvironment,
    statements: StatementsAtStart | None = None,
) -> ApplicationStart:
    """Call ``django.setup()`` for the project in ``project_dir``, which becomes the working directory; discard its
    output. Without a ``project_dir``, the application is installed in the Python that runs this.

    ``watching`` is entered while the application starts. ``environment`` reads the environment that the service sets.
    It stays in the memory of this process, because /proc shows only the environment at its birth. ``statements``
    decides what the application may do in its databases while it starts. A process starts the application once.

    Raise E_PROJECT, E_PROJECT_OWNER, E_SETTINGS_MODULE, E_PYTHON_PACKAGE or E_DJANGO_SETUP, and what ``environment``
    raises.
    """
    check_folder(project_dir)
    if (project_dir, settings_module) in _started:
        known = _started[project_dir, settings_module]
        if isinstance(known, (DjangoSetup, PythonPackage)):
            raise known
        return known
    from .session_limits import lift_in_sessions
    from .statements_at_start import StatementsAtStart

    started = _prepare(project_dir, settings_module, environment)
    started.watching = True
    started.statements = statements or StatementsAtStart()
    try:
        with watching or contextlib.nullcontext(), started.statements, _swallowed(project_dir):
            import django

            django.setup()
            _commit_each_statement()
            let_go()  # what is opened from now on has no limits
            lift_in_sessions()
    except (DjangoSetup, PythonPackage) as exc:
        _started[project_dir, settings_module] = exc
        raise
    finally:
        started.watching = False
    _started[project_dir, settings_module] = started
    return started


def _commit_each_statement() -> None:
    """Keep Django from beginning its own transactions, as with AUTOCOMMIT: False. Our read-only code begins ours."""
    from django.db import connections

    for alias in connections:
        if not connections.settings[alias]["AUTOCOMMIT"]:
            connections.settings[alias]["AUTOCOMMIT"] = True


def read_settings(
    project_dir: str,
    settings_module: str | None,
    environment: Callable[[], ProcessEnvironment] = ProcessEnvironment,
) -> None:
    """Have Django know the settings, and with them the databases, without starting the application. Raise as
    ``start``."""
    check_folder(project_dir)
    if (project_dir, settings_module) in _started:
        start(project_dir, settings_module)
        return
    prepared = _prepare(project_dir, settings_module, environment)
    prepared.watching = True
    try:
        with _swallowed(project_dir):
            from django.conf import settings

            _ = settings.DATABASES
    finally:
        prepared.watching = False


def _prepare(
    project_dir: str, settings_module: str | None, environment: Callable[[], ProcessEnvironment]
) -> ApplicationStart:
    """Make this process what the application's own would be before it starts; once, for its settings and its start."""
    if (project_dir, settings_module) in _prepared:
        return _prepared[project_dir, settings_module]
    _become_the_service(project_dir, settings_module, environment().variables_here())
    prepared = ApplicationStart(frozenset(os.environ))
    # Django's own sessions are ours too, so that other hosts that look at the same time know them.
    os.environ["PGAPPNAME"] = DJANGO_SESSION
    sys.addaudithook(prepared.see)
    try:
        importlib.import_module("django")
    except ImportError:
        raise PythonPackage(package="Django", python=sys.executable) from None
    _keep_out_of_logs()
    _prepared[project_dir, settings_module] = prepared
    return prepared


@contextlib.contextmanager
def _swallowed(project_dir: str) -> Iterator[None]:
    """Nothing that the application prints is shown, and what it raises is E_DJANGO_SETUP."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except APPLICATION_ERRORS as exc:
        if (driver := _missing_driver(exc)) is not None:
            raise PythonPackage(package=driver, python=sys.executable) from None
        missing = f" {exc.name}" if isinstance(exc, ImportError) and exc.name else ""
        raise DjangoSetup(error=type(exc).__name__ + missing, place=_place(exc, project_dir)) from None


def _missing_driver(exc: BaseException) -> str | None:
    """Return the driver of PostgreSQL that Django asked for last and did not find. Its own error does not have it."""
    reason = exc.__context__
    if type(exc).__name__ == "ImproperlyConfigured" and isinstance(reason, ModuleNotFoundError):
        return reason.name if reason.name in DRIVERS else None
    return None


def _become_the_service(project_dir: str, settings_module: str | None, variables: Mapping[str, str]) -> None:
    """This process has the folder, the variables and the import path that the service gives to the application."""
    module = settings_module or variables.get("DJANGO_SETTINGS_MODULE") or settings_of(project_dir)
    sys.dont_write_bytecode = True  # a dry run writes nothing, not even a cache
    os.chdir(working_folder(project_dir))
    for folder in (*reversed(variables.get("PYTHONPATH", "").split(os.pathsep)), project_dir):
        if folder and folder not in sys.path:
            sys.path.insert(0, folder)
    if not project_dir:
        _refuse_foreign_package(module.partition(".")[0])
    os.environ.update(variables)
    os.environ["DJANGO_SETTINGS_MODULE"] = module


def is_started() -> bool:
    """Return whether this process has read the settings of an application, so that its children have the same keys."""
    return bool(_prepared)


def _keep_out_of_logs() -> None:
    """Keep this process out of the application's logs: it neither creates, owns nor writes them."""
    from django.utils import log

    logging.disable(logging.CRITICAL)
    log.configure_logging = lambda *_: None


class ApplicationStart:
    """A record of the start of an application: the environment that it found, its files, and its statements."""

    def __init__(self, environment: frozenset[str]) -> None:
        self.environment = environment
        self.files: set[str] = set()
        self.statements: StatementsAtStart | None = None  # once it starts
        self.watching = True

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook (PEP 578)."""
        if self.watching and event == "open" and isinstance(args[0], (str, bytes)):
            self.files.add(os.path.realpath(os.fsdecode(args[0])))

    def refuse_other_source(self, env_file: str, keys: Mapping[str, str]) -> None:
        """Raise E_ENV_EXPORTED, E_ENV_NOT_READ or E_ENV_NOT_LIVE unless the keys come from ``env_file``."""
        self.refuse_exported(dict.fromkeys(keys, env_file))
        if os.path.realpath(env_file) not in self.files:
            raise EnvNotRead(path=env_file)
        self.refuse_other_keys(dict.fromkeys(keys, env_file), keys)

    def refuse_exported(self, variables: Mapping[str, str]) -> None:
        """Raise E_ENV_EXPORTED for a variable that the environment has, each with the file that it overrides."""
        for name, path in variables.items():
            if name in self.environment:
                raise EnvExported(name=name, path=path)

    def refuse_other_keys(
        self, files: Mapping[str, str], keys: Mapping[str, str], places: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Raise E_ENV_NOT_LIVE unless the settings of these names, each from its file, have the values of ``keys``.

        A setting may also name its file, or another setting may have the value. ``places`` is what a person calls the
        files, if it is not their path.
        """
        feeding = {name: names for name, names in feeds([keys]).items() if not isinstance(setting(name), Mapping)}
        fed = {name for names in feeding.values() for name in names}
        for name, path in files.items():
            value = keys[name]
            own = members(setting(name))
            if own and name not in fed and own not in (*_forms(value), members(path)):
                raise EnvNotLive(name=name, path=places.get(name, path))

    def refuse_unread(self, files: Mapping[str, str], keys: Mapping[str, str]) -> None:
        """Raise E_ENV_NOT_READ for a file that the application did not open or import while it started, although a
        setting has the value of its key. That value came from elsewhere."""
        for name in _set_by(files, keys):
            path = os.path.realpath(files[name])
            if path not in self.files and not _is_imported(path):
                raise EnvNotRead(path=files[name])

    def refuse_unread_credentials(self, credentials: Mapping[str, str], keys: Mapping[str, str]) -> None:
        """Raise E_CREDENTIAL_NOT_READ for a key that a setting has, although the application has not opened its
        credential, and E_ENV_NOT_LIVE as ``refuse_other_keys``."""
        paths = {name: credential_path(credential) for name, credential in credentials.items()}
        for name in _set_by(credentials, keys):
            if os.path.realpath(paths[name]) not in self.files:
                raise CredentialNotRead(name=name, credential=credentials[name])
        places = {name: f"the credential {credential}" for name, credential in credentials.items()}
        self.refuse_other_keys(paths, keys, places)


def _is_imported(path: str) -> bool:
    """Return whether a module of this process is from the file."""
    modules = list(sys.modules.values())
    return any(os.path.realpath(getattr(module, "__file__", None) or "") == path for module in modules)


def _set_by(names: Iterable[str], keys: Mapping[str, str]) -> list[str]:
    """Return the names of keys whose value a setting has."""
    fed = {name for key_names in feeds([keys]).values() for name in key_names}
    return [name for name in names if name in fed or members(setting(name))]


def check_folder(project_dir: str) -> None:
    """Raise E_PROJECT if there is no such folder, E_PROJECT_OWNER if its code belongs to another user. An application
    without a folder is checked when its package is found."""
    if not project_dir:
        return
    if not os.path.isdir(project_dir):
        raise InvalidProject(path=project_dir, fault="is not a directory")
    manage = os.path.join(project_dir, "manage.py")
    path = manage if os.path.isfile(manage) else project_dir
    _refuse_owner(path, {os.geteuid()} if path == manage else _owners_of_packages())


def _refuse_foreign_package(name: str) -> None:
    """Raise E_PROJECT_OWNER if this package or module belongs to another user. It is found and not imported."""
    spec = None
    with contextlib.suppress(ImportError, ValueError):  # the start says what is missing
        spec = importlib.util.find_spec(name)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    for path in places:
        if path and os.path.exists(path):
            _refuse_owner(path, _owners_of_packages())


def _owners_of_packages() -> set[int]:
    return {os.geteuid(), 0}  # packages are often installed by root


def _refuse_owner(path: str, allowed: Collection[int]) -> None:
    owner = os.stat(path).st_uid
    if owner not in allowed:
        raise ProjectOwner(path=path, owner=users.name_of(owner), user=users.own_name())


def settings_of(project_dir: str) -> str:
    """The settings module that manage.py names, or without a project the environment of this process.

    Raise E_PROJECT without manage.py, and E_SETTINGS_MODULE.
    """
    if not project_dir:
        return _settings_of_environment()
    path = os.path.join(project_dir, "manage.py")
    if not os.path.isfile(path):
        raise InvalidProject(path=project_dir, fault="has no manage.py, and no settings module is named")
    with open(path, encoding="utf-8") as handle:
        match = _SETTINGS.search(handle.read())
    if match is None:
        raise SettingsModule(place=path)
    return match["module"]


def _settings_of_environment() -> str:
    try:
        return os.environ["DJANGO_SETTINGS_MODULE"]
    except KeyError:
        raise SettingsModule(place="the environment of the application") from None


def setting(name: str) -> Any:
    """One of the settings that the application itself sets; None if it does not.

    Not what ``django.conf.settings`` has: django-cryptography puts its derived key there under the setting's own name.
    """
    value = getattr(sys.modules[os.environ["DJANGO_SETTINGS_MODULE"]], name, None)
    return value() if callable(value) else value


def members_of(name: str) -> list[bytes]:
    """The values of one of the application's own settings. Empty if it has none, or cannot be read here."""
    try:
        return members(setting(name))
    except APPLICATION_ERRORS:
        return []


def members_digest(name: str) -> bytes:
    """A digest of the values of a setting, for the comparison with another process."""
    return digest(members_of(name))


def digest(values: Sequence[bytes]) -> bytes:
    """The ``members_digest`` of a setting that has these values."""
    return hashlib.sha256(repr([*values]).encode("utf-8")).digest()


def outdated_by(keys: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of the keys whose own setting has its value of ``keys``, which is not that of ``new``."""
    own = {name: members_of(name) for name in keys if name in new}
    return [
        name for name, value in own.items() if value and value in _forms(keys[name]) and value not in _forms(new[name])
    ]


def _forms(value: str) -> tuple[list[bytes], ...]:
    """The members that a setting can have if it has the value of a key: the whole, or those of a list."""
    return members(value), members(value.split(",")), members(split_list(value))


def texts() -> dict[str, bytes]:
    """The first value of every setting of the application's own that is a text, bytes or a list of them."""
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    values = {name: _read_members(value) for name, value in vars(module).items() if name.isupper()} if module else {}
    return {name: value[0] for name, value in values.items() if value}


def settings_with(known: Collection[bytes]) -> dict[str, bytes]:
    """The settings of the application's own that have one of the ``known`` values, or a list with one: each with it."""
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    own = {name: _read_members(value) for name, value in vars(module).items() if name.isupper()} if module else {}
    return {name: value for name, values in own.items() for value in values if value in known}


def _read_members(value: Any) -> list[bytes]:
    """The values of any setting. Empty if it cannot be read here, such as an object that its first use creates."""
    try:
        return members(value)
    except APPLICATION_ERRORS:
        return []


def feeds(key_sets: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return settings whose values are those of keys with other names, and these names: ``TOKENS = [env("A"),
    env("B")]``.

    They are found by value. A setting counts if each of its members is, in one of the key sets, a key or a part of a
    list.
    """
    module = sys.modules[os.environ["DJANGO_SETTINGS_MODULE"]]
    sources: dict[str, list[str]] = {}
    for keys in key_sets:
        names = {
            part.encode("utf-8"): name
            for name, value in keys.items()
            for part in (*value.split(","), *split_list(value), value)
        }
        for setting_name in filter(str.isupper, vars(module)):
            own = getattr(module, setting_name)
            if isinstance(own, Mapping):
                sources.update(_feeds_of_mapping(setting_name, own, names))
                continue
            value = _read_members(own)
            if value and setting_name not in keys and all(member in names for member in value):
                sources[setting_name] = list(dict.fromkeys(names[member] for member in value))
    return sources


def _feeds_of_mapping(
    setting_name: str, own: Mapping[str, object], names: Mapping[bytes, str]
) -> Iterator[tuple[str, list[str]]]:
    """The name of the key that each entry has the value of, in their order; empty for an entry that is not a key."""
    sources = [names.get(b"".join(_read_members(value)[:1]), "") for value in own.values()]
    if any(sources):
        yield setting_name, sources


def aliases() -> list[str]:
    """The PostgreSQL databases of the application, each once, by the alias that is used for all that is done with it.

    A replica is a database of its own here: who writes leaves it out (``is_replica`` of server_info.py).
    """
    from django.db import connections

    from . import database_aliases

    databases = database_aliases.one_of_each_place()
    if not databases:
        raise DatabaseNotPostgresql(alias="default", vendor=connections["default"].vendor)
    return databases


def load_backends() -> None:
    """Load Django's engine of every database. Raise whatever that raises."""
    from django.db import connections

    connections.all()


def other_databases() -> list[tuple[str, str]]:
    """The databases that are not PostgreSQL: alias and vendor."""
    from django.conf import settings
    from django.db import connections

    vendors = [(alias, connections[alias].vendor) for alias in settings.DATABASES]
    return [
        (alias, vendor) for alias, vendor in vendors if vendor not in ("postgresql", "unknown")
    ]  # that is Django's dummy


def columns_of(alias: str) -> dict[str, list[str]] | None:
    """The columns of each table of a database of any kind, by its own names; None if it cannot be asked.

    An SQLite file that is missing has none, and is not made.
    """
    from django.db import Error, connections

    connection = connections[alias]
    if connection.vendor == "sqlite" and not _is_there(str(connection.settings_dict["NAME"])):
        return {}
    try:
        with connection.cursor() as cursor:
            describe = connection.introspection.get_table_description
            names = connection.introspection.table_names(cursor)
            return {name: [column.name for column in describe(cursor, name)] for name in names}
    except Error:
        return None


def values_of(alias: str, columns: Iterable[tuple[str, str]]) -> Iterator[list[str | bytes] | None]:
    """Yield some texts and bytes of each of these columns of a database of any kind. A column that cannot be read, or
    that is not reached in time, has None."""
    from django.db import Error, connections

    connection = connections[alias]
    ends = time.monotonic() + PATIENCE
    for table, column in columns:
        name, value = map(connection.ops.quote_name, (table, column))
        read = _READ.get(connection.vendor, "{}").format(value)
        length = _LENGTH.get(connection.vendor, "LENGTH({})").format(value)
        rows, some = (connection.ops.limit_offset_sql(0, number) for number in (ROWS, SAMPLE))
        try:
            if time.monotonic() > ends:
                yield None
                continue
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {read} FROM (SELECT {value} FROM {name} {rows}) t"
                    f" WHERE {length} BETWEEN {SHORTEST} AND {LONGEST} {some}"
                )
                values = [each.read() if hasattr(each, "read") else each for (each,) in cursor.fetchall()]
        except (Error, ValueError):  # of a value that is not of its column's type
            yield None
            continue
        yield [each if isinstance(each, str) else bytes(each) for each in values if isinstance(each, _HELD)]


def _is_there(name: str) -> bool:
    """Return whether an SQLite database exists: a file, or one in memory or by a URI."""
    return ":" in name or os.path.exists(name)


def may_have_values(alias: str, table: str, column: str) -> bool:
    """Return whether a column of a database of any kind has a value that is not empty, or cannot be asked."""
    from django.db import Error, connections

    connection = connections[alias]
    name, value = map(connection.ops.quote_name, (table, column))
    filled = f"{value} IS NOT NULL" if connection.vendor == "oracle" else f"{value} <> ''"  # in Oracle '' is NULL
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {name} WHERE {filled} {connection.ops.limit_offset_sql(0, 1)}")
            return cursor.fetchone() is not None
    except Error:
        return True


def let_go() -> None:
    """Close what the application itself has opened to its databases while it started."""
    from django.db import connections

    connections.close_all()


def same_database(alias: str) -> list[str]:
    """Every alias that leads to the database of this one: models may be routed to any of them."""
    from . import database_aliases

    return database_aliases.same_place(alias)


def needs_models() -> bool:
    """Return whether ``aliases`` asks the application's routers, which needs its models."""
    from . import database_aliases

    return database_aliases.is_routed()


def versions() -> dict[str, str]:
    """Return what the application runs on, for the record."""
    installed = {"python": sys.version.split()[0]}
    for package in ("Django", "cryptography", "psycopg2", "psycopg2-binary", "psycopg"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[package] = importlib.metadata.version(package)
    return installed


def _place(exc: BaseException, project_dir: str) -> str:
    """The last line of the application that the error came through: its text could hold a value."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename, project_dir)] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno}"


def _is_own(path: str, project_dir: str) -> bool:
    """Return whether a file is the project's, or without a project, neither Django's nor a part of Python."""
    return path.startswith(project_dir) if project_dir else not _OTHER_CODE.search(path)
