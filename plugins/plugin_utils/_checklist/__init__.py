# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight checklist: one file per subject, with pure functions that judge what the hosts reported.

The action plugin rotation_checklist imports it. It imports module_utils, the reports and the notifications.
"""
