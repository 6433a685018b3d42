# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server of Kubernetes: it reads and replaces objects by the Python package ``kubernetes`` or by kubectl.

``_destinations`` and ``_services`` import it. It imports ``_errors``, ``_system`` and ``kubernetes``.
"""
