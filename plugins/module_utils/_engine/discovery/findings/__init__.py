# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: what the engine reports about a column or a key, of which kind, and how a person settles it.

``_backup``, ``_engine``, ``_tasks``, ``comparison``, ``digests``, ``discovery``, ``elsewhere``, ``plan``,
``plugin_utils``, ``proof`` and ``rewrite`` import it. It imports ``_errors`` and ``postgres``.
"""
