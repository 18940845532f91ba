# SPDX-License-Identifier: Apache-2.0
"""The command ``entrepot``."""

import click

from entrepot import __version__
from entrepot.cli.access import access_group
from entrepot.cli.cert import cert_group
from entrepot.cli.config import config_group
from entrepot.cli.fsck import fsck
from entrepot.cli.gc import gc_group
from entrepot.cli.htpasswd import htpasswd
from entrepot.cli.index import index_group
from entrepot.cli.init import init
from entrepot.cli.restore import restore
from entrepot.cli.retention import retention_group
from entrepot.cli.robot import robot_group
from entrepot.cli.role import role_group
from entrepot.cli.rule import rule_group
from entrepot.cli.serve import serve
from entrepot.cli.token import token_group
from entrepot.cli.user import user_group


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="entrepot %(version)s")
def main() -> None:
    """A private container registry. Begin with: entrepot serve"""


main.add_command(serve)
main.add_command(init)
main.add_command(cert_group)
main.add_command(config_group)
main.add_command(index_group)
main.add_command(fsck)
main.add_command(gc_group)
main.add_command(restore)
main.add_command(retention_group)
main.add_command(htpasswd)
main.add_command(token_group)
main.add_command(user_group)
main.add_command(role_group)
main.add_command(rule_group)
main.add_command(robot_group)
main.add_command(access_group)
