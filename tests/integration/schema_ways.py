"""Live values for generated requests: tokens of each scope, approvals to sign with, tokens to revoke.

Each way takes the body that was generated and puts in what must be live for the request to succeed; the
rest of the body stays as it was generated. A way that follows from another answer (signHash from authorize,
authorizeCheck from a pending approval) fetches that answer first, as a client would.
"""

import base64
import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import requests

from integration.code_flow import Application, challenge_of, rich_request
from integration.csc_client import SHA256, CscClient, algorithm_for
from integration.service import Seed

Body = dict[str, Any]
Headers = dict[str, str]

FRESH = 40.0
"""Seconds after which an approval is fetched again; a SAD lives for 120."""
MANY = 1000
"""Signatures of one approval of a credential with SCAL 1."""
SAME_DIGEST = bytes(range(32))


def digest() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Stock:
    """A value that is good for some uses and some time; `fetch` brings the next one."""

    def __init__(self, fetch: Callable[[], Any], uses: int) -> None:
        self._fetch, self._uses = fetch, uses
        self._left, self._since, self._value = 0, 0.0, None

    def take(self) -> Any:
        if not self._left or time.monotonic() - self._since > FRESH:
            self._value, self._left, self._since = self._fetch(), self._uses, time.monotonic()
        self._left -= 1
        return self._value

    def replace(self, value: Any) -> None:
        self._value = value


class Ways:
    """Ways to a success for one API version of one server."""

    def __init__(self, seed: Seed, version: str) -> None:
        self.seed, self.version = seed, version
        self.user = seed.users[0]
        self.credential = next(c for c in seed.credentials if c.key == "P-256" and c.credential_id.endswith("-pin"))
        self.bound = next(
            c
            for c in seed.credentials
            if c.key == "P-256" and c.auth_mode == "oauth2code" and c.username == self.user.username
        )
        self.application = Application(seed.base_url, version, seed.csc2 if version == "v2" else seed.csc1)
        self.client = CscClient(seed.base_url, version, self.service_token)
        self.sads = Stock(lambda: self._authorize(MANY), MANY)
        self.extended = Stock(lambda: self._authorize(MANY), 10_000)
        self.jobs = Stock(self._sign_later, 20)
        self.handles = Stock(self._ask_signer, 10_000)
        self.refresh = ""

    # Tokens of each scope.

    @cached_property
    def service_token(self) -> str:
        return self._login()["access_token"]

    @cached_property
    def client_token(self) -> str:
        return self._client_token("service")

    @cached_property
    def creation_token(self) -> str:
        return self._client_token("credential-creation")

    @cached_property
    def deletion_token(self) -> str:
        return self._client_token("credential-deletion")

    @cached_property
    def credential_token(self) -> str:
        """A token of scope credential for many signatures of one digest."""
        asked = rich_request(self.bound.credential_id, [SAME_DIGEST] * 100, SHA256)
        application = Application(self.seed.base_url, "v2", self.seed.csc2)
        return application.tokens(application.ask(asked, self.user, self.bound))["access_token"]

    @property
    def tokens(self) -> list[str | None]:
        """What a caller may come with: the right token, those of other scopes, one of nobody, none."""
        live = [self.service_token, self.client_token, self.credential_token]
        more = [self.creation_token, self.deletion_token] if self.version == "v2" else []
        return [*live, *more, "A" * 43, None]

    def headers(self, operation: str, token: str | None) -> Headers:
        if operation.startswith("oauth2"):
            return self.client_headers() if token else {}
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def client_headers(self) -> Headers:
        client = self.application.client
        return {
            "Authorization": "Basic " + base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
        }

    def known_client(self) -> Body:
        client = self.application.client
        return {"client_id": client.client_id, "redirect_uri": client.redirect_uris[0]}

    # Ways, by operationId.

    def help(self, operation: str, body: Body) -> tuple[Body, Headers]:
        """Return the body with live values, and the headers of a caller who may."""
        way = getattr(self, "_" + operation, None)
        if way is None:
            return body, self.headers(operation, self.service_token)
        found = way(body)
        return found if isinstance(found, tuple) else (found, self.headers(operation, self.service_token))

    def learn(self, operation: str, answer: Body) -> None:
        """Keep what an answer replaces: a SAD, a refresh token."""
        if operation == "credentialsExtendTransaction":
            self.extended.replace(answer["SAD"])
        elif operation == "credentialsAuthorizeCheck":
            self.handles.replace(answer["handle"])
        elif operation == "authLogin":
            self.refresh = answer.get("refresh_token", "")
        elif operation == "credentialsCreate":
            self._delete(answer["credentialID"])

    def _authLogin(self, body: Body) -> tuple[Body, Headers]:
        if not self.refresh:
            self.refresh = self._login()["refresh_token"]
        token, self.refresh = self.refresh, ""
        return body | {"refresh_token": token}, {}

    def _authLoginByGet(self, body: Body) -> tuple[Body, Headers]:
        pair = f"{self.user.username}:{self.user.password}".encode()
        return body, {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def _authRevoke(self, body: Body) -> tuple[Body, Headers]:
        token = self._client_token("service")
        return body | {"token": token}, {"Authorization": f"Bearer {token}"}

    def _credentialsList(self, body: Body) -> Body:
        return without(body, "userID", "pageToken")

    def _credentialsInfo(self, body: Body) -> Body:
        return body | {"credentialID": self.credential.credential_id}

    def _credentialsAuthorize(self, body: Body) -> Body:
        body = without(body, "hash", "hashes", "hashAlgorithmOID", "OTP") | {
            "credentialID": self.credential.credential_id, "numSignatures": 1,
        }  # fmt: skip
        return body | self._factors() | ({} if "description" in body else self._hashes(1))

    def _credentialsAuthorizeCheck(self, body: Body) -> Body:
        return body | {"handle": self.handles.take()}

    def _credentialsGetChallenge(self, body: Body) -> Body:
        return body | {"credentialID": self.seed.modes["key"].credential_id, "authObjectID": "KEY"}

    def _credentialsSendOTP(self, body: Body) -> Body:
        return body | {"credentialID": self.seed.modes["online-otp"].credential_id}

    def _credentialsCreate(self, body: Body) -> tuple[Body, Headers]:
        body = without(body, "certificatePolicy", "subjectData")
        request = {"credentialCreationRequest": {"subjectData": {"sub": self.user.username}}}
        return body | request, {"Authorization": f"Bearer {self.creation_token}"}

    def _credentialsDelete(self, body: Body) -> tuple[Body, Headers]:
        made, headers = self._credentialsCreate({})
        name = self.client.http.post(self.client.url("credentials/create"), json=made, headers=headers, timeout=60)
        kept = without(body, "credentialDeletionRequest", "revoke", "revocationReason")
        return kept | {"credentialID": name.json()["credentialID"]}, {"Authorization": f"Bearer {self.deletion_token}"}

    def _credentialsExtendTransaction(self, body: Body) -> Body:
        body = without(body, "hash", "hashes", "hashAlgorithmOID")
        return body | {"credentialID": self.credential.credential_id, "SAD": self.extended.take()}

    def _signaturesSignHash(self, body: Body) -> Body | tuple[Body, Headers]:
        body = without(body, "signAlgoParams", "hashAlgo", "operationMode", "validity_period", "response_uri")
        body |= {"credentialID": self.credential.credential_id, "signAlgo": algorithm_for(self.credential)}
        return body | {"SAD": self.sads.take()} | self._hashes(1)

    def _signaturesSignPolling(self, body: Body) -> Body:
        return without(body, "userID") | {"requestID": self.jobs.take()}

    def _signaturesTimestamp(self, body: Body) -> Body:
        return body | {"hash": digest(), "hashAlgo": SHA256}

    def _oauth2Authorize(self, body: Body) -> tuple[Body, Headers]:
        query = {name: value for name, value in body.items() if name in {"lang", "state", "clientData", "description"}}
        query |= {"response_type": "code", **self.known_client()}
        return query | {
            "code_challenge": challenge_of("a" * 43),
            "code_challenge_method": "S256",
            "scope": "service",
        }, {}

    def _oauth2PushedAuthorize(self, body: Body) -> tuple[Body, Headers]:
        return self._oauth2Authorize(body)[0], self.client_headers()

    def _oauth2Token(self, body: Body) -> tuple[Body, Headers]:
        kept = {name: value for name, value in body.items() if name == "clientData"}
        return kept | {"grant_type": "client_credentials", "scope": "service"}, self.client_headers()

    def _oauth2Revoke(self, body: Body) -> tuple[Body, Headers]:
        kept = {name: value for name, value in body.items() if name in {"token_type_hint", "clientData"}}
        return kept | {"token": self._client_token("service")}, self.client_headers()

    # Parts.

    def _login(self) -> Body:
        with requests.Session() as http:
            http.trust_env = False
            url, auth = f"{self.seed.base_url}/csc/{self.version}/auth/login", (self.user.username, self.user.password)
            answer = http.post(url, json={"rememberMe": True}, auth=auth, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _client_token(self, scope: str) -> str:
        answer = self.application.token({"grant_type": "client_credentials", "scope": scope})
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def _ask_signer(self) -> str:
        body = {"credentialID": self.seed.modes["implicit"].credential_id, "numSignatures": 1} | self._hashes(1)
        return self.client.post("credentials/authorize", body).json()["handle"]

    def _delete(self, credential_id: str) -> None:
        token = self.deletion_token
        assert self.client.post("credentials/delete", {"credentialID": credential_id}, token=token).status_code == 204

    def _factors(self) -> Body:
        if self.version == "v1":
            return {"PIN": self.credential.pin}
        return {"authData": [{"id": "PIN", "value": self.credential.pin}]}

    def _hashes(self, count: int) -> Body:
        values = [digest() for _ in range(count)]
        return {"hash": values} if self.version == "v1" else {"hashes": values, "hashAlgorithmOID": SHA256}

    def _authorize(self, number: int) -> str:
        body = {"credentialID": self.credential.credential_id, "numSignatures": number} | self._factors()
        return self.client.call("credentials/authorize", body)["SAD"]

    def _sign_later(self) -> str:
        body, _ = self.help("signaturesSignHash", {})
        return self.client.call("signatures/signHash", body | {"operationMode": "A"})["responseID"]


def without(body: Body, *names: str) -> Body:
    return {name: value for name, value in body.items() if name not in names}
