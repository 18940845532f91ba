# SPDX-License-Identifier: Apache-2.0
"""The benchmark: this registry and its peers side by side, in turn, in one run. See README.md in this directory."""
