"""Every endpoint of the API as data: path, versions, whose token it takes, its checks in order, its handler."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from csc_server.values import ApiVersion
from csc_server.web.api import checks, credentials, login, signatures
from csc_server.web.api.call import Call, Scope
from csc_server.web.api.info import NoArguments, info

V1, V2 = ApiVersion.V1, ApiVersion.V2
BOTH = (V1, V2)

NO_TOKEN: frozenset[Scope] = frozenset()
SERVICE = frozenset({Scope.SERVICE})
SERVICE_OR_CREDENTIAL = frozenset({Scope.SERVICE, Scope.CREDENTIAL})

Check = tuple[str, Callable[[Call], object]]
"""The field of the arguments a check fills, and the check."""


@dataclass(frozen=True)
class Endpoint:
    """One method of the API.

    Args:
        method: its name, which is its path under the base path and its entry in info.methods.
        handler: gets the call and its checked arguments; None as the answer is 204 without content.
        arguments: the dataclass that the checks fill, one field a check, read or not.
        scopes: of the tokens it takes, per version; NO_TOKEN asks for none.
        verbs: POST, and GET where clients are known to use it (R8).
        may_be_empty_array: whether `[]` stands for "nothing to say" (R7).
    """

    method: str
    handler: Callable[[Call, Any], dict[str, Any] | None]
    arguments: type[Any]
    checks: tuple[Check, ...]
    scopes: dict[ApiVersion, frozenset[Scope]]
    versions: tuple[ApiVersion, ...] = BOTH
    verbs: tuple[str, ...] = ("POST",)
    may_be_empty_array: bool = field(default=False)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "info",
        info,
        NoArguments,
        checks=(),
        scopes={V1: NO_TOKEN, V2: NO_TOKEN},
        verbs=("GET", "POST"),
        may_be_empty_array=True,
    ),
    Endpoint(
        "auth/login",
        login.log_in,
        login.LoginArguments,
        checks=(
            ("refresh_token", login.refresh_token),
            ("identity", login.identity),
            ("remember_me", login.remember_me),
            ("client_data", checks.client_data),
        ),
        scopes={V1: NO_TOKEN, V2: NO_TOKEN},
        verbs=("GET", "POST"),
        may_be_empty_array=True,
    ),
    Endpoint(
        "auth/revoke",
        login.revoke,
        login.RevokeArguments,
        checks=(
            ("token", login.token),
            ("hint", login.token_type_hint),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
        may_be_empty_array=True,
    ),
    Endpoint(
        "credentials/list",
        credentials.list_credentials,
        credentials.ListArguments,
        checks=(
            ("after", credentials.after),
            ("signer_id", credentials.user_id),
            ("page_size", credentials.page_size),
            ("credential_info", credentials.credential_info),
            ("detail", credentials.list_detail),
            ("only_valid", credentials.only_valid),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
        may_be_empty_array=True,
    ),
    Endpoint(
        "credentials/info",
        credentials.describe_credential,
        credentials.InfoArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("certificates", checks.certificates),
            ("certificate_info", checks.certificate_info),
            ("authentication", checks.authentication_info),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE_OR_CREDENTIAL},
    ),
    Endpoint(
        "credentials/authorize",
        signatures.authorize,
        signatures.AuthorizeArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("num_signatures", checks.num_signatures),
            ("hashes", checks.optional_hashes),
            ("hash_algorithm", checks.hash_algorithm_beside_hashes),
            ("evidence", checks.evidence),
            ("description", checks.description),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
    ),
    Endpoint(
        "credentials/extendTransaction",
        signatures.extend_transaction,
        signatures.ExtendArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("sad", checks.sad),
            ("hashes", checks.optional_hashes),
            ("hash_algorithm", checks.hash_algorithm_beside_hashes),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
    ),
    Endpoint(
        "signatures/signHash",
        signatures.sign_hash,
        signatures.SignHashArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("sad", checks.sad_or_bearer),
            ("hashes", checks.required_hashes),
            ("sign_algorithm", checks.sign_algorithm),
            ("parameters", checks.sign_parameters),
            ("hash_algorithm", checks.hash_algorithm),
            ("operation_mode", checks.operation_mode),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE_OR_CREDENTIAL},
    ),
)

NOT_IMPLEMENTED: dict[ApiVersion, tuple[str, ...]] = {
    V1: ("credentials/sendOTP", "signatures/timestamp"),
    V2: (
        "credentials/authorizeCheck",
        "credentials/getChallenge",
        "credentials/sendOTP",
        "credentials/create",
        "credentials/delete",
        "signatures/signDoc",
        "signatures/signPolling",
        "signatures/timestamp",
    ),
}
"""Methods of the specification that this server does not have: 501, and not in info.methods."""
