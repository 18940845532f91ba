# SPDX-License-Identifier: Apache-2.0
"""All settings of a process: each room declares its own, this only holds them together."""

from dataclasses import dataclass

from entrepot.auth.settings import AuthSettings
from entrepot.index.settings import IndexSettings
from entrepot.jobs.settings import JobsSettings
from entrepot.registry.settings import RegistrySettings
from entrepot.storage.settings import StorageSettings
from entrepot.telemetry.settings import TelemetrySettings
from entrepot.web.settings import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """What a configuration means. How many workers serve is said on the command line, not here."""

    telemetry: TelemetrySettings
    storage: StorageSettings
    index: IndexSettings
    registry: RegistrySettings
    jobs: JobsSettings
    http: HttpSettings
    auth: AuthSettings = None
