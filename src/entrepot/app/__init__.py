# SPDX-License-Identifier: Apache-2.0
"""Builds every object by name and passes it down: settings in, running server out."""
