# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End every module in the same way: with its result or an error of the catalog, and never with key material."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._errors.unexpected import as_catalog_error
from .._system import ansible_payload

ModuleResult = dict[str, Any]  # which goes back to Ansible as JSON


def run(
    module: AnsibleModule, work: Callable[[AnsibleModule], ModuleResult], needs: Sequence[str] = ("cryptography",)
) -> None:
    """Do the work and exit with its result, or with an error of the catalog."""
    from .result_output import ResultOutput

    output = ResultOutput()  # before any code of the application runs
    with ansible_payload.hidden():
        result = outcome(module, work, needs)
    forget(module)
    leave = module.fail_json if result.pop("failed", False) else module.exit_json
    with output.opened():
        try:
            leave(**result)
        except Exception as exc:
            # Ansible's own report would go to the dropped output. Without the text of the exception, which could be a
            # value.
            frames = "".join(traceback.format_tb(exc.__traceback__))
            sys.stderr.write(f"Traceback (most recent call last):\n{frames}{type(exc).__name__}\n")
            raise


def outcome(task: Any, work: Callable[[Any], ModuleResult], needs: Sequence[str]) -> ModuleResult:
    """Do the work and return its result, or an error of the catalog as a failed result.

    ``needs`` are packages whose imports are guarded later. The Python of the host itself has none of them.
    """
    try:
        for package in needs:
            importlib.import_module(package)
        return work(task)
    except Exception as exc:
        failure = as_catalog_error(exc)
    # Outside of any except block: Ansible would add the exception's own text to the result.
    return {"failed": True, **failure.as_result()}


def forget(module: AnsibleModule) -> None:
    """Key material leaves the parameters before Ansible copies them into the result."""
    for name in ("key_sets", "values", "store", "identity", "digest_key", "headers", "calls", "code"):
        if name in module.params:
            module.params[name] = None
