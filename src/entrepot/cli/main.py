# SPDX-License-Identifier: Apache-2.0
"""The command ``entrepot``."""

import click

from entrepot import __version__
from entrepot.cli.config import config_group
from entrepot.cli.fsck import fsck
from entrepot.cli.gc import gc_group
from entrepot.cli.htpasswd import htpasswd
from entrepot.cli.index import index_group
from entrepot.cli.restore import restore
from entrepot.cli.retention import retention_group
from entrepot.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="entrepot %(version)s")
def main() -> None:
    """A private container registry. Begin with: entrepot serve"""


main.add_command(serve)
main.add_command(config_group)
main.add_command(index_group)
main.add_command(fsck)
main.add_command(gc_group)
main.add_command(restore)
main.add_command(retention_group)
main.add_command(htpasswd)
