# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.env_file import EnvMissing
from ansible_collections.tetech.key_rotation.plugins.module_utils._module.runner import run
from ansible_collections.tetech.key_rotation.plugins.module_utils._options.shared_options import KEYS, KEYS_INTERNAL
from ansible_collections.tetech.key_rotation.plugins.modules import application_health, application_services

KEY_SETS = {"current": {"SECRET_KEY": "CANARY-one"}, "pending": {"SECRET_KEY": "CANARY-two"}}
STORE = {"path": "/CANARY-store"}


@pytest.fixture
def outcome(run_module):
    """What a module with key sets among its options ends with when it does this work."""

    def of(work):
        def main() -> None:
            run(AnsibleModule({**KEYS, **KEYS_INTERNAL}, supports_check_mode=True), work)

        return run_module(main, {"env_file": "/.env", "key_sets": KEY_SETS, "store": STORE})

    return of


def raising(error: BaseException):
    def work(module):
        raise error

    return work


def test_the_work_has_the_key_sets_and_the_result_has_none(outcome):
    seen = {}

    def work(module):
        seen.update(module.params["key_sets"])
        return {"changed": True, "key_id": "1f0c2b9a7d5e4c31"}

    ended = outcome(work)
    assert seen == KEY_SETS
    assert ended.code == 0
    assert (ended.result["changed"], ended.result["key_id"]) == (True, "1f0c2b9a7d5e4c31")
    arguments = ended.result["invocation"]["module_args"]
    assert arguments["env_file"] == "/.env"
    assert (arguments["key_sets"], arguments["store"]) == (None, None)
    assert "CANARY" not in ended.output


def test_an_error_of_the_catalog_is_the_result(outcome):
    ended = outcome(raising(EnvMissing(path="/.env")))
    assert ended.code == 1
    assert ended.result["failed"] is True
    assert ended.error == "E_ENV_MISSING"
    assert ended.result["msg"].startswith("E_ENV_MISSING: /.env does not exist. Nothing was changed.")
    assert ended.result["invocation"]["module_args"]["key_sets"] is None


# no value of an option: those Ansible itself would blank out
@pytest.mark.parametrize("error", [ValueError("LEAK"), KeyError("LEAK"), OSError(5, "LEAK"), UnicodeError("LEAK")])
def test_the_text_of_an_unexpected_exception_never_shows(outcome, error):
    ended = outcome(raising(error))
    assert ended.code == 1
    assert ended.error == "E_INTERNAL"
    assert type(error).__name__ in ended.result["msg"]
    assert "LEAK" not in ended.output
    assert "CANARY" not in ended.output


def test_the_cause_of_an_error_never_shows_either(outcome):
    def work(module):
        try:
            raise ValueError("LEAK")
        except ValueError:
            raise EnvMissing(path="/.env")  # noqa: B904

    ended = outcome(work)
    assert ended.error == "E_ENV_MISSING"
    assert "LEAK" not in ended.output


def test_a_missing_package_is_named_with_the_python_that_lacks_it(outcome, python):
    ended = outcome(raising(ImportError("LEAK", name="cryptography")))
    assert ended.error == "E_PYTHON_PACKAGE"
    assert ended.result["error"]["what"] == f"cryptography is missing in {python}"
    assert "install cryptography in the image" in ended.result["error"]["todo"]


@pytest.mark.parametrize("module", [application_services, application_health])
def test_it_needs_no_package_of_the_applications(module, monkeypatch):
    """They run with the host's Python, which has no packages: as root, or before the application's own is known."""
    asked = []
    monkeypatch.setattr(module, "run", lambda made, work, needs=("cryptography",): asked.append(tuple(needs)))
    monkeypatch.setattr(module, "AnsibleModule", lambda *args, **kwargs: None)
    module.main()
    assert asked == [()]
