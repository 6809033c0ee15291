"""What a development server starts with: clients, signers and credentials, and the seed file that tells them.

Every secret is random and made for one data folder; the seed file (JSON, mode 0600) is its only copy in
clear. Tests, `csc-server try` and people read it.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from csc_server.cli.new_secrets import new_seed, random_digits
from csc_server.errors import CscServerError
from csc_server.values import AuthMode, ClientProfile, KeyType, Scal

MULTISIGN = 1000
"""Signatures one authorization may cover: the cap of hashes a request may hold (settings, Limits)."""

SECRET_BYTES = 32
"""256 bits: client secrets are stored under one salted SHA-256 (OA-16)."""
PIN_DIGITS = 8

REDIRECT_URI = "http://127.0.0.1/callback"
"""Loopback IP literal; a native client may use any port with it (RFC 8252, 7.3)."""


class SeedPart(BaseModel):
    """A table of the seed file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SeedClient(SeedPart):
    """An OAuth client; `client_secret` is null for a public one."""

    client_id: str
    client_secret: str | None = Field(repr=False)
    profile: ClientProfile
    redirect_uris: tuple[str, ...]


class SeedKeyClient(SeedPart):
    """An OAuth client that shares no secret; `key` and `certificate` are paths of its own files.

    `key` is a private JWK for private_key_jwt, else a private key in PEM.
    """

    client_id: str
    profile: ClientProfile
    redirect_uris: tuple[str, ...]
    auth_method: str
    key: str
    certificate: str | None


class SeedUser(SeedPart):
    """A login account; `totp_secret` is base32 (RFC 4648, 6) or null when the login asks for none."""

    username: str
    password: str = Field(repr=False)
    totp_secret: str | None = Field(repr=False)


class SeedCredential(SeedPart):
    """A credential and what its signer knows; `totp_secret` is base32 or null."""

    credential_id: str
    username: str
    key: KeyType
    auth_mode: AuthMode
    scal: Scal
    pin: str = Field(repr=False)
    totp_secret: str | None = Field(repr=False)
    state: Literal["active", "disabled", "expired"] = "active"
    """What an application has to cope with: a disabled key, and a certificate that expires a minute after the start."""


class SeedMode(SeedPart):
    """A credential of another mode of authorization; what its signer does not have is null.

    `response_key` is the path of a private key (PEM) that answers challenges; codes of `online` ones lie in the
    seed's `outbox`.
    """

    credential_id: str
    username: str
    key: KeyType
    auth_mode: AuthMode
    scal: Scal
    pin: str | None = Field(default=None, repr=False)
    totp_secret: str | None = Field(default=None, repr=False)
    online: bool = False
    response_key: str | None = None


class Seed(SeedPart):
    """The whole seed file; `trust_root` is the path of a PEM certificate."""

    base_url: str
    trust_root: str
    clients: tuple[SeedClient, ...]
    users: tuple[SeedUser, ...]
    credentials: tuple[SeedCredential, ...]
    response_uri: str = ""
    """An address that takes notifications of asynchronous signatures; made anew with each start."""
    key_clients: tuple[SeedKeyClient, ...] = ()
    modes: dict[str, SeedMode] = {}
    """The first user's credentials of other modes, by the name of the mode."""
    account_client: SeedClient | None = None
    """A client whose authorization requests name their account in an account_token."""
    outbox: str = ""
    """The folder that gets a file (JSON) for each one-time code that is sent."""

    def credential(self, credential_id: str | None = None) -> SeedCredential:
        """Return a credential by its id, or the first one; raise CscServerError for an unknown id."""
        for credential in self.credentials:
            if credential_id in (None, credential.credential_id):
                return credential
        raise CscServerError(
            f"The seed file has no credential {credential_id!r}.",
            advice=f"It has: {', '.join(credential.credential_id for credential in self.credentials)}.",
        )

    def user(self, username: str) -> SeedUser:
        """Return the account of a credential's user."""
        return next(user for user in self.users if user.username == username)


def read_seed(path: Path) -> Seed:
    """Return the seed that a file holds; raise CscServerError when there is none."""
    try:
        return Seed.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise CscServerError(
            f"There is no seed file {path}.",
            advice="Start `csc-server dev`, or name the file it wrote with --seed-file.",
        ) from error
    except ValidationError as error:
        raise CscServerError(f"{path} is no seed file.", advice="Name the file that `csc-server dev` wrote.") from error


SUBJECTS: dict[str, tuple[tuple[ObjectIdentifier, str], ...]] = {
    "alice": (
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "Example Clinic"),
        (NameOID.COMMON_NAME, "Alice Example"),
    ),
    "hanako": (
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "例示病院"),
        (NameOID.COMMON_NAME, "山田 花子"),
    ),
}
"""The signers by user name, and the subjects of their certificates."""

_Factors = Literal["pin", "pin-otp", "oauth"]


def make_seed(base_url: str, trust_root: Path) -> Seed:
    """Return a seed with new random secrets; the first user owns one credential of each kind."""
    first, second = SUBJECTS
    wanted: list[tuple[str, KeyType, _Factors]] = [
        (first, key_type, factors) for factors in ("pin", "pin-otp", "oauth") for key_type in KeyType
    ]
    wanted += [(second, KeyType.RSA_2048, "pin"), (second, KeyType.P_256, "pin-otp"), (second, KeyType.P_256, "oauth")]
    return Seed(
        base_url=base_url,
        trust_root=str(trust_root),
        clients=tuple(_clients()),
        account_client=SeedClient(
            client_id="csc2-accounts",
            client_secret=_secret(),
            profile=ClientProfile.CSC2,
            redirect_uris=(REDIRECT_URI,),
        ),
        users=(
            SeedUser(username=first, password=_secret(), totp_secret=None),
            SeedUser(username=second, password=_secret(), totp_secret=new_seed()),
        ),
        credentials=(
            *(_credential(*each) for each in wanted),
            *(_unusable(second, state) for state in ("disabled", "expired")),
        ),
    )


def _clients() -> Iterator[SeedClient]:
    for client_id, secret, profile in (
        ("csc1-application", _secret(), ClientProfile.CSC1),
        ("csc2-application", _secret(), ClientProfile.CSC2),
        ("csc2-native", None, ClientProfile.CSC2),
    ):
        yield SeedClient(client_id=client_id, client_secret=secret, profile=profile, redirect_uris=(REDIRECT_URI,))


def _credential(username: str, key_type: KeyType, factors: _Factors) -> SeedCredential:
    """Return a planned credential: PIN alone is SCAL 1, PIN and one-time code are SCAL 2 (decision 17)."""
    alone = factors == "pin"
    return SeedCredential(
        credential_id=f"{username}-{key_type.value.lower()}-{factors}",
        username=username,
        key=key_type,
        auth_mode=AuthMode.OAUTH2CODE if factors == "oauth" else AuthMode.EXPLICIT,
        scal=Scal.ONE if alone else Scal.TWO,
        pin=random_digits(PIN_DIGITS),
        totp_secret=None if alone else new_seed(),
    )


def _unusable(username: str, state: Literal["disabled", "expired"]) -> SeedCredential:
    planned = _credential(username, KeyType.P_256, "pin")
    return planned.model_copy(update={"credential_id": f"{username}-p-256-{state}", "state": state})


def make_modes(username: str, keys: Path) -> dict[str, SeedMode]:
    """Return one planned credential for each other mode; `keys` is the folder of private keys."""
    pin, totp, two = {"pin": random_digits(PIN_DIGITS)}, {"totp_secret": new_seed()}, {"scal": Scal.TWO}
    plans: dict[str, dict[str, Any]] = {
        "otp": totp,
        "online-otp": {"online": True},
        "pin-online-otp": pin | two | {"online": True},
        "key": pin | two | {"response_key": str(keys / "response-key.pem")},
        "implicit": pin | totp | two | {"auth_mode": AuthMode.IMPLICIT},
        "implicit-pin": pin | {"auth_mode": AuthMode.IMPLICIT},
        "out-of-band": pin | totp | two | {"auth_mode": AuthMode.OUT_OF_BAND},
    }
    default = {"username": username, "key": KeyType.P_256, "auth_mode": AuthMode.EXPLICIT, "scal": Scal.ONE}
    return {
        name: SeedMode.model_validate(default | plan | {"credential_id": f"{username}-p-256-{name}"})
        for name, plan in plans.items()
    }


def _secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)
