# SPDX-License-Identifier: Apache-2.0
"""HTTP in and out: parses requests, calls the registry, answers. Knows no SQL and no paths."""
