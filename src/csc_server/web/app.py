"""Composition root of web: settings become adapters, adapters become the Flask application."""

import atexit
import os
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import structlog
from flask import Flask, request

from csc_server.activation.client import SignerClient
from csc_server.activation.port import Activation
from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.clock import Clock, SystemClock
from csc_server.errors import ProblemError, RefusedError, UnavailableError
from csc_server.settings import WebSettings
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.web import WebStore
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ApiVersion
from csc_server.web.api import dispatch
from csc_server.web.api.call import Services
from csc_server.web.api.refusals import refusal_problem
from csc_server.web.api.signature_jobs import SignatureJobs
from csc_server.web.api.table import ENDPOINTS
from csc_server.web.api.timestamp_authority import TimestampAuthority
from csc_server.web.api.tried_methods import TriedMethods
from csc_server.web.api.waiting import SignerWait
from csc_server.web.authorization import endpoints
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.web.certificate_issuer import CertificateIssuer, SocketIssuer
from csc_server.web.fetch import make_fetcher
from csc_server.web.http import problems
from csc_server.web.http.peer import PROXY_TRUSTED
from csc_server.web.http.rate_limits import RateLimits, RequestLimits
from csc_server.web.http.stranger_refusals import STRANGERS, StrangerRefusals
from csc_server.web.interaction import pages
from csc_server.web.operations import documents, health, logo, reference, requests
from csc_server.web.operations.housekeeping import Housekeeping
from csc_server.web.operations.logging import configure_logging

OAUTH2_METHODS = ("oauth2/authorize", "oauth2/pushed_authorize", "oauth2/token", "oauth2/revoke")

JOBS = "csc_server.jobs"
"""Under this name an application keeps its asynchronous signatures, in `extensions`."""
SERVICES = "csc_server.services"
"""Under this name an application keeps what its handlers work with, in `extensions`."""
JOBS_STOP = 5.0
"""Seconds that a process waits for them when it ends."""

_log = structlog.get_logger("csc_server.web")


def create_app(settings: WebSettings, clock: Clock | None = None) -> Flask:
    """Return the application of one web process; call it after the fork, in the process that serves.

    Args:
        settings: of web.
        clock: of the machine when None.
    """
    configure_logging(settings.log_level)
    clock = clock or SystemClock()
    store = SqlWebStore(make_engine(settings.database_url))
    activation = SignerClient(
        settings.socket_dir,
        settings.signing_workers,
        settings.evidence_workers,
        settings.signer_uid,
        settings.call_deadline,
        custody_workers=0 if settings.certificate_issuer is None else 1,
    )
    writer = f"web-{socket.gethostname()}-{os.getpid()}"
    audit = AuditLog(store, writer, clock)
    app = build_app(settings, clock, store, activation, audit)
    services: Services = app.extensions[SERVICES]
    tried = TriedMethods(services.methods, dict(_tries(services)))
    tried.start()
    audit.record(Event.STARTED, Outcome.SUCCESS, worker=writer)
    housekeeping = Housekeeping(store, clock, app.extensions[STRANGERS])
    housekeeping.start()
    atexit.register(stop, app.extensions[STRANGERS], audit, writer)
    atexit.register(app.extensions[JOBS].close, JOBS_STOP)  # runs before, last registered first
    atexit.register(housekeeping.stop)
    atexit.register(tried.stop)
    return app


def _tries(services: Services) -> Iterator[tuple[tuple[str, ...], Callable[[], object]]]:
    """Yield, for methods that others make possible, what shows that these answer."""
    if services.timestamps is not None:
        yield ("signatures/timestamp",), services.timestamps.probe
    if services.issuer is not None:
        yield ("credentials/create", "credentials/delete"), services.issuer.reach


def stop(strangers: StrangerRefusals, audit: AuditLog, writer: str) -> None:
    """Write what a process still knows when it ends (AD-01)."""
    try:
        strangers.flush()
        audit.record(Event.STOPPED, Outcome.SUCCESS, worker=writer)
    except UnavailableError as error:
        _log.warning("last_records_lost", component=error.component)


def build_app(
    settings: WebSettings,
    clock: Clock,
    store: WebStore,
    activation: Activation,
    audit: AuditLog,
    waiting: SignerWait | None = None,
    issuer: CertificateIssuer | None = None,
) -> Flask:
    """Return the application over given adapters; tests pass their own."""
    app = Flask("csc_server.web", static_folder=None)
    _configure(app, settings)
    problems.install(app, _translate)
    requests.install(app, is_https=settings.base_url.startswith("https://"), logs_all=settings.log_level == "debug")
    strangers = app.extensions[STRANGERS] = StrangerRefusals(audit, clock)
    limits = RequestLimits(RateLimits(store, clock, settings.rates, strangers))
    strangers.on_stranger = limits.refused_stranger
    seed_key = SeedKey.of_file(settings.key_file)
    context = AuthorizationContext(store, activation, audit, clock, settings, limits, seed_key)
    methods: dict[ApiVersion, tuple[str, ...]] = {}
    fetcher = make_fetcher(settings)
    jobs = app.extensions[JOBS] = SignatureJobs(store, activation, clock, fetcher)
    timestamps = TimestampAuthority(settings.timestamp, fetcher, clock) if settings.timestamp is not None else None
    issuer = issuer or _issuer(settings)
    login, wait = PasswordLogin(context), waiting or SignerWait()
    services = Services(context, login, strangers, methods, fetcher, jobs, timestamps, issuer, wait)
    app.extensions[SERVICES] = services
    app.register_blueprint(dispatch.blueprint(services))
    app.register_blueprint(endpoints.blueprint(context))
    app.register_blueprint(pages.blueprint(context))
    app.register_blueprint(health.blueprint(store, activation, clock))
    app.register_blueprint(logo.blueprint())
    app.register_blueprint(documents.blueprint())
    app.register_blueprint(reference.blueprint(settings.base_url))
    methods.update({version: _methods(app, version, settings) for version in ApiVersion})
    return app


def _issuer(settings: WebSettings) -> CertificateIssuer | None:
    path = settings.certificate_issuer
    return SocketIssuer(path) if path is not None else None


def _configure(app: Flask, settings: WebSettings) -> None:
    host = urlsplit(settings.base_url).hostname or ""
    trusted = [host, "127.0.0.1", "localhost"] if settings.environment == "test" else [host]
    app.config.update(
        MAX_CONTENT_LENGTH=settings.limits.body_bytes,
        TRUSTED_HOSTS=trusted,
    )
    app.config[PROXY_TRUSTED] = settings.listen.startswith("unix:")
    app.url_map.merge_slashes = False  # a redirect would answer HTML where JSON is due (A2)


def _methods(app: Flask, version: ApiVersion, settings: WebSettings) -> tuple[str, ...]:
    """Return `info.methods`: the rows of the table, and the OAuth 2.0 endpoints that have a route."""
    base = f"/csc/{version.value}/"
    routed = {rule.rule for rule in app.url_map.iter_rules()}
    offered = [endpoint for endpoint in ENDPOINTS if endpoint.is_offered(settings)]
    own = tuple(endpoint.method for endpoint in offered if version in endpoint.versions)
    return own + tuple(method for method in OAUTH2_METHODS if base + method in routed)


def _translate(error: RefusedError) -> ProblemError:
    """Return the answer for a refusal in the dialect of the path that was asked."""
    version = ApiVersion.V1 if request.path.startswith("/csc/v1/") else ApiVersion.V2
    return refusal_problem(version, error)
