# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real readers of .env files: what each gives back for a file, by name. One that rejects the file gives nothing."""

from __future__ import annotations

import ctypes
import functools
import glob
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Values = Mapping[str, str]


def python_dotenv(path: Path) -> Values:
    dotenv = pytest.importorskip("dotenv")
    return {name: value for name, value in dotenv.dotenv_values(path).items() if value is not None}


def django_environ(path: Path, *, parse_comments: bool = False) -> Values:
    environ = pytest.importorskip("environ")

    class Reader(environ.Env):
        ENVIRON: dict[str, str] = {}  # noqa: RUF012 - in place of os.environ

    Reader.read_env(path, parse_comments=parse_comments)
    values = {}
    for name in list(Reader.ENVIRON):
        try:
            values[name] = Reader().str(name)
        except (environ.ImproperlyConfigured, RecursionError):  # A=$A
            continue
    return values


def django_environ_with_comments(path: Path) -> Values:
    return django_environ(path, parse_comments=True)


def python_decouple(path: Path) -> Values:
    return pytest.importorskip("decouple").RepositoryEnv(str(path)).data


def _shell(shell: str) -> Callable[[Path], Values]:
    def read(path: Path) -> Values:
        if not os.path.exists(shell):
            pytest.skip(f"no {shell} on this machine")
        done = subprocess.run(
            [shell, "-c", 'set -a; . "$1"; exec /usr/bin/env -0', "sh", str(path)],
            env={},
            cwd=path.parent,
            capture_output=True,
            timeout=10,
            check=False,
        )
        pairs = [entry.partition(b"=") for entry in done.stdout.split(b"\0") if entry]
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}

    return read


sh = _shell("/bin/sh")
bash = _shell("/bin/bash")


@functools.cache
def _systemd_library() -> ctypes.CDLL | None:
    places = [*glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"), *glob.glob("/usr/lib*/systemd/libsystemd-s*.so")]
    library = ctypes.CDLL(places[0]) if places else None
    return library if hasattr(library, "load_env_file") else None


def systemd(path: Path) -> Values:
    """systemd's own parser of EnvironmentFile=, from its shared library: it needs no running systemd."""
    library = _systemd_library()
    if library is None:
        pytest.skip("no systemd on this machine, or one that keeps its parser to itself")
    entries = ctypes.POINTER(ctypes.c_char_p)()
    library.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    if library.load_env_file(None, os.fsencode(path), ctypes.byref(entries)) < 0 or not entries:
        return {}
    values = {}
    for entry in entries:  # a NULL ends it
        if entry is None:
            break
        name, _, value = entry.partition(b"=")
        values[os.fsdecode(name)] = os.fsdecode(value)
    return values


# The variants of each dialect's reader. Docker compose is a Go program, not to be had as a package for tests: only our
# model, after the measurements of docs/design/env-files.md, stands for it.
BY_DIALECT: dict[str, list[Callable[[Path], Values]]] = {
    "dotenv": [python_dotenv],
    "django-environ": [django_environ, django_environ_with_comments],
    "systemd": [systemd],
    "shell": [sh, bash],
    "compose": [],
    "python-decouple": [python_decouple],
}
EVERY = [python_dotenv, django_environ, django_environ_with_comments, python_decouple, systemd, sh, bash]
