"""Settings of both processes, read from one TOML file and the environment.

Each process gets its own part: `WebSettings` knows no device, `SignerSettings` no listener (AR-01).
Secrets are never settings: a setting names the file that holds one (SC-07).
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from csc_server.values import AuthMode, FetchPurpose, KeyType, Scal


class Part(BaseModel):
    """A table of the settings file: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Part):
    """Lifetimes in seconds and caps, with the ranges that keep what the rules promise."""

    code_lifetime: int = Field(default=60, ge=1, le=60)
    service_token_lifetime: int = Field(default=3600, ge=60, le=3600)
    sad_lifetime: int = Field(default=120, ge=10, le=300)
    sad_total_lifetime: int = Field(default=300, ge=10, le=1800)
    """An extended SAD never lives longer than this after the signer's authentication (decision 15)."""
    refresh_token_lifetime: int = Field(default=86_400, ge=60, le=30 * 86_400)
    pushed_request_lifetime: int = Field(default=120, ge=5, le=599)
    assertion_lifetime: int = Field(default=300, ge=30, le=300)
    """How far ahead a client assertion may end (OA-11)."""
    proof_lifetime: int = Field(default=60, ge=10, le=120)
    """The oldest DPoP proof that is taken (OA-12)."""
    clock_skew: int = Field(default=10, ge=10, le=60)
    """How far ahead the clock of a client may run (FAPI 2.0 Security Profile, 5.3.2.1)."""
    interaction_lifetime: int = Field(default=600, ge=60, le=1800)
    session_idle: int = Field(default=900, ge=60, le=3600)
    session_absolute: int = Field(default=28_800, ge=300, le=43_200)
    approval_lifetime: int = Field(default=300, ge=30, le=1800)
    body_bytes: int = Field(default=1_048_576, ge=65_536, le=1_048_576)
    hashes_per_request: int = Field(default=1000, ge=1, le=1000)
    result_lifetime: int = Field(default=86_400, ge=60, le=604_800)
    """The longest validity_period of an asynchronous signature (CSC 2.0.0.2, 11.10)."""
    lock_temporary: int = Field(default=5, ge=1, le=10)
    lock_permanent: int = Field(default=10, ge=1, le=100)
    lock_seconds: int = Field(default=900, ge=60, le=86_400)
    sent_codes: int = Field(default=10, ge=1, le=1_000_000)
    """One-time codes that are sent for one credential within 15 minutes."""


class Rates(Part):
    """Requests a minute before the answer is 429 (IN-21); each is counted over all processes of web."""

    factor: int = Field(default=1, ge=1, le=1_000_000)
    """Multiplies all of them; a client's registration may multiply those of its own requests again."""
    strangers_by_address: int = Field(default=600, ge=1, le=1_000_000)
    """Requests that were refused before anybody knew who sent them."""
    open_by_address: int = Field(default=600, ge=1, le=1_000_000)
    """Requests that need no token: the authorization endpoint, the signer's pages, info."""
    logins_by_address: int = Field(default=60, ge=1, le=1_000_000)
    logins_by_account: int = Field(default=10, ge=1, le=1_000_000)
    evidence_by_client: int = Field(default=300, ge=1, le=1_000_000)
    """Requests that make the signer process compare a secret or send one."""
    evidence_by_signer: int = Field(default=20, ge=1, le=1_000_000)
    evidence_by_credential: int = Field(default=20, ge=1, le=1_000_000)
    """Where the client acts with its own token, which names no signer."""
    requests_by_client: int = Field(default=60_000, ge=1, le=10_000_000)
    requests_by_signer: int = Field(default=6_000, ge=1, le=10_000_000)


class DeviceSettings(Part):
    """The PKCS#11 device. `pin_file` holds the user PIN and is readable by the signer's uid alone."""

    module: Path
    token_label: str
    pin_file: Path
    call_deadline: float = Field(default=3.0, ge=0.5, le=30)
    """Seconds a call may take before its worker is killed (RL-04)."""


class CustodySettings(Part):
    """Which credentials applications may have made (credentials/create, CSC 2.2), and by whose certificates."""

    trust: Path
    """PEM: the authorities whose certificates may stand behind a credential that was made over the API."""
    key: KeyType = KeyType.P_256
    """Made within `device.call_deadline`: RSA-4096 takes longer on many devices."""
    auth_mode: AuthMode = AuthMode.OAUTH2CODE
    scal: Scal = Scal.TWO
    multisign: int = Field(default=1, ge=1, le=1000)
    credentials_per_signer: int = Field(default=16, ge=1, le=1000)


class SignerSettings(Part):
    """What the signer process needs. `web_uids` may connect to its sockets (AR-03)."""

    database_url: str
    socket_dir: Path
    device: DeviceSettings
    web_uids: tuple[int, ...]
    issuer: str
    node: str = "node-1"
    signing_workers: int = Field(default=2, ge=1, le=64)
    evidence_workers: int = Field(default=1, ge=1, le=16)
    limits: Limits = Limits()
    custody: CustodySettings | None = None
    """Left out, no credential is made or destroyed for an application."""
    courier_socket: Path | None = None
    """Where the courier listens; without one no code is sent."""
    courier_uid: int | None = None
    """The courier's user; the signer's own when left out."""


class SmtpSettings(Part):
    """A mail submission server. `password_file` is readable by the courier's uid alone."""

    host: str
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    username: str | None = None
    password_file: Path | None = None


class WebhookSettings(Part):
    """Another system of the operator that sends codes on; `token_file` holds what it knows the courier by."""

    url: str
    token_file: Path | None = None


class CourierSettings(Part):
    """What the courier needs: where the signer reaches it, and the one way in which codes leave."""

    socket: Path
    signer_uid: int
    """Only this user may hand codes over."""
    service_name: str = "csc-server"
    smtp: SmtpSettings | None = None
    webhook: WebhookSettings | None = None
    outbox: Path | None = None
    """A folder that gets a file for each code: environment "test" alone."""
    environment: Literal["production", "test"] = "production"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in (self.smtp, self.webhook, self.outbox) if way is not None]
        if len(ways) != 1:
            raise ValueError("exactly one of smtp, webhook and outbox is set")
        if self.environment != "test":
            if self.outbox is not None or (self.smtp is not None and self.smtp.security == "none"):
                raise ValueError('outbox, and mail without TLS, need environment "test"')
            if self.webhook is not None and not self.webhook.url.startswith("https://"):
                raise ValueError("webhook.url must be https")
        return self


class OutgoingHost(Part):
    """One address that web may call, for one purpose (IN-20). A loopback literal needs environment "test"."""

    purpose: FetchPurpose
    host: str
    port: int = Field(default=443, ge=1, le=65_535)
    scheme: Literal["https", "http"] = "https"
    """`http` for revocation data alone, which is signed and public."""


class TimestampSettings(Part):
    """The time-stamping authority that signatures/timestamp asks (RFC 3161)."""

    url: str
    trust: Path
    """PEM: its own certificate, or the roots that it must lead to."""
    policy: str | None = None
    """Dotted OID of the policy to ask for; the authority's own when left out."""
    clock_skew: int = Field(default=300, ge=1, le=3600)
    """Seconds that its time may differ from ours."""


class WebSettings(Part):
    """What the web process needs. `listen` is `unix:/path` or, with environment test, `127.0.0.1:port`."""

    base_url: str
    database_url: str
    socket_dir: Path
    listen: str
    signer_uid: int
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=8, ge=1, le=64)
    signing_workers: int = Field(default=2, ge=1, le=64)
    evidence_workers: int = Field(default=1, ge=1, le=16)
    call_deadline: float = Field(default=3.0, ge=0.5, le=30)
    """The signer's deadline of one device call: web gives up a little later."""
    limits: Limits = Limits()
    rates: Rates = Rates()
    key_file: Path | None = None
    """A key of web's own, for the seeds of login codes; without it no account has any. `setup` makes it."""
    name: str = "csc-server"
    description: str = "Remote signature service"
    region: str = "JP"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """`info` writes a line for each request, `warning` only what went wrong."""
    environment: Literal["production", "test"] = "production"
    csc_versions: dict[str, str] = {"v1": "1.0.4.0", "v2": "2.2.0.0"}
    oauth2_in_info: Literal["oauth2", "oauth2Issuer", "oauth2Servers"] = "oauth2"
    """How info of 2.x names the authorization server: by its base URI, by its issuer, or in a list (11.1)."""
    signature_qualifiers: dict[str, tuple[str, ...]] = {}
    """Kinds of signature beside the European ones, each with the certificate policies (dotted OIDs) it is told by."""
    outgoing: tuple[OutgoingHost, ...] = ()
    """Every address that web may call by itself; what is not listed is never called (IN-20)."""
    outgoing_trust: Path | None = None
    """PEM: roots for the TLS of these addresses instead of the system's."""
    timestamp: TimestampSettings | None = None
    online_codes: bool = False
    """Offer credentials/sendOTP: the signer's side has a courier."""
    certificate_issuer: Path | None = None
    """UNIX socket of a process that has certificates issued: credentials/create and delete are offered with it."""
    certificate_policies: tuple[str, ...] = ()
    """Dotted OIDs that an application may ask a certificate to be issued under."""
    asynchronous: bool = True
    """Offer operationMode "A" and signatures/signPolling (CSC 2.x)."""


class Users(Part):
    """The two system users that `serve` runs the two sides as (AR-01)."""

    web: str
    signer: str
    courier: str | None = None
    """Of the courier, which has a network; the signer's user when left out."""


SHARED = ("environment", "socket_dir", "signing_workers", "evidence_workers", "limits")
"""What both sides must agree on, or `serve` judges for them, stands once, at the top of the file."""
_MODELS: dict[str, type[Part]] = {"web": WebSettings, "signer": SignerSettings, "courier": CourierSettings}


class Settings(BaseSettings):
    """The whole settings file; a file for one side alone leaves the other's table out.

    The environment wins over the file: `CSC_SERVER_WEB__BASE_URL` is `base_url` of table `web`. `revocation`
    has no default on purpose: that no status of certificates is asked for must be written out.
    """

    model_config = SettingsConfigDict(env_prefix="CSC_SERVER_", env_nested_delimiter="__", extra="forbid", frozen=True)

    environment: Literal["production", "test"] = "production"
    socket_dir: Path
    signing_workers: int = Field(default=2, ge=1, le=64)
    evidence_workers: int = Field(default=1, ge=1, le=16)
    limits: Limits = Limits()
    users: Users
    revocation: Literal["none"] | None = None
    web: WebSettings | None = None
    signer: SignerSettings | None = None
    courier: CourierSettings | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="before")
    @classmethod
    def _share(cls, data: Any) -> Any:  # noqa: ANN401 whatever the file holds, pydantic judges it next
        if not isinstance(data, dict):
            return data
        parts = {
            side: {**{name: data[name] for name in _shared(model) if name in data}, **data[side]}
            for side, model in _MODELS.items()
            if isinstance(data.get(side), dict)
        }
        return {**data, **parts}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for part in (self.web, self.signer, self.courier):
            for name in _shared(type(part)) if part is not None else ():
                if getattr(part, name) != getattr(self, name):
                    raise ValueError(f"{name} stands at the top of the file, not in a table")
        return self


def _shared(model: type[Part]) -> list[str]:
    return [name for name in SHARED if name in model.model_fields]
