# SPDX-License-Identifier: Apache-2.0
"""Typed settings from YAML, then environment; every mistake reported at once. The only room that reads YAML."""
