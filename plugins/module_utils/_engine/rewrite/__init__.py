# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption: batches, worker processes, throttling, the write fence, and writers other than the engine.

The engine imports it. It imports Django and the rest of the engine.
"""
