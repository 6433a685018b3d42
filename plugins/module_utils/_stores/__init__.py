# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key stores: a vault file, HashiCorp Vault or OpenBao, AWS Secrets Manager, and the history that each keeps.

``store_interface`` has the class that each implements. CONTRIBUTING.md says how to add one. ``plugin_utils``
imports it. It imports ``_engine``, ``_errors``, ``_options``, ``_record``, ``_result_types`` and ``_system``.
"""
