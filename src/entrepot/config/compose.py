# SPDX-License-Identifier: Apache-2.0
"""Checked values to the settings of the rooms, and the mistakes that only two keys together can make."""

import os
from pathlib import Path
from typing import cast

from entrepot.config.compose_auth import Kinds, find_auth
from entrepot.config.compose_events import find_endpoints, find_events, warn_of_loopback
from entrepot.config.compose_retention import find_retention
from entrepot.config.compose_telemetry import telemetry
from entrepot.config.compose_tls import find_tls
from entrepot.config.composition import Composition
from entrepot.config.nodes import DEFAULT
from entrepot.config.settings import Settings
from entrepot.config.values import address, header_value, http_url, path, url
from entrepot.index.settings import IndexSettings
from entrepot.jobs.settings import CollectorSettings, Endpoint, JobsSettings, UploadPurging
from entrepot.registry.settings import EventSettings, Platform, RegistrySettings, ValidationSettings
from entrepot.storage.settings import DiskSettings, FilesystemSettings, InMemorySettings, StorageSettings
from entrepot.web.settings import HttpSettings, TcpAddress, UnixAddress

_LONGEST_SOCKET = 107  # bytes of a path that fit into the system's socket address
_LEAST_THREADS = 25  # distribution's own minimum
_MOST_ENTRIES = 1000


def compose(composition: Composition, drivers: frozenset[str], auth: Kinds) -> Settings:
    """All rooms; ``drivers`` are the names of the storage drivers that the configuration holds, ``auth`` the kinds
    of authentication.
    """
    view = composition.view
    http = _http(composition)
    watched = telemetry(composition)
    _keep_apart(composition, http.address, watched.debug.addr)
    endpoints = find_endpoints(composition)
    warn_of_loopback(composition, http.address)
    return Settings(
        telemetry=watched,
        storage=_storage(composition, drivers),
        index=IndexSettings(view.find("index.url", str)),
        registry=_registry(composition, find_events(composition, http, endpoints)),
        jobs=_jobs(composition, endpoints),
        http=http,
        auth=find_auth(composition, auth, http.host),
    )


def _storage(composition: Composition, drivers: frozenset[str]) -> StorageSettings:
    view = composition.view
    disk = DiskSettings(view.get("disk.reserve", int), view.get("disk.fsync", bool))
    if "inmemory" in drivers:
        return StorageSettings(InMemorySettings(), disk)
    threads = max(_LEAST_THREADS, view.get("storage.filesystem.maxthreads", int))
    return StorageSettings(FilesystemSettings(view.get("storage.filesystem.rootdirectory", Path), threads), disk)


def _jobs(composition: Composition, endpoints: tuple[Endpoint, ...]) -> JobsSettings:
    view = composition.view
    purging = "storage.maintenance.uploadpurging"
    return JobsSettings(
        UploadPurging(
            enabled=view.get(f"{purging}.enabled", bool),
            age=view.get(f"{purging}.age", float),
            interval=view.get(f"{purging}.interval", float),
            dryrun=view.get(f"{purging}.dryrun", bool),
        ),
        CollectorSettings(
            enabled=view.get("collector.enabled", bool),
            grace=view.get("collector.grace", float),
            interval=view.get("collector.interval", float),
        ),
        endpoints,
    )


def _registry(composition: Composition, events: EventSettings) -> RegistrySettings:
    view = composition.view
    entries = view.get("catalog.maxentries", int)
    return RegistrySettings(
        delete_enabled=view.get("storage.delete.enabled", bool),
        readonly=view.get("storage.maintenance.readonly.enabled", bool),
        validation=_validation(composition),
        trash_age=view.get("trash.age", float),
        touch_interval=view.get("collector.grace", float) / 10,
        # Zero and less mean the default to distribution, too.
        catalog_max=entries if entries > 0 else _MOST_ENTRIES,
        tags_max=view.get("tags.maxtags", int) or _MOST_ENTRIES,
        events=events,
        retention=find_retention(composition),
    )


def _validation(composition: Composition) -> ValidationSettings:
    view = composition.view
    manifests = "validation.manifests"
    platforms = tuple(
        Platform(composition.required(item, "architecture"), composition.required(item, "os"))
        for item in view.items(f"{manifests}.indexes.platformlist")
    )
    return ValidationSettings(
        disabled=view.get("validation.disabled", bool),
        urls_allow=view.find(f"{manifests}.urls.allow", tuple) or (),
        urls_deny=view.find(f"{manifests}.urls.deny", tuple) or (),
        platforms=view.word(f"{manifests}.indexes.platforms", ("all", "none", "list")),
        platformlist=platforms,
        sparse=view.get(f"{manifests}.sparse", bool),
    )


def _http(composition: Composition) -> HttpSettings:
    view = composition.view
    return HttpSettings(
        address=_address(composition),
        prefix=view.get("http.prefix", str),
        host=_host(composition),
        draintimeout=_draintimeout(composition),
        headers=cast("dict[str, tuple[str, ...]]", view.find("http.headers", dict) or {}),
        h2c_enabled=view.get("http.h2c.enabled", bool),
        trustedproxies=_trustedproxies(composition),
        tls=find_tls(composition),
        http2=not view.get("http.http2.disabled", bool),
    )


def _trustedproxies(composition: Composition) -> tuple[str, ...] | None:
    networks: tuple[str, ...] | None = composition.view.find("http.trustedproxies", tuple)
    for network in networks or ():
        if network.endswith("/0"):
            composition.warn(
                "http.trustedproxies",
                f"{network} is everybody: whoever connects can claim any address, name and scheme; name your proxies",
            )
    return networks


def _address(composition: Composition) -> TcpAddress | UnixAddress:
    view = composition.view
    nowhere = TcpAddress("", 0)
    if view.word("http.net", ("tcp", "unix")) == "unix":
        said = view.said("http.addr")
        if said is None or said.origin == DEFAULT:
            composition.missing("http.addr", "http.net", "the path of a socket file, for http.net is unix")
            return nowhere
        socket = composition.converted("http.addr", _socket)
        return nowhere if socket is None else UnixAddress(socket)
    return composition.converted("http.addr", _tcp_address) or nowhere


def _keep_apart(composition: Composition, served: TcpAddress | UnixAddress, debug: str | None) -> None:
    """The second server would not start on the port of the first. Port 0 is another one each time."""
    if debug is not None and isinstance(served, TcpAddress) and served.port and address(debug) == served:
        composition.wrong("http.debug.addr", "another port than http.addr's")


def _tcp_address(text: str) -> TcpAddress:
    if text.startswith("/"):
        raise ValueError("host:port, such as :5000; to listen on a socket file write net: unix beside it")
    return address(text)


def _socket(text: str) -> Path:
    socket = path(text)
    if len(os.fsencode(socket)) > _LONGEST_SOCKET:
        raise ValueError(f"the path of a socket file, at most {_LONGEST_SOCKET} bytes long")
    return socket


def _host(composition: Composition) -> str | None:
    """distribution ignores a host without scheme; so do we, but not in silence."""
    text = composition.view.find("http.host", str)
    if not text:
        return None
    if "://" not in text:
        try:
            url(text)
        except ValueError as error:
            composition.wrong("http.host", str(error))
        composition.warn("http.host", "ignored, because it has no scheme; write https://NAME")
        return None
    return composition.converted("http.host", _base_url)


def _base_url(text: str) -> str:
    parts = url(http_url(text))
    header_value(text)
    if parts.query or parts.fragment:
        raise ValueError("a base address without ? and #")
    return text


def _draintimeout(composition: Composition) -> float | None:
    seconds = composition.view.find("http.draintimeout", float)
    if seconds is not None and 0 < seconds < 0.001:
        composition.warn("http.draintimeout", "a number without a unit means nanoseconds; write 30s for 30 seconds")
    return seconds
