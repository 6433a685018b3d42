# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a key in code: a static scan of the project and its installed applications, and a trace of its start.

The scan finds ``settings.NAME``, ``getattr(settings, "NAME")``, imports of the name, ``os.environ["NAME"]`` and calls
such as ``os.getenv("NAME")``, ``env("NAME")`` or ``config("NAME")``. It reads text and runs nothing. Places are shown
relative to the project, or as package/module.py; values are never read.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple, TypedDict

MOST_FILES = 5000  # that are opened
MOST_SECONDS = 20.0
LARGEST = 1_000_000  # bytes of a source file
# Folders of a project that hold no code of its own, and those that do if they are a package.
_PASSED_OVER = {"node_modules", "__pycache__", "site-packages", "venv"}
_UNLESS_PACKAGE = {"env", "build", "dist", "static", "media"}
# Files that are no code of the application's values, and folders of installed packages.
_OTHER_CODE = re.compile(
    r"(?:^|/)(?:(?:(?:unit|functional|integration|e2e)_?)?tests?/|(?:\w*_)?migrations/|tests?\.py$|conftest\.py$|test_[^/]*$)"
)
_PACKAGES = re.compile(r"/(?:site|dist)-packages/")
# Of django.utils.crypto: it hashes with SECRET_KEY, unless it is called with another secret.
SALTED_HMAC = "salted_hmac"
# What Django and its own applications do with SECRET_KEY: what it is, and the application that must be installed.
# Sources: django/core/signing.py, django/utils/crypto.py (salted_hmac), and the modules named here.
OF_DJANGO: tuple[tuple[str, str, str, str], ...] = (
    ("django/core/signing.py", "get_cookie_signer", "signed cookies and signing.dumps()", ""),
    ("django/contrib/auth/tokens.py", "_get_secret", "password reset links", "django.contrib.auth"),
    ("django/contrib/auth/base_user.py", "_get_session_auth_hash", "logged-in sessions", "django.contrib.auth"),
    ("django/contrib/sessions/backends/base.py", "encode", "session data", "django.contrib.sessions"),
    ("django/contrib/messages/storage/cookie.py", "__init__", "messages in cookies", "django.contrib.messages"),
)


class PlannedUse(TypedDict):
    """A use in a plan."""

    file: str
    line: int
    function: str
    what: str


@dataclass(frozen=True, order=True)
class Use:
    """One place that reads a key: file, line and function (empty in the body of a module), and how it is known."""

    file: str
    line: int
    function: str
    what: str
    of_variable: bool = field(default=False, compare=False)  # whether it reads a variable of the environment

    def as_planned(self) -> PlannedUse:
        return {"file": self.file, "line": self.line, "function": self.function, "what": self.what}

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where} {self.function}".rstrip() + f" ({self.what})"


@dataclass
class Scan:
    """The uses by name, and whether the scan ended at one of its limits."""

    uses: dict[str, list[Use]] = field(default_factory=dict)
    cut_off: bool = False


# ---- The static scan -------------------------------------------------------------------------------------------------


def scan(project_dir: str, names: Collection[str], folders: Mapping[str, str]) -> Scan:
    """Find the code that reads one of these ``names``, in the project, if there is one, and in ``folders``.

    ``folders`` has the paths of installed packages by their import name.
    """
    result = Scan()
    end = time.monotonic() + MOST_SECONDS
    for opened, (path, shown) in enumerate(_sources(project_dir, folders)):
        if opened >= MOST_FILES or time.monotonic() > end:
            result.cut_off = True
            break
        for name, use in of_file(path, shown, names):
            result.uses.setdefault(name, []).append(use)
    return Scan({name: sorted(set(uses)) for name, uses in sorted(result.uses.items())}, result.cut_off)


def installed_folders() -> dict[str, str]:
    """The folders of the installed applications' top packages, without Django's, and of the settings module."""
    from django.apps import apps

    names = [config.name for config in apps.get_app_configs()] + [os.environ.get("DJANGO_SETTINGS_MODULE", "")]
    tops = sorted({name.partition(".")[0] for name in names} - {"", "django"})
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in tops}
    return {
        name: os.path.dirname(path) if os.path.basename(path) == "__init__.py" else path
        for name, path in files.items()
        if path
    }


class OwnSource(NamedTuple):
    """A source file of the application: its real path, how it is shown, and what it has."""

    path: str
    shown_path: str
    tree: ast.Module


def own_sources(
    project_dir: str, folders: Mapping[str, str], files: Collection[str], packages: Collection[str] = ()
) -> Iterator[OwnSource]:
    """Yield the ``files``, as they are shown, that are code of the application, without tests and migrations.

    Code of the application is in the project, or in ``folders`` that are not installed packages, except the package of
    the settings and the application's own ``packages``.
    """
    for path, shown in own_files(project_dir, folders, packages):
        if shown in files and (tree := parse(path)):
            yield OwnSource(path, shown, tree)


def own_files(
    project_dir: str, folders: Mapping[str, str], packages: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield every source file that is code of the application: its real path, and how it is shown."""
    own_names = {os.environ.get("DJANGO_SETTINGS_MODULE", "").partition(".")[0], *packages}
    own = {name: path for name, path in folders.items() if name in own_names or not _PACKAGES.search(path)}
    for path, shown in _sources(project_dir, own):
        if not _OTHER_CODE.search(shown):
            yield os.path.realpath(path), shown


def _sources(project_dir: str, folders: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every source file once, the project's own first, with the path by which it is shown."""
    yielded = set()
    for path in walk(project_dir, ".py") if project_dir else ():
        yielded.add(os.path.realpath(path))
        yield path, os.path.relpath(path, project_dir)
    for place in folders.values():
        base = os.path.dirname(place)
        for path in walk(place, ".py") if os.path.isdir(place) else [place]:
            if os.path.realpath(path) not in yielded:
                yield path, os.path.relpath(path, base)


def walk(folder: str, ending: str = "", but: Collection[str] = ()) -> Iterator[str]:
    """The files of a project with this ``ending`` of their names. Not those of installed packages and the like, nor of
    the folders ``but``, which are real paths."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or name in _PASSED_OVER)
            and not (name in _UNLESS_PACKAGE and not os.path.exists(os.path.join(place, name, "__init__.py")))
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
            and not (but and os.path.realpath(os.path.join(place, name)) in but)
        )
        yield from (os.path.join(place, name) for name in sorted(files) if name.endswith(ending))


def of_file(path: str, shown: str, names: Collection[str]) -> Iterator[tuple[str, Use]]:
    """Yield the names that a source file reads, each with its places."""
    if tree := parse(path, names):
        yield from _of_tree(tree, shown, names)


def parse(path: str, names: Collection[str] = ("",)) -> ast.Module | None:
    """A source file that has one of these ``names``; None of any other, and of one that cannot be read."""
    text = read_source(path)
    try:
        # Most files have none: parsing is a hundred times as dear.
        return ast.parse(text) if any(name in text for name in names) else None
    except (SyntaxError, ValueError, RecursionError):
        return None


def read_source(path: str) -> str:
    """The text of a source file; empty if it is too large or cannot be read."""
    try:
        if os.path.getsize(path) > LARGEST:
            return ""
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except (OSError, ValueError):
        return ""


def _of_tree(tree: ast.AST, shown: str, names: Collection[str]) -> Iterator[tuple[str, Use]]:
    """Every use in a file, with the function that it is in."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            function = f"{function}.{node.name}".lstrip(".")
        for read in names_read(node):
            if read.name in names:
                line = getattr(node, "lineno", 0)
                yield read.name, Use(shown, line, function, read.what, of_variable=read.of_variable)
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]


def called_name(call: ast.Call) -> str:
    """The name of the function or method that is called; empty if it is called by an expression."""
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


class NameRead(NamedTuple):
    """A name that code reads, how it does, and whether that is a variable of the environment and not a setting."""

    name: str
    what: str
    of_variable: bool = False


def names_read(node: ast.AST) -> Iterator[NameRead]:
    """The names that a node reads, and how."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield NameRead(node.attr, "reads the setting")
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield NameRead(node.id, "reads the setting")
    elif isinstance(node, ast.ImportFrom):
        yield from (NameRead(alias.name, "imports the setting") for alias in node.names)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield from (NameRead(name, "reads the variable", of_variable=True) for name in _texts([node.slice]))
    elif isinstance(node, ast.Call):
        called = called_name(node)
        setting = called in ("getattr", "hasattr")
        asked = node.args[1:2] if setting else node.args[:1]
        what = "reads the setting" if setting else f"asks {called}() for it"
        if called not in ("setattr", "delattr"):
            yield from (NameRead(name, what, of_variable=not setting) for name in _texts(asked))


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def of_django() -> list[Use]:
    """Return what Django itself and its installed applications use SECRET_KEY for."""
    from django.apps import apps

    return [
        Use(file, 0, function, what)
        for file, function, what, application in OF_DJANGO
        if not application or apps.is_installed(application)
    ]


# ---- The trace -------------------------------------------------------------------------------------------------------


class Trace:
    """A context that records which code reads these settings from ``django.conf.settings``, until its block ends."""

    def __init__(self, names: Collection[str], project_dir: str) -> None:
        self.uses: dict[str, set[Use]] = {}
        self._names = frozenset(names)
        self._project_dir = os.path.realpath(project_dir or os.sep)

    def __enter__(self) -> Trace:
        from django.conf import LazySettings

        names, note = self._names, self._note
        plain = LazySettings.__getattribute__

        def watched(settings: Any, name: str) -> Any:
            if name in names:
                note(name, sys._getframe(1))
            return plain(settings, name)

        LazySettings.__getattribute__ = watched
        return self

    def __exit__(self, *_: object) -> None:
        from django.conf import LazySettings

        del LazySettings.__getattribute__

    def _note(self, name: str, frame: FrameType | None) -> None:
        while frame is not None and frame.f_globals.get("__name__", "").startswith("django.conf"):
            frame = frame.f_back
        if frame is not None and frame.f_globals.get("__name__") != __name__:
            code = frame.f_code
            function = "" if code.co_name == "<module>" else code.co_name
            use = Use(
                self._shorten_path(code.co_filename), frame.f_lineno, function, "read it while the application started"
            )
            self.uses.setdefault(name, set()).add(use)

    def _shorten_path(self, path: str) -> str:
        """A file relative to the project, or from its package on."""
        path = os.path.realpath(path)
        roots = [self._project_dir, *(os.path.realpath(root) for root in sys.path if root)]
        inside = [root for root in roots if path.startswith(root + os.sep) and root != os.sep]
        return os.path.relpath(path, max(inside, key=len)) if inside else os.path.basename(path)
