# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast is the engine against the runbook's own loop, and against the cryptography alone? Ratios from one run.

    make benchmark            # 20,000 profiles of three fields
    make benchmark ROWS=100000

The loop is the runbook's at its best: the right keys, both ciphers cached, one save() for each profile. The
cryptography alone is MultiFernet.rotate() over as many tokens in memory, in one process.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
FIELDS = ("_full_name_encrypted", "_phone_number_encrypted", "_address_encrypted")


def timed(what: str, work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    print(f"  {what:<58} {seconds:8.2f} s")
    return seconds


def main() -> None:
    rows = int(sys.argv[1])
    sys.path[:0] = [str(CHECKOUT / "examples/demo"), str(CHECKOUT / ".ansible/tree")]
    import setup

    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    sys.argv = ["setup.py", str(folder), "--profiles", str(rows), "--restaurants", "1", "--pending", "1"]
    setup.main()
    try:
        measure(folder / "food_ordering", rows)
    finally:
        setup.stop_server(folder / "postgresql")
        shutil.rmtree(folder)


def measure(project_dir: Path, rows: int) -> None:
    from ansible_collections.tetech.key_rotation.plugins.module_utils import dotenv
    from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import rotation
    from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.reencryption import Work
    from cryptography.fernet import Fernet, MultiFernet

    current = dotenv.read(str(project_dir / ".env"), ["SECRET_KEY", "ENCRYPTION_SALT"])
    pending = {"SECRET_KEY": "a new secret key of the benchmark", "ENCRYPTION_SALT": "a new salt"}
    request = rotation.Request(str(project_dir), None, {"current": current, "pending": pending}, label="benchmark")
    with rotation.opened(request) as application:
        from customer.models import UserProfile

        old, new = (application.keyring.cipher("encryption_manager", stage) for stage in ("current", "pending"))
        tokens = [token for row in UserProfile.objects.values_list(*FIELDS) for token in row if token]

        def loop() -> None:
            for profile in UserProfile.objects.all():
                for field in FIELDS:
                    token = getattr(profile, field)
                    if token:
                        setattr(profile, field, new.seal(old.open(token.encode())).decode())
                profile.save()

        keys = [Fernet(Fernet.generate_key()) for _ in range(2)]
        strangers = [keys[1].encrypt(b"Ada Lovelace, 12 St James's Square, London") for _ in tokens]
        both = MultiFernet(keys)

        print(f"{rows:,} profiles, {len(tokens):,} tokens, {os.cpu_count()} cores")
        engine = timed("engine, pending from current", lambda: application.reencrypt("pending", Work()))
        timed("engine, current from pending, 2 workers", lambda: application.reencrypt("current", Work(), workers=2))
        census = timed("census of every value", lambda: application.census("current"))
        runbook = timed("the runbook's loop", loop)
        alone = timed("MultiFernet.rotate() alone", lambda: [both.rotate(token) for token in strangers])
    print(json.dumps({"runbook / engine": round(runbook / engine, 1), "rows per second": round(rows / engine)}))
    print(
        json.dumps(
            {"cryptography alone / engine": round(alone / engine, 2), "census / engine": round(census / engine, 2)}
        )
    )


if __name__ == "__main__":
    main()
