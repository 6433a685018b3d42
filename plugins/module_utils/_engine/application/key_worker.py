# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of the application under one key set, for its own functions (custom_functions.py).

It handles what applications do (docs/design/django-encryption.md): they swallow errors, return a fixed text for what
they cannot read, and cache their key. They also read os.environ, derive a key at each call, and pass through unknown
values.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.machinery
import inspect
import json
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import CodeType, MappingProxyType
from typing import TYPE_CHECKING, Any

from ..._destinations import env_file_editor, key_destinations
from ..._destinations.env_file_dialects import DIALECTS
from ..._errors.base import RotationError
from ..._errors.keys import KeyFileWritten
from ..crypto.key_entry import KeyEntries, KeyEntry
from . import django_project, function_verdicts, model_fields
from .application_errors import APPLICATION_ERRORS
from .process_environment import ProcessEnvironment
from .suspended_caches import suspended_caches

if TYPE_CHECKING:
    from .guarded_start import StartReport
    from .key_file_guard import KeyFileGuard
    from .statements_at_start import Access, StatementsAtStart

KDFS = (("pbkdf2", "PBKDF2HMAC"), ("scrypt", "Scrypt"))  # slow ones, in cryptography.hazmat.primitives.kdf


@dataclass(frozen=True)
class ApplicationLocation:
    """The location of an application, and the places from which it reads its keys."""

    project_dir: str
    settings_module: str | None
    env_file: str | None
    dialect: str
    keys: KeyEntries  # as the operator lists them
    service_environment: Callable[[], ProcessEnvironment] = ProcessEnvironment  # reads what the service gives to it

    def exported(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Return the ``keys`` that the application finds in its environment."""
        others = {*key_destinations.files(self.keys), *key_destinations.credentials(self.keys)}
        return {name: value for name, value in keys.items() if name not in others}

    def key_places(self) -> dict[str, str]:
        """Return the keys that the application itself reads, each with what a person calls its place."""
        return key_destinations.read_by_application(self.env_file, self.keys, self.dialect)

    def environment(self, keys: Mapping[str, str], variables: Mapping[str, str]) -> ProcessEnvironment:
        """Return the environment that the service sets, with these keys in it."""
        credentials = key_destinations.credential_contents(self.keys, keys)
        return self.service_environment().with_more({**self.exported(keys), **variables}, credentials)


@dataclass(frozen=True)
class WorkerKeys:
    """The keys of a process, and whether they are those that the application has now."""

    values: Mapping[str, str] = field(repr=False)
    are_of_now: bool


def serve(place: ApplicationLocation, keys: WorkerKeys, connection: Connection, others: Sequence[Connection]) -> None:
    """Start the application at the first call, and answer calls until the other side has closed the pipe."""
    from . import guarded_start
    from .statements_at_start import StatementsAtStart

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who calls
    for other in others:
        other.close()  # otherwise the pipe never closes
    silence()
    with contextlib.suppress(EOFError, OSError):
        call = connection.recv()
        remember_derivations()

        def begin(access: Access) -> guarded_start.Attempt:
            statements = StatementsAtStart(access)
            try:
                start(place, keys.values, statements=statements, guarded=not keys.are_of_now)
            except RotationError as exc:
                return guarded_start.Attempt(statements, exc)
            return guarded_start.Attempt(statements)

        opener = Opener(guarded_start.begin(begin, guarded=not keys.are_of_now))
        while True:
            connection.send(opener.answer(*call))
            call = connection.recv()


class Opener:
    """Calls functions of the application, and decides by what a reader has learned whether they read a token."""

    def __init__(self, started: StartReport | None = None) -> None:
        self._started = started
        self._readers: dict[str, function_verdicts.FunctionReader] = {}
        self._without_caches: contextlib.ExitStack | None = None  # from the first reading on

    def answer(self, verb: str, path: str, argument: Any, context: function_verdicts.Context = ()) -> tuple[Any, ...]:
        """("done", result), ("refused", why), or ("failed", code, where) of an error of the catalog."""
        if verb == "started":
            return "done", self._started
        if self._started and self._started.failure:
            return "failed", *self._started.failure
        if verb in ("read", "write", "hash", "accept"):
            try:
                return "done", getattr(self, f"_{verb}")(argument)
            except APPLICATION_ERRORS as exc:
                return "refused", f"raised {type(exc).__name__}"
        if verb == "setting":
            value = model_fields.salt_of(path) if "." in path else django_project.setting(path)
            return "done", hashlib.sha256(repr(value).encode("utf-8")).digest()
        if verb == "members":
            return "done", django_project.members_digest(path)
        try:
            function = find(path)
        except (ImportError, AttributeError):
            return "refused", "is not there"
        if not takes(function, context):
            more = f" and {', '.join(name for name, _ in context)}" if context else " alone"
            return "refused", f"does not take one value{more}, as a method does that is named without its object"
        try:
            if verb == "attempt":
                return "done", attempt(function, argument, context)
            if verb == "seal":
                return "done", token_bytes(call(function, revived(argument), context))
            reader = self._readers.setdefault(path, function_verdicts.FunctionReader(functools.partial(call, function)))
            return "done", getattr(self, f"_{verb}")(reader, argument, context)
        except APPLICATION_ERRORS as exc:
            return "refused", f"raised {type(exc).__name__}"

    def _read(self, questions: Any) -> Any:
        """Return what attributes read under these keys. No cache keeps it."""
        from ..proof import trial_row

        self._suspend_caches()
        return trial_row.answer_all(questions)

    def _write(self, questions: Any) -> Any:
        """Return what attributes would store under these keys. No row and no cache keeps it."""
        from ..proof import trial_row

        self._suspend_caches()
        return trial_row.written_all(questions)

    def _suspend_caches(self) -> None:
        """Suspend the caches, also for what the application does later."""
        if self._without_caches is None:
            self._without_caches = contextlib.ExitStack()
            self._without_caches.enter_context(suspended_caches())

    @staticmethod
    def _hash(asked: tuple[str, Collection[str]]) -> dict[str, str]:
        from . import password_hashers

        return password_hashers.encoded(*asked)

    @staticmethod
    def _accept(asked: tuple[str, Mapping[str, str]]) -> set[str]:
        from . import password_hashers

        return password_hashers.accepted(*asked)

    @staticmethod
    def _learn(
        reader: function_verdicts.FunctionReader, argument: tuple[bytes, Any], context: function_verdicts.Context
    ) -> bool:
        """Return whether the function returns the value of a token that was sealed with that value."""
        value, token = argument
        return reader.learn(revived(value), token, context)

    @staticmethod
    def _learn_foreign(
        reader: function_verdicts.FunctionReader, argument: tuple[bytes, Any], context: function_verdicts.Context
    ) -> None:
        value, token = argument
        reader.learn_foreign(revived(value), token, context)

    @staticmethod
    def _open(
        reader: function_verdicts.FunctionReader, token: Any, context: function_verdicts.Context
    ) -> tuple[bool | None, bytes]:
        verdict = reader.read(token, context)
        return verdict.read, b"" if verdict.read is False else preserved(verdict.value)

    @staticmethod
    def _decide(
        reader: function_verdicts.FunctionReader, token: Any, context: function_verdicts.Context
    ) -> tuple[bool | None, bytes]:
        """Return the verdict on a token after the round trip that decides a doubtful case."""
        verdict = reader.read(token, context, final=True)
        return verdict.read, b"" if verdict.read is False else preserved(verdict.value)


def call(function: Callable[..., Any], value: Any, context: function_verdicts.Context) -> Any:
    """Call a function with a value and what it receives about the row, by name if it has parameters of these names."""
    if not context:
        return function(value)
    if _binds(function, context):
        return function(value, **dict(context))
    return function(value, *(fact for _, fact in context))


def attempt(function: Callable[..., Any], value: Any, context: function_verdicts.Context) -> bytes:
    """Return a digest of what a function returns, or of the class that it raises."""
    try:
        outcome = call(function, value, context)
    except APPLICATION_ERRORS as exc:
        outcome = type(exc)
    return hashlib.sha256(f"{type(outcome)} {outcome!r}".encode("utf-8", "surrogatepass")).digest()


def preserved(value: Any) -> bytes:
    """A value as bytes, its type in the first one. Raise TypeError on a type that does not come back as it was."""
    if isinstance(value, str):
        return b"s" + value.encode("utf-8")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b"b" + bytes(value)
    text = json.dumps(value, sort_keys=True)
    if json.loads(text) != value:
        raise TypeError(f"a {type(value).__name__} that JSON changes")
    return b"j" + text.encode("utf-8")


def revived(plaintext: bytes) -> Any:
    """The value that ``preserved`` took."""
    kind, rest = plaintext[:1], plaintext[1:]
    if kind == b"b":
        return rest
    return json.loads(rest) if kind == b"j" else rest.decode("utf-8")


def token_bytes(sealed: Any) -> bytes:
    """Return as bytes what the function made of a value: text, bytes, or nothing."""
    return sealed.encode("utf-8") if isinstance(sealed, str) else bytes(sealed or b"")


def find(path: str) -> Callable[[Any], Any]:
    """A function by its dotted path, in a module, a class or an object. Raise ImportError or AttributeError."""
    words = path.split(".")
    for count in range(len(words) - 1, 0, -1):
        try:
            module: Any = importlib.import_module(".".join(words[:count]))
        except ModuleNotFoundError:
            continue
        function: Callable[[Any], Any] = functools.reduce(getattr, words[count:], module)
        return function
    raise ImportError


def takes(function: Callable[..., Any], context: function_verdicts.Context = ()) -> bool:
    """Return whether the function can be called with one value and its context. Otherwise every value would seem
    lost."""
    return _binds(function, context) or _binds(function, context, named=False)


def _binds(function: Callable[..., Any], context: function_verdicts.Context, *, named: bool = True) -> bool:
    try:
        signature = inspect.signature(function, follow_wrapped=False)  # a decorator may give it the others
    except (TypeError, ValueError):  # of what is not written in Python nothing may be known
        return not (context and named)
    try:
        signature.bind(None, *(() if named else context), **(dict(context) if named else {}))
    except TypeError:
        return False
    return True


def silence() -> None:
    """Discard what the application prints: it would end in the module's result."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)


def start(
    place: ApplicationLocation,
    keys: Mapping[str, str],
    variables: Mapping[str, str] = MappingProxyType({}),
    statements: StatementsAtStart | None = None,
    *,
    guarded: bool = True,
) -> None:
    """Start the application in this process under these keys, and with ``variables`` in its environment.

    ``guarded`` is whether it must not write these keys to a file. The rest, and what it raises, as
    ``django_project.start``. Raise E_KEY_FILE_WRITTEN as well.
    """
    guard = use_keys(place, keys, guarded=guarded)
    try:
        django_project.start(
            place.project_dir,
            place.settings_module,
            environment=lambda: place.environment(keys, variables),
            statements=statements,
        )
    finally:
        written = guard.put_back() if guard else []
    if written:
        raise KeyFileWritten(files=", ".join(written))


def use_keys(place: ApplicationLocation, keys: Mapping[str, str], *, guarded: bool = False) -> KeyFileGuard | None:
    """Put these keys into the environment of this process, and into the files as it reads them.

    libc keeps the environment in memory only. No file is written, and /proc shows the environment at the process's
    birth. With ``guarded``, the application writes its key files in memory too; the result puts back other files.
    """
    from . import key_file_guard

    os.environ.update(place.exported(keys))
    changes = key_destinations.changes(place.env_file or "", _read_here(place, keys), keys, place.dialect)
    texts = {
        os.path.realpath(change.path): change.new_text.encode("utf-8")
        for change in changes
        if isinstance(change, env_file_editor.FileChange)
    }
    _import_from(texts)
    key_file_guard.FilesInMemory(texts, written=guarded).install()
    if not guarded:
        return None
    guard = key_file_guard.KeyFileGuard(key_destinations.paths(place.env_file, place.keys), keys.values())
    guard.watch()
    return guard


def _read_here(place: ApplicationLocation, keys: Mapping[str, str]) -> list[KeyEntry]:
    """Return the ``keys`` that the application itself reads in a file, as the operator lists them."""
    listed = {key["name"]: key for key in place.keys}
    files = key_destinations.files(place.keys)
    described: list[KeyEntry] = [listed.get(name, {"name": name}) for name in keys]
    from_files = [key for key in described if key["name"] in files]
    lines = key_destinations.names_of_env_file(described)
    if place.env_file is None or not lines or not DIALECTS[place.dialect].read_by_application:
        return from_files
    there = env_file_editor.read(place.env_file, lines, every=False, dialect=place.dialect)
    return from_files + [key for key in described if key["name"] in there]


def _import_from(texts: Mapping[str, bytes]) -> None:
    """Import modules with other texts: Python reads modules without ``open``, and compiled ones without their
    source."""
    loader = importlib.machinery.SourceFileLoader
    real = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        source = texts.get(os.path.realpath(path))
        return real(self, fullname) if source is None else self.source_to_code(source, path)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


def remember_derivations() -> None:
    """Derive each key of the application only once, even if it derives it at each call. The result is the same."""
    hashlib.pbkdf2_hmac = _remembering(hashlib.pbkdf2_hmac)
    hashlib.scrypt = _remembering(hashlib.scrypt)
    for module, name in KDFS:
        place = importlib.import_module(f"cryptography.hazmat.primitives.kdf.{module}")
        setattr(place, name, _remembering_kdf(getattr(place, name)))


def _remembering(function: Callable[..., bytes]) -> Callable[..., bytes]:
    known: dict[Any, bytes] = {}

    def call(*args: Any, **options: Any) -> bytes:
        key = repr((args, sorted(options.items())))
        if key not in known:
            known[key] = function(*args, **options)
        return known[key]

    return call


def _remembering_kdf(real: Any) -> Any:
    """A class of ``cryptography`` whose objects derive a key from the same parameters and material once."""
    known: dict[Any, bytes] = {}

    class Remembering:
        def __init__(self, *args: Any, **options: Any) -> None:
            self._real = real(*args, **options)
            plain = [getattr(value, "name", value) for value in (*args, *(options[name] for name in sorted(options)))]
            self._parameters = repr((plain, sorted(options)))

        def derive(self, material: bytes) -> bytes:
            key = (self._parameters, bytes(material))
            if key not in known:
                known[key] = self._real.derive(material)
            return known[key]

        def verify(self, material: bytes, expected: bytes) -> None:
            self._real.verify(material, expected)

    return Remembering
