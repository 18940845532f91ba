# SPDX-License-Identifier: Apache-2.0
"""What the process tells about itself: logs, metrics, health, secrets that print as ``***``.

Knows no other room.
"""
