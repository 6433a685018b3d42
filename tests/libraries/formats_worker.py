# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of the engine in an application without models: find the targets, rotate them, take the census.

    python formats_worker.py HOST DATABASE < a JSON document of what is asked

Prints one line of JSON.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

SETTINGS = """
import json, os
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": {database!r}, "USER": "postgres",
    "HOST": {host!r}}}}}
INSTALLED_APPS = []
SECRET_KEY = "x"
USE_TZ = True
globals().update({settings!r})
globals().update({{name: os.environ[name] for name in {keys!r} if name in os.environ}})
"""
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'formats_settings')\n"


def rotate(host: str, database: str, asked: dict[str, Any]) -> dict[str, Any]:
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import (
        application_findings,
        under_new_keys,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census_findings
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewriter
    from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

    project = Path(asked.get("project") or tempfile.mkdtemp(prefix="formats_"))
    settings = {**asked["old"], **asked.get("settings", {})}
    text = SETTINGS.format(database=database, host=host, settings=settings, keys=sorted(asked["old"]))
    (project / "formats_settings.py").write_text(text, encoding="utf-8")
    (project / "manage.py").write_text(MANAGE, encoding="utf-8")
    request = Request(
        project_dir=str(project),
        settings_module=None,
        key_sets={"current": asked["old"], "pending": asked["new"]},
        schemes=asked.get("schemes", "auto"),
        targets=asked.get("targets", "auto"),
        ignore=asked.get("ignore", ()),
        leased=False,
    )
    try:
        with open_application(request) as application:
            application_findings.refuse_unproved(application)
            census_findings.refuse_unreadable(application.census("current"))
            under_new_keys.rehearse(application, "pending")
            application.reencrypt("pending", rewriter.Work())
            after = application.census("current")
    except RotationError as exc:
        return {"error": {"code": exc.code, "text": str(exc)}}
    return {"classes": {tally.target.name: dict(tally.classes) for tally in after}}


def secretbox(asked: dict[str, Any]) -> list[str]:
    """The oracle of libsodium: what its own library reads."""
    from nacl.secret import SecretBox

    box = SecretBox(base64.b85decode(asked["key"]))
    return [box.decrypt(bytes.fromhex(each)).decode() if each else "" for each in asked["secretbox"]]


def main() -> None:
    asked = json.loads(sys.stdin.read())
    result = secretbox(asked) if "secretbox" in asked else rotate(*sys.argv[1:], asked)
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
