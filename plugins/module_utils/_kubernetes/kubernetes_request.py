# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one request to an API server by the Python package ``kubernetes``, as a program in a process of its own.

The arguments are ``METHOD PATH KUBECONFIG CONTEXT``, and the body is on standard input. It prints the status and then,
on a new line, the answer. It imports nothing of this collection, so that its text can be run alone.
"""

from __future__ import annotations

import os
import sys

SECONDS = 30


def main(method: str, path: str, kubeconfig: str, context: str) -> None:
    from kubernetes import client, config

    configuration = client.Configuration()
    if not kubeconfig and not os.path.exists(os.path.expanduser(config.KUBE_CONFIG_DEFAULT_LOCATION)):
        config.load_incluster_config(client_configuration=configuration)
    else:
        config.load_kube_config(kubeconfig or None, context or None, client_configuration=configuration)
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    for setting in configuration.auth_settings().values():
        headers[setting["key"]] = setting["value"]
    request = client.ApiClient(configuration).rest_client.pool_manager.request
    body = sys.stdin.buffer.read() or None
    answer = request(method, configuration.host + path, body=body, headers=headers, timeout=SECONDS, retries=False)
    sys.stdout.buffer.write(b"%d\n" % answer.status + answer.data)


if __name__ == "__main__":
    main(*sys.argv[1:])
