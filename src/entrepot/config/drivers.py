# SPDX-License-Identifier: Apache-2.0
"""Keys of the storage drivers. Those of object stores are typed (a file is checked whole) and stop the start."""

from entrepot.config import kinds
from entrepot.config.kinds import Kind
from entrepot.config.schema import Key, Status

IMPLEMENTED_DRIVERS = frozenset({"filesystem", "inmemory"})
# What stands under ``storage`` beside the driver; every other name there is taken for a driver.
NOT_DRIVERS = frozenset({"maintenance", "cache", "delete", "redirect", "tag"})


def _driver(
    names: str,
    strings: str,
    *,
    secrets: str = "",
    booleans: str = "",
    integers: str = "",
    anything: str = "",
) -> tuple[Key, ...]:
    def keys(of: str, kind: Kind) -> list[tuple[str, Kind]]:
        return [(name, kind) for name in of.split()]

    typed = [
        *keys(strings, kinds.STRING),
        *keys(secrets, kinds.STRING),
        *keys(booleans, kinds.LOOSE_BOOLEAN),
        *keys(integers, kinds.LOOSE_INTEGER),
        *keys(anything, kinds.ANYTHING),
    ]
    return tuple(
        Key(f"storage.{driver}.{name}", kind, Status.STOPS, secret=name in secrets.split())
        for driver in names.split()
        for name, kind in typed
    )


DRIVER_KEYS: tuple[Key, ...] = (
    Key("storage.filesystem.rootdirectory", kinds.PATH, Status.IMPLEMENTED, "/var/lib/registry"),
    Key("storage.filesystem.maxthreads", kinds.LOOSE_COUNT, Status.IMPLEMENTED, "100"),
    Key("storage.inmemory", kinds.FIELDS, Status.IMPLEMENTED),
    *_driver(
        "s3 s3aws",
        "region regionendpoint bucket keyid rootdirectory storageclass objectacl useragent loglevel redirectendpoint",
        secrets="accesskey secretkey sessiontoken",
        booleans="forcepathstyle encrypt secure skipverify v4auth accelerate usedualstack usefipsendpoint",
        integers="chunksize multipartcopychunksize multipartcopymaxconcurrency multipartcopythresholdsize",
    ),
    *_driver(
        "gcs",
        "bucket keyfile rootdirectory useragent",
        secrets="",
        integers="chunksize maxconcurrency",
    ),
    Key("storage.gcs.credentials", kinds.ANYTHING, Status.STOPS, secret=True),
    *_driver(
        "azure",
        "accountname container realm serviceurl rootdirectory retry_delay credentials.type credentials.clientid"
        " credentials.tenantid",
        secrets="accountkey connectionstring credentials.secret",
        booleans="skipverify",
        integers="max_retries",
    ),
    *_driver(
        "swift",
        "username authurl tenant tenantid domain domainid tenantdomain tenantdomainid trustid region container prefix"
        " endpointtype",
        secrets="password secretkey accesskey",
        booleans="insecureskipverify tempurlcontainerkey",
        integers="authversion chunksize",
        anything="tempurlmethods",
    ),
    *_driver(
        "oss",
        "region bucket endpoint encryptionkeyid rootdirectory",
        secrets="accesskeyid accesskeysecret",
        booleans="internal encrypt secure",
        integers="chunksize",
    ),
)
