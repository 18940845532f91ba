# SPDX-License-Identifier: Apache-2.0
"""Every key that distribution 2.8 and 3.x know, and ours; typed, with its default and what becomes of it here.

docs/configuration.md lists the same keys for people; a test compares the two.
"""

from entrepot.config import kinds
from entrepot.config.drivers import DRIVER_KEYS
from entrepot.config.kinds import Kind
from entrepot.config.schema import Key, Status

_DONE, _ACCEPTED, _NOT_YET, _STOPS = Status.IMPLEMENTED, Status.ACCEPTED, Status.NOTHING_YET, Status.STOPS

# Go's zero interval means the default of 10 s; a check every few nanoseconds (a bare number) is nobody's intent.
_INTERVAL = kinds.duration(minimum=0.001, zero=10.0)
_TIMEOUT = kinds.duration(minimum=0.001, zero=0.0)
_PURGE = kinds.duration(minimum=1.0)
_STATUS_CODE = kinds.integer(0, 599)
_CLIENT_AUTH = kinds.choice(
    "request-client-cert",
    "require-any-client-cert",
    "verify-client-cert-if-given",
    "require-and-verify-client-cert",
    otherwise="",
)


def _each(prefix: str, status: Status, kind: Kind, names: str) -> tuple[Key, ...]:
    return tuple(Key(f"{prefix}.{name}", kind, status) for name in names.split())


def _secret(path: str, status: Status) -> Key:
    return Key(path, kinds.STRING, status, secret=True)


_LOG = (
    Key("version", kinds.STRING, _DONE),
    Key("log.level", kinds.LEVEL, _DONE, "info"),
    Key("log.formatter", kinds.choice("text", "json", "logstash", otherwise="text"), _DONE, "text"),
    Key("log.fields", kinds.FIELDS, _DONE),
    Key("log.accesslog.disabled", kinds.BOOLEAN, _DONE, "false"),
    Key("log.reportcaller", kinds.BOOLEAN, _DONE, "false"),
    Key("log.hooks[].type", kinds.STRING, _NOT_YET),
    Key("log.hooks[].disabled", kinds.BOOLEAN, _NOT_YET),
    Key("log.hooks[].levels", kinds.STRINGS, _NOT_YET),
    *_each("log.hooks[].options.smtp", _NOT_YET, kinds.STRING, "addr username"),
    _secret("log.hooks[].options.smtp.password", _NOT_YET),
    Key("log.hooks[].options.smtp.insecure", kinds.BOOLEAN, _NOT_YET),
    Key("log.hooks[].options.from", kinds.STRING, _NOT_YET),
    Key("log.hooks[].options.to", kinds.STRINGS, _NOT_YET),
    Key("loglevel", kinds.LEVEL, _DONE),
)

_STORAGE = (
    *DRIVER_KEYS,
    Key("storage.delete.enabled", kinds.BOOLEAN, _DONE, "false"),
    Key("storage.redirect.disable", kinds.BOOLEAN, _ACCEPTED),
    Key("storage.cache.blobdescriptor", kinds.STRING, _ACCEPTED),
    Key("storage.cache.layerinfo", kinds.STRING, _ACCEPTED),
    Key("storage.cache.blobdescriptorsize", kinds.LOOSE_COUNT, _ACCEPTED),
    Key("storage.maintenance.uploadpurging.enabled", kinds.BOOLEAN, _DONE, "true"),
    Key("storage.maintenance.uploadpurging.age", _PURGE, _DONE, "168h"),
    Key("storage.maintenance.uploadpurging.interval", _PURGE, _DONE, "24h"),
    Key("storage.maintenance.uploadpurging.dryrun", kinds.BOOLEAN, _DONE, "false"),
    Key("storage.maintenance.readonly.enabled", kinds.BOOLEAN, _DONE, "false"),
    Key("storage.tag.concurrencylimit", kinds.LOOSE_COUNT, _ACCEPTED),
)

_PROTECTION = (
    *_each("auth.silly", _DONE, kinds.STRING, "realm service"),
    Key("auth.htpasswd.realm", kinds.STRING, _DONE),
    Key("auth.htpasswd.path", kinds.PATH, _DONE),
    *_each("auth.token", _DONE, kinds.STRING, "realm service issuer autoredirectpath"),
    *_each("auth.token", _DONE, kinds.PATH, "rootcertbundle jwks"),
    Key("auth.token.signingalgorithms", kinds.STRINGS, _DONE),
    Key("auth.token.autoredirect", kinds.BOOLEAN, _DONE),
    *(
        key
        for place in ("registry", "repository", "storage")
        for key in (
            Key(f"middleware.{place}[].name", kinds.STRING, _STOPS),
            Key(f"middleware.{place}[].disabled", kinds.BOOLEAN, _STOPS, "false"),
            Key(f"middleware.{place}[].options", kinds.ANYTHING, _STOPS),
        )
    ),
    *_each("http.tls", _DONE, kinds.OPTIONAL_PATH, "certificate key"),
    Key("http.tls.clientcas", kinds.PATHS, _DONE),
    Key("http.tls.clientauth", _CLIENT_AUTH, _DONE),
    Key(
        "http.tls.minimumtls", kinds.choice("tls1.0", "tls1.1", "tls1.2", "tls1.3", otherwise="tls1.2"), _DONE, "tls1.2"
    ),
    Key("http.tls.ciphersuites", kinds.STRINGS, _ACCEPTED),
    *_each("http.tls.letsencrypt", _STOPS, kinds.STRING, "cachefile email directoryurl"),
    Key("http.tls.letsencrypt.hosts", kinds.STRINGS, _STOPS),
    Key("proxy.remoteurl", kinds.STRING, _STOPS),
    Key("proxy.username", kinds.STRING, _STOPS),
    _secret("proxy.password", _STOPS),
    *_each("proxy", _STOPS, kinds.DURATION, "ttl cachewritetimeout"),
    Key("proxy.exec.command", kinds.STRING, _STOPS),
    Key("proxy.exec.lifetime", kinds.DURATION, _STOPS),
    Key("policy.repository.classes", kinds.STRINGS, _STOPS),
)

_HTTP = (
    Key("http.addr", kinds.LISTEN, _DONE, "127.0.0.1:5000"),
    Key("http.net", kinds.choice("tcp", "unix", otherwise="tcp"), _DONE, "tcp"),
    Key("http.host", kinds.STRING, _DONE),
    Key("http.prefix", kinds.PREFIX, _DONE, "/"),
    _secret("http.secret", _ACCEPTED),
    Key("http.relativeurls", kinds.BOOLEAN, _ACCEPTED, "false"),
    Key("http.draintimeout", kinds.DURATION, _DONE),
    Key("http.headers", kinds.HEADERS, _DONE),
    Key("http.debug.addr", kinds.STRING, _DONE),
    Key("http.debug.prometheus.enabled", kinds.BOOLEAN, _DONE, "false"),
    Key("http.debug.prometheus.path", kinds.ROUTE, _DONE, "/metrics"),
    Key("http.http2.disabled", kinds.BOOLEAN, _DONE, "false"),
    Key("http.h2c.enabled", kinds.BOOLEAN, _DONE, "false"),
)

# Go's zero means the default here, too.
_SECOND = kinds.duration(minimum=0.001, zero=1.0)

_NOTIFICATIONS = (
    Key("notifications.events.includereferences", kinds.BOOLEAN, _DONE, "false"),
    Key("notifications.endpoints[].name", kinds.STRING, _DONE),
    Key("notifications.endpoints[].url", kinds.HTTP_URL, _DONE),
    Key("notifications.endpoints[].disabled", kinds.BOOLEAN, _DONE, "false"),
    Key("notifications.endpoints[].headers", kinds.SECRET_HEADERS, _DONE, secret=True),
    Key("notifications.endpoints[].timeout", _SECOND, _DONE, "1s"),
    Key("notifications.endpoints[].threshold", kinds.INTEGER, _DONE, "10"),
    Key("notifications.endpoints[].backoff", _SECOND, _DONE, "1s"),
    *_each("notifications.endpoints[]", _DONE, kinds.STRINGS, "ignoredmediatypes ignore.mediatypes ignore.actions"),
)

_REDIS = (
    *_each("redis", _NOT_YET, kinds.STRING, "addr username sentinelusername clientname mastername identitysuffix"),
    *(_secret(f"redis.{name}", _NOT_YET) for name in ("password", "sentinelpassword")),
    Key("redis.addrs", kinds.STRINGS, _NOT_YET),
    *_each("redis", _NOT_YET, kinds.INTEGER, "db protocol maxretries poolsize minidleconns maxidleconns"),
    *_each("redis", _NOT_YET, kinds.INTEGER, "maxactiveconns maxredirects"),
    # -1 is how go-redis is told to have no timeout.
    *_each("redis", _NOT_YET, kinds.duration(minimum=-1.0), "dialtimeout readtimeout writetimeout minretrybackoff"),
    *_each("redis", _NOT_YET, kinds.duration(minimum=-1.0), "maxretrybackoff pooltimeout connmaxidletime"),
    Key("redis.connmaxlifetime", kinds.duration(minimum=-1.0), _NOT_YET),
    *_each("redis", _NOT_YET, kinds.BOOLEAN, "contexttimeoutenabled poolfifo readonly routebylatency routerandomly"),
    *_each("redis", _NOT_YET, kinds.BOOLEAN, "disableidentity unstableresp3"),
    *_each("redis.pool", _NOT_YET, kinds.INTEGER, "maxidle maxactive"),
    Key("redis.pool.idletimeout", kinds.DURATION, _NOT_YET),
    *_each("redis.tls", _NOT_YET, kinds.STRING, "certificate key"),
    *_each("redis.tls", _NOT_YET, kinds.STRINGS, "rootcas clientcas"),
    Key("redis.tls.enabled", kinds.BOOLEAN, _NOT_YET),
)

_REPORTING = (
    *(_secret(f"reporting.{name}", _NOT_YET) for name in ("bugsnag.apikey", "newrelic.licensekey")),
    *_each("reporting.bugsnag", _NOT_YET, kinds.STRING, "releasestage endpoint"),
    Key("reporting.newrelic.name", kinds.STRING, _NOT_YET),
    Key("reporting.newrelic.verbose", kinds.BOOLEAN, _NOT_YET),
    Key("compatibility.schema1.enabled", kinds.BOOLEAN, _NOT_YET),
    Key("compatibility.schema1.signingkeyfile", kinds.STRING, _NOT_YET),
)

_HEALTH = (
    Key("health.storagedriver.enabled", kinds.BOOLEAN, _DONE, "false"),
    Key("health.storagedriver.interval", _INTERVAL, _DONE, "10s"),
    Key("health.storagedriver.threshold", kinds.COUNT, _DONE, "0"),
    Key("health.file[].file", kinds.STRING, _DONE),
    Key("health.file[].interval", _INTERVAL, _DONE, "10s"),
    Key("health.file[].threshold", kinds.COUNT, _ACCEPTED),
    Key("health.http[].uri", kinds.HTTP_URL, _DONE),
    Key("health.http[].headers", kinds.SECRET_HEADERS, _DONE, secret=True),
    Key("health.http[].statuscode", _STATUS_CODE, _DONE, "200"),
    Key("health.http[].timeout", _TIMEOUT, _DONE),
    Key("health.http[].interval", _INTERVAL, _DONE, "10s"),
    Key("health.http[].threshold", kinds.COUNT, _DONE, "0"),
    Key("health.tcp[].addr", kinds.PEER, _DONE),
    Key("health.tcp[].timeout", _TIMEOUT, _DONE),
    Key("health.tcp[].interval", _INTERVAL, _DONE, "10s"),
    Key("health.tcp[].threshold", kinds.COUNT, _DONE, "0"),
)

_VALIDATION = (
    Key("validation.disabled", kinds.BOOLEAN, _DONE, "false"),
    Key("validation.enabled", kinds.BOOLEAN, _ACCEPTED),
    Key("validation.manifests.urls.allow", kinds.PATTERNS, _DONE),
    Key("validation.manifests.urls.deny", kinds.PATTERNS, _DONE),
    Key("validation.manifests.indexes.platforms", kinds.choice("all", "none", "list", otherwise="all"), _DONE, "all"),
    *_each("validation.manifests.indexes.platformlist[]", _DONE, kinds.STRING, "architecture os"),
    Key("catalog.maxentries", kinds.INTEGER, _DONE, "1000"),
    Key("tags.maxtags", kinds.COUNT, _DONE, "1000"),
)

_AGE = kinds.duration(minimum=1.0, zero=0.0)

OUR_KEYS = (
    *_each("auth.accounts", _DONE, kinds.STRING, "service issuer"),
    *_each("auth.accounts", _DONE, kinds.PATH, "key cert"),
    Key("auth.accounts.expiration", kinds.duration(minimum=60.0), _DONE, "5m"),
    Key("auth.proxyheader", kinds.STRING, _DONE),
    Key("http.trustedproxies", kinds.NETWORKS, _DONE),
    Key("trash.age", _AGE, _DONE, "336h"),
    Key("collector.enabled", kinds.BOOLEAN, _DONE, "true"),
    Key("collector.grace", _AGE, _DONE, "24h"),
    Key("collector.interval", _PURGE, _DONE, "1h"),
    Key("retention.interval", _PURGE, _DONE, "24h"),
    Key("retention.policies[].repositories", kinds.REPOSITORY_PATTERNS, _DONE),
    Key("retention.policies[].keep.newest", kinds.integer(1), _DONE),
    Key("retention.policies[].keep.younger", _PURGE, _DONE),
    Key("retention.policies[].keep.matching", kinds.TAG_PATTERNS, _DONE),
    Key("retention.policies[].drop.notpulled", _PURGE, _DONE),
    Key("retention.policies[].drop.untagged", _PURGE, _DONE),
    Key("index.url", kinds.INDEX_URL, _DONE),
    Key("disk.reserve", kinds.SIZE, _DONE, "256MiB"),
    Key("disk.fsync", kinds.BOOLEAN, _DONE, "true"),
    Key("validation.manifests.sparse", kinds.BOOLEAN, _DONE, "false"),
    Key("events.pulls", kinds.BOOLEAN, _DONE, "false"),
    _secret("notifications.endpoints[].secret", _DONE),
    Key("notifications.endpoints[].audit", kinds.BOOLEAN, _DONE, "false"),
)

KEYS: tuple[Key, ...] = (
    *_LOG,
    *_STORAGE,
    *_PROTECTION,
    *_HTTP,
    *_NOTIFICATIONS,
    *_REDIS,
    *_REPORTING,
    *_HEALTH,
    *_VALIDATION,
    *OUR_KEYS,
)
