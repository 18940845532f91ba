# SPDX-License-Identifier: Apache-2.0
"""The command `entrepot`, with less patience for slow clients, so that tests need not wait for a minute."""

from entrepot.cli.main import main
from entrepot.web import exchange
from entrepot.web import server as web_server

SILENCE = 2.0
HEADER_SECONDS = 3

if __name__ == "__main__":
    exchange.SILENCE = SILENCE
    web_server.HEADER_SECONDS = HEADER_SECONDS
    main()
