# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption: batches, worker processes, throttling, the write fence, and writers other than the engine.

``_backup``, ``_engine``, ``_monitoring``, ``_tasks``, ``comparison``, ``plugin_utils`` and ``proof`` import it. It
imports ``_engine``, ``_errors``, ``_system``, ``columns``, ``crypto``, ``discovery``, ``findings``, ``postgres`` and
``proof``.
"""
