"""Every endpoint of the API as data: path, versions, whose token it takes, its checks in order, its handler."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from csc_server.settings import WebSettings
from csc_server.values import ApiVersion
from csc_server.web.api import (
    asynchronous,
    authorizing,
    checks,
    credential_custody,
    credentials,
    login,
    signatures,
    timestamp,
)
from csc_server.web.api.authentication_data import authentication_data
from csc_server.web.api.call import Accepted, Call, Created, Scope
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
        is_offered: whether the settings switch it on; else it answers 501 and is not in info.methods.
        brings_evidence: whether it makes the signer process compare or send a secret, or make or destroy a key: fewer
            of these are taken in a minute (IN-21).
    """

    method: str
    handler: Callable[[Call, Any], dict[str, Any] | Accepted | Created | None]
    arguments: type[Any]
    checks: tuple[Check, ...]
    scopes: dict[ApiVersion, frozenset[Scope]]
    versions: tuple[ApiVersion, ...] = BOTH
    verbs: tuple[str, ...] = ("POST",)
    may_be_empty_array: bool = field(default=False)
    is_offered: Callable[[WebSettings], bool] = field(default=lambda _settings: True)
    brings_evidence: bool = field(default=False)


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
        authorizing.authorize,
        authorizing.AuthorizeArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("num_signatures", checks.num_signatures),
            ("hashes", checks.optional_hashes),
            ("hash_algorithm", checks.hash_algorithm_beside_hashes),
            ("authentication", authentication_data),
            ("description", checks.description),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
        brings_evidence=True,
    ),
    Endpoint(
        "credentials/authorizeCheck",
        authorizing.check,
        authorizing.CheckArguments,
        checks=(("handle", authorizing.handle),),
        scopes={V2: SERVICE},
        versions=(V2,),
    ),
    Endpoint(
        "credentials/getChallenge",
        authorizing.get_challenge,
        authorizing.ChallengeArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("object_id", authorizing.object_id),
        ),
        scopes={V2: SERVICE},
        versions=(V2,),
        brings_evidence=True,
    ),
    Endpoint(
        "credentials/sendOTP",
        authorizing.send_otp,
        authorizing.SendArguments,
        checks=(
            ("credential_id", checks.credential_id),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
        is_offered=lambda settings: settings.online_codes,
        brings_evidence=True,
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
            ("operation_mode", asynchronous.operation_mode),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE_OR_CREDENTIAL},
    ),
    Endpoint(
        "signatures/signPolling",
        asynchronous.poll,
        asynchronous.PollingArguments,
        checks=(
            ("request_id", asynchronous.request_id),
            ("user_id", asynchronous.user_id),
            ("client_data", checks.client_data),
        ),
        scopes={V2: SERVICE},
        versions=(V2,),
        is_offered=lambda settings: settings.asynchronous,
    ),
    Endpoint(
        "signatures/timestamp",
        timestamp.timestamp,
        timestamp.TimestampArguments,
        checks=(
            ("digest", timestamp.digest),
            ("hash_algorithm", timestamp.hash_algorithm),
            ("nonce", timestamp.nonce),
            ("client_data", checks.client_data),
        ),
        scopes={V1: SERVICE, V2: SERVICE},
        is_offered=lambda settings: settings.timestamp is not None,
    ),
    Endpoint(
        "credentials/create",
        credential_custody.create,
        credential_custody.CreateArguments,
        checks=(
            ("policy", credential_custody.policy),
            ("signer_id", credential_custody.signer_id),
            ("credential_info", credential_custody.credential_info),
            ("detail", credential_custody.detail),
            ("client_data", checks.client_data),
        ),
        scopes={V2: frozenset({Scope.CREATION})},
        versions=(V2,),
        is_offered=lambda settings: settings.certificate_issuer is not None,
        brings_evidence=True,
    ),
    Endpoint(
        "credentials/delete",
        credential_custody.delete,
        credential_custody.DeleteArguments,
        checks=(
            ("credential_id", credential_custody.credential_id),
            ("reason", credential_custody.reason),
            ("client_data", checks.client_data),
        ),
        scopes={V2: frozenset({Scope.DELETION})},
        versions=(V2,),
        is_offered=lambda settings: settings.certificate_issuer is not None,
        brings_evidence=True,
    ),
)

NOT_IMPLEMENTED: dict[ApiVersion, tuple[str, ...]] = {
    V1: (),
    V2: ("signatures/signDoc",),
}
"""Methods of the specification that this server does not have: 501, and not in info.methods."""
