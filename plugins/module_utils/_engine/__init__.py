# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: it finds, decrypts, re-encrypts and verifies the values of an application.

It knows nothing of Ansible. Everything above may import it. It imports ``_errors``, ``_system``, ``application``,
``columns``, ``crypto``, ``digests``, ``discovery``, ``django``, ``elsewhere``, ``findings``, ``postgres``, ``proof``
and ``rewrite``.
"""
