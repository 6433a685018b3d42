# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import botocore.loaders
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores import aws_secrets_manager


def test_what_botocore_knows_of_aws_is_read_once_for_all_stores(monkeypatch):
    read = []
    builtin = botocore.loaders.JSONFileLoader.load_file
    monkeypatch.setattr(
        botocore.loaders.JSONFileLoader, "load_file", lambda loader, path: read.append(path) or builtin(loader, path)
    )
    aws_secrets_manager._service_data.cache_clear()
    for _store in range(2):
        aws_secrets_manager._open_session(None, "eu-west-1").client(
            "secretsmanager", aws_access_key_id="CANARY", aws_secret_access_key="CANARY"
        )
    found = [path for path in read if "secretsmanager" in path or path.endswith("endpoints")]
    assert found
    assert sorted(found) == sorted(set(found))
