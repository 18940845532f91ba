# SPDX-License-Identifier: Apache-2.0
"""entrepot: a private container registry."""

from importlib.metadata import version

__version__ = version("entrepot")
