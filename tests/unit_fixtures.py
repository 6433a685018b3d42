# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What unit tests share with the integration tests of the same modules: keys, a store, a home, a module that runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

CHECKOUT = Path(__file__).resolve().parents[1]
NOBODY = 65534
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """Stored values of the food ordering application, before and after a rotation of its own."""
    return json.loads((CHECKOUT / "tests/unit/fixtures/food_ordering.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def old_keys(vectors: dict[str, Any]) -> KeySet:
    return KeySet(vectors["settings_old"])


@pytest.fixture(scope="session")
def new_keys(vectors: dict[str, Any]) -> KeySet:
    return KeySet(vectors["settings_new"])


@pytest.fixture(scope="session")
def third_keys() -> KeySet:
    return KeySet({"SECRET_KEY": "third-secret-key-CANARY", "ENCRYPTION_SALT": "third-salt-CANARY"})


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def home_variable(homes: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """No test meets the files of the person who runs it, or of another test. The folder is not there: see ``home``."""
    folder = str(homes / str(next(NUMBERS)))
    monkeypatch.setenv("HOME", folder)
    return folder


@pytest.fixture
def home(home_variable: str) -> Path:
    folder = Path(home_variable)
    folder.mkdir()
    return folder


@pytest.fixture
def loader() -> DataLoader:
    """Ansible started with one vault password."""
    started = DataLoader()
    started.set_vault_secrets([("default", VaultSecret(b"the vault password"))])
    return started


@pytest.fixture
def store_path(tmp_path: Path) -> str:
    return str(tmp_path / "keys.vault.yml")


@pytest.fixture
def stored(store_path: str, loader: DataLoader, old_keys: KeySet, new_keys: KeySet) -> str:
    """A store in which rotation r1 has its old keys current and its new ones pending."""
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.adopt(old_keys)
        history.add_pending(new_keys, "r1")
    return store_path


@pytest.fixture
def env_file(tmp_path: Path, old_keys: KeySet) -> str:
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in old_keys.values.items()))
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def history(old_keys: KeySet, new_keys: KeySet) -> History:
    """The same history, kept nowhere."""
    begun = History("/store")
    begun.adopt(old_keys)
    begun.add_pending(new_keys, "r1")
    return begun


@pytest.fixture
def full_disk() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """While it is entered, the system refuses to let a file grow past a few bytes."""

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users reach too, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def as_ordinary_user() -> Callable[..., str]:
    """Call a function that answers with text, as somebody whom file modes stop: root is stopped by none."""

    def call(function: Callable[..., str], *args: Any) -> str:
        if os.geteuid() != 0:
            return function(*args)
        answer, pipe = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                os.write(pipe, function(*args).encode())
            finally:
                os._exit(0)
        os.close(pipe)
        os.waitpid(child, 0)
        with os.fdopen(answer, encoding="utf-8") as handle:
            return handle.read()

    return call


class Ended(NamedTuple):
    """How a module ended: its result, its exit code, and everything it printed."""

    result: dict[str, Any]
    code: int
    output: str

    @property
    def error(self) -> str:
        return self.result["error"]["code"]


@contextlib.contextmanager
def _kept_output() -> Iterator[None]:
    """A module closes the standard output of its process, which is ours here."""
    ours = os.dup(1)
    try:
        yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)


@pytest.fixture
def run_module(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ended]:
    """Run a module as Ansible does, through its main()."""

    def run(main: Callable[[], None], args: dict[str, Any], *, check: bool = False, diff: bool = False) -> Ended:
        internal = {"check_mode": check, "diff": diff, "remote_tmp": str(tmp_path), "keep_remote_files": False}
        internal["module_name"] = main.__module__
        capfd.readouterr()
        with (
            _kept_output(),
            patch_module_args({**args, **{f"_ansible_{name}": value for name, value in internal.items()}}),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        printed = capfd.readouterr()
        return Ended(json.loads(printed.out), int(ended.value.code or 0), printed.out + printed.err)

    return run


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
