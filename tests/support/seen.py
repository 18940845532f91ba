# SPDX-License-Identifier: Apache-2.0
"""What is believed of requests that a test makes without a server."""

from entrepot.web.forwarded import Seen

LOCAL = Seen("127.0.0.1", 40000, "http", "localhost:5000", "", trusted=False)
"""A client on this machine, with no proxy between."""
