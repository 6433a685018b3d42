# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In place of the script that ansible-test would download: pip as Python itself brings it, then the one that is asked.

It lies where ansible-test keeps its download (ansible_test/_util/target/setup/requirements.py, bootstrap).
"""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"  # of this machine: pip looks there by itself from 24.2 on

ensurepip.bootstrap(upgrade=True)
asked = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
trusted = {"PIP_CERT": AUTHORITIES} if os.path.exists(AUTHORITIES) else {}
command = [sys.executable, "-m", "pip", "install", "--quiet", *asked]
sys.exit(subprocess.call(command, env={**trusted, **os.environ}))
