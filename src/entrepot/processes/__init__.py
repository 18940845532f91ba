# SPDX-License-Identifier: Apache-2.0
"""Processes: binds the address, starts workers and jobs, watches them, ends them. Knows nothing of registries."""
