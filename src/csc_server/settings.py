"""Settings of both processes, read from one TOML file and the environment.

Each process gets its own part: `WebSettings` knows no device, `SignerSettings` no listener (AR-01).
Secrets are never settings: a setting names the file that holds one (SC-07).
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


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
    interaction_lifetime: int = Field(default=600, ge=60, le=1800)
    session_idle: int = Field(default=900, ge=60, le=3600)
    session_absolute: int = Field(default=28_800, ge=300, le=43_200)
    approval_lifetime: int = Field(default=300, ge=30, le=1800)
    body_bytes: int = Field(default=1_048_576, ge=65_536, le=1_048_576)
    hashes_per_request: int = Field(default=1000, ge=1, le=1000)
    lock_temporary: int = Field(default=5, ge=1, le=10)
    lock_permanent: int = Field(default=10, ge=1, le=100)
    lock_seconds: int = Field(default=900, ge=60, le=86_400)


class DeviceSettings(Part):
    """The PKCS#11 device. `pin_file` holds the user PIN and is readable by the signer's uid alone."""

    module: Path
    token_label: str
    pin_file: Path
    call_deadline: float = Field(default=3.0, ge=0.5, le=30)
    """Seconds a call may take before its worker is killed (RL-04)."""


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


class WebSettings(Part):
    """What the web process needs. `listen` is `unix:/path` or, with environment test, `127.0.0.1:port`."""

    base_url: str
    database_url: str
    socket_dir: Path
    listen: str
    signer_uid: int
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=16, ge=1, le=64)
    signing_workers: int = Field(default=2, ge=1, le=64)
    evidence_workers: int = Field(default=1, ge=1, le=16)
    call_deadline: float = Field(default=3.0, ge=0.5, le=30)
    """The signer's deadline of one device call: web gives up a little later."""
    limits: Limits = Limits()
    name: str = "csc-server"
    description: str = "Remote signature service"
    region: str = "JP"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """`info` writes a line for each request, `warning` only what went wrong."""
    environment: Literal["production", "test"] = "production"
    csc_versions: dict[str, str] = {"v1": "1.0.4.0", "v2": "2.2.0.0"}


class Users(Part):
    """The two system users that `serve` runs the two sides as (AR-01)."""

    web: str
    signer: str


SHARED = ("environment", "socket_dir", "signing_workers", "evidence_workers", "limits")
"""What both sides must agree on, or `serve` judges for them, stands once, at the top of the file."""
_MODELS: dict[str, type[Part]] = {"web": WebSettings, "signer": SignerSettings}


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
        for part in (self.web, self.signer):
            for name in _shared(type(part)) if part is not None else ():
                if getattr(part, name) != getattr(self, name):
                    raise ValueError(f"{name} stands at the top of the file, not in a table")
        return self


def _shared(model: type[Part]) -> list[str]:
    return [name for name in SHARED if name in model.model_fields]
