# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore of a database: dump, encryption, proof by a restore, and the swap of two databases.

``_monitoring``, ``_tasks`` and ``plugin_utils`` import it. It imports ``_engine``, ``_errors``, ``_options``,
``_result_types``, ``_system`` and ``django``.
"""
