# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import base64
import importlib
import json
import sys
import zlib
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._module import code_bundle, kept_code
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks.registry import WORK
from ansible_collections.tetech.key_rotation.plugins.modules import host_tasks

MODULE_UTILS = Path(code_bundle.__file__).parents[1]


@pytest.fixture
def install(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(code_bundle, "path_of", lambda packed: "")

    def install(**files: str) -> None:
        named = {f"{path.replace('__in__', '/')}.py": text for path, text in files.items()}
        code_bundle.install("digest", base64.b64encode(zlib.compress(json.dumps(named).encode())).decode())

    yield install
    for name in [name for name in sys.modules if name.startswith(f"{code_bundle.PACKAGE}._only_here")]:
        del sys.modules[name]


def test_what_is_packed_are_the_files_of_module_utils_and_among_them_the_work_of_every_module():
    files = json.loads(zlib.decompress(base64.b64decode(code_bundle.pack())))
    assert files == {str(path.relative_to(MODULE_UTILS)): path.read_text() for path in MODULE_UTILS.rglob("*.py")}
    assert {f"_tasks/{work.name}.py" for work in WORK.values()} <= set(files)


def test_what_was_packed_is_imported_and_compiled_once(install, monkeypatch):
    install(_only_here__in____init__="", _only_here__in__one="from .two import TWO\n", _only_here__in__two="TWO = 2\n")
    compiled = []
    monkeypatch.setitem(
        vars(kept_code), "compile", lambda *args, **more: compiled.append(args[1]) or compile(*args, **more)
    )
    assert importlib.import_module(f"{code_bundle.PACKAGE}._only_here.one").TWO == 2
    assert compiled == ["_only_here/__init__.py", "_only_here/one.py", "_only_here/two.py"]


def test_what_the_packed_code_needs_of_ansible_is_in_the_module():
    """AnsiballZ packs what the module imports, but not what the packed code imports."""
    needed = {name for path in MODULE_UTILS.rglob("*.py") for name in ansible_imports(path.read_text())}
    packed = {
        *ansible_imports(Path(host_tasks.__file__).read_text()),
        "ansible.module_utils.common.arg_spec",
    }  # by basic
    assert needed <= packed


def test_what_a_host_has_kept_is_imported_without_sending_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(code_bundle, "path_of", lambda digest: str(tmp_path / f"{digest}.code"))
    assert code_bundle.install("one", "") is None
    code_bundle.install("one", code_bundle.pack()).save()
    assert code_bundle.install("one", "").is_kept
    assert code_bundle.install("other", "") is None
    finder = sys.meta_path[0]
    spec = finder.find_spec(f"{code_bundle.PACKAGE}._tasks")
    assert (spec.submodule_search_locations, spec.origin) == ([], "_tasks/__init__.py")
    module = f"{code_bundle.PACKAGE}._tasks.run_tasks"
    assert finder.get_source(module) == (MODULE_UTILS / "_tasks/run_tasks.py").read_text()
    for other in ("json", code_bundle.PACKAGE, f"{code_bundle.PACKAGE}._no_such", f"{code_bundle.PACKAGE}_2.a"):
        assert finder.find_spec(other) is None


def test_the_digest_is_another_one_for_other_files(monkeypatch):
    files = {"a.py": "A = 1\n", "b.py": ""}
    digests = set()
    for changed in (files, {**files, "a.py": "A = 2\n"}, {"a.py": "", "b.py": "A = 1\n"}, {"a.py": "A = 1\n"}):
        monkeypatch.setattr(code_bundle, "_files", lambda changed=changed: changed)
        digests.add(code_bundle.digest())
    assert len(digests) == 4
    monkeypatch.setattr(code_bundle, "_files", lambda: dict(reversed(files.items())))
    assert code_bundle.digest() in digests


def ansible_imports(text: str) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and not node.level]
    whole = {
        f"{node.module}.{alias.name}" for node in nodes for alias in node.names if node.module == "ansible.module_utils"
    }
    return whole | {str(node.module) for node in nodes if str(node.module).startswith("ansible.module_utils.")}
