# SPDX-License-Identifier: Apache-2.0
"""Bytes and links in docker/distribution's layout, on a filesystem or in memory (standing in for object stores).

Knows nothing of SQL, HTTP or of what a manifest means. All paths are drawn in :mod:`entrepot.storage.layout`.
"""
