# SPDX-License-Identifier: Apache-2.0
"""Certificates: whether a pair can be served and clients will take it, making one, and how clients come to trust it."""
