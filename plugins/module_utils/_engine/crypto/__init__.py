# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and tokens: key sets, derivations, formats, wrappers, schemes.

``_backup``, ``_destinations``, ``_engine``, ``_monitoring``, ``_options``, ``_services``, ``_stores``, ``_tasks``,
``application``, ``columns``, ``comparison``, ``digests``, ``discovery``, ``elsewhere``, ``plan``, ``plugin_utils``,
``proof``, ``recipes``, ``rewrite`` and ``value_forms`` import it. It imports ``_errors``, ``_system`` and
``cryptography``.
"""
