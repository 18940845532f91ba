# SPDX-License-Identifier: Apache-2.0
"""What the product does: push, pull, mount, tag, delete, list, refer.

Joins bytes (storage) and facts (index) so that no crash leaves them contradicting. Knows no HTTP.
"""
