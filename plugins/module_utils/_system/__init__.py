# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system: files that are replaced in one step, mounts, users, child processes, parallel tasks, times,
and the imports of this process.

Everything may import it. It imports ``_errors``.
"""
