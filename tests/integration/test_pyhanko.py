"""pyHanko's own CSC client signs PDF documents through us; no line of that client is ours.

Its dialect is that of 1.0.4.0. On /csc/v2 only its URLs change, which a client of profile csc1 may do (interop R14).
"""

import asyncio
import base64
import io
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationInfo,
    CSCAuthorizationManager,
    CSCCredentialInfo,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)

from integration.code_flow import Application, credential_request
from integration.csc_client import SHA256, SHA384, SHA512
from integration.documents import Checker, blank_pdf
from integration.one_time_codes import OneTimeCodes
from integration.service import Credential, Seed

BATCH = 20
DIGESTS = {"RSA-2048": "sha256", "RSA-3072": "sha384", "RSA-4096": "sha512", "P-256": "sha256", "P-384": "sha384"}
"""The digest that pyHanko chooses for a key of this size (interop R13)."""
OIDS = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}

Authorize = Callable[[CSCServiceSessionInfo, list[str]], Awaitable[CSCAuthorizationInfo]]


@dataclass(frozen=True)
class Job:
    """One run of pyHanko: so many documents with one credential in one batch."""

    credential: Credential
    version: str
    pss: bool
    count: int

    @property
    def digest(self) -> str:
        return DIGESTS[self.credential.key]

    @property
    def mechanism(self) -> str:
        if self.credential.key.startswith("P-"):
            return f"{self.digest}_ecdsa"
        return "rsassa_pss" if self.pss else f"{self.digest}_rsa"


class Authorization(CSCAuthorizationManager):
    """Gets one SAD for all hashes of a batch, by the way it is given."""

    def __init__(self, session: CSCServiceSessionInfo, info: CSCCredentialInfo, authorize: Authorize) -> None:
        super().__init__(session, info)
        self._authorize = authorize
        self.calls = 0

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        self.calls += 1
        return await self._authorize(self.csc_session_info, hash_b64s)


class ExplicitAuthorization(Authorization):
    """credentials/authorize with what pyHanko itself puts into the request."""

    def __init__(
        self, http: aiohttp.ClientSession, session: CSCServiceSessionInfo, info: CSCCredentialInfo, job: Job,
        codes: OneTimeCodes,
    ) -> None:  # fmt: skip
        super().__init__(session, info, self._call)
        self._http, self._job, self._codes = http, job, codes

    async def _call(self, session: CSCServiceSessionInfo, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        secret = self._job.credential.totp_secret
        otp = await asyncio.to_thread(self._codes.next, secret) if secret else None
        hashes = hash_b64s if self.credential_info.hash_pinning_required else None
        body = self.format_csc_auth_request(
            num_signatures=len(hash_b64s), pin=self._job.credential.pin, otp=otp, hash_b64s=hashes
        )
        url: str = session.endpoint_url("credentials/authorize")  # type: ignore[no-untyped-call] # pyHanko's
        async with self._http.post(url, headers=self.auth_headers, json=body) as response:
            assert response.status == 200, await response.text()
            return self.parse_csc_auth_response(await response.json())


class CodeFlowAuthorization(Authorization):
    """The OAuth 2.0 code flow of scope credential; its access token is the SAD (CSC 1.0.4.0, 8.3.2)."""

    def __init__(
        self, session: CSCServiceSessionInfo, info: CSCCredentialInfo, job: Job, seed: Seed, application: Application
    ) -> None:
        super().__init__(session, info, self._call)
        self._job, self._seed, self._application = job, seed, application

    async def _call(self, session: CSCServiceSessionInfo, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        digests = [base64.b64decode(value) for value in hash_b64s]
        token = await asyncio.to_thread(self._run_flow, digests)
        return CSCAuthorizationInfo(sad=token)

    def _run_flow(self, digests: list[bytes]) -> str:
        job, application = self._job, self._application
        credential = job.credential
        request = credential_request(job.version, credential.credential_id, digests, OIDS[job.digest])
        grant = application.ask(request, self._seed.user(credential.username), credential)
        tokens = application.tokens(grant)
        assert tokens["token_type"] == ("SAD" if job.version == "v1" else "Bearer")
        assert "refresh_token" not in tokens
        token = tokens["access_token"]
        assert isinstance(token, str)
        return token


class Signing:
    """Signs with pyHanko and has every document judged."""

    def __init__(self, seed: Seed, codes: OneTimeCodes, folder: Path) -> None:
        self.seed = seed
        self.codes = codes
        self.checker = Checker(seed.trust_root, folder)
        self.applications = {v: Application(seed.base_url, v, seed.csc1) for v in ("v1", "v2")}
        self._service_tokens: dict[str, str] = {}

    def service_token(self, version: str) -> str:
        if version not in self._service_tokens:
            self._service_tokens[version] = self.applications[version].service_token(self.seed.users[0])
        return self._service_tokens[version]

    def run(self, job: Job, *, by_code_flow: bool = False) -> None:
        session = CSCServiceSessionInfo(
            self.seed.base_url, job.credential.credential_id, self.service_token(job.version), job.version
        )
        info, documents = asyncio.run(self._sign(job, session, by_code_flow=by_code_flow))
        assert len(documents) == job.count
        for document in documents:
            self.checker.check(document, info.signing_cert, digest=job.digest, mechanism=job.mechanism)

    async def _sign(
        self, job: Job, session: CSCServiceSessionInfo, *, by_code_flow: bool
    ) -> tuple[CSCCredentialInfo, list[bytes]]:
        async with aiohttp.ClientSession() as http:
            info = await fetch_certs_in_csc_credential(http, session)
            assert info.max_batch_size >= BATCH
            assert info.hash_pinning_required is (job.credential.scal == "2")
            authorization: Authorization = (
                CodeFlowAuthorization(session, info, job, self.seed, self.applications[job.version])
                if by_code_flow
                else ExplicitAuthorization(http, session, info, job, self.codes)
            )
            signer = CSCSigner(http, authorization, prefer_pss=job.pss, batch_size=job.count)
            documents = await asyncio.gather(*(_sign_one(signer, number) for number in range(job.count)))
            assert authorization.calls == 1, "one authorization covers the batch"
            return info, list(documents)


async def _sign_one(signer: CSCSigner, number: int) -> bytes:
    metadata = PdfSignatureMetadata(field_name="Signature1", subfilter=SigSeedSubFilter.PADES)
    writer = IncrementalPdfFileWriter(io.BytesIO(blank_pdf(f"Prescription {number}")))
    output = await PdfSigner(metadata, signer).async_sign_pdf(writer)
    document = output.getvalue()
    assert isinstance(document, bytes)
    return document


@pytest.fixture(scope="module")
def signing(seed: Seed, codes: OneTimeCodes, tmp_path_factory: pytest.TempPathFactory) -> Signing:
    return Signing(seed, codes, tmp_path_factory.mktemp("pyhanko"))


VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])
COUNTS = pytest.mark.parametrize("count", [1, BATCH], ids=["one", "batch"])
SUITES = pytest.mark.parametrize(
    ("key", "pss"),
    [
        ("RSA-2048", False), ("RSA-4096", False), ("P-256", False), ("P-384", False), ("RSA-2048", True),
        ("RSA-4096", True),
    ],
    ids=lambda value: {True: "pss", False: "plain"}.get(value, value),
)  # fmt: skip


@VERSIONS
@COUNTS
@SUITES
def test_R14_pyhanko_signs_with_a_pin_alone(signing: Signing, version: str, count: int, key: str, pss: bool) -> None:
    signing.run(Job(signing.seed.choose(key=key), version, pss, count))


@pytest.mark.parametrize("pss", [False, True], ids=["plain", "pss"])
def test_R13_pyhanko_signs_with_rsa_3072(signing: Signing, pss: bool) -> None:
    signing.run(Job(signing.seed.choose(key="RSA-3072"), "v1", pss, 1))


def _pin_and_code_jobs() -> list[tuple[str, str, bool, int]]:
    """Each pair of version and count for each key, codes' waiting times side by side: round by round."""
    rounds = [("v1", False, BATCH), ("v2", True, BATCH), ("v1", True, 1), ("v2", False, 1)]
    return [(key, *job) for job in rounds for key in ("RSA-2048", "RSA-4096", "P-256", "P-384")]


@pytest.mark.parametrize(("key", "version", "pss", "count"), _pin_and_code_jobs())
def test_pyhanko_signs_with_pin_and_totp_all_hashes_in_one_authorization(
    signing: Signing, key: str, version: str, pss: bool, count: int
) -> None:
    signing.run(Job(signing.seed.choose(key=key, scal="2"), version, pss, count))


def _code_flow_jobs() -> list[tuple[str, str, bool, int]]:
    """A batch on each version for each key, and single documents where codes are left."""
    batches = [("v1", True, BATCH), ("v2", False, BATCH)]
    singles = [("RSA-2048", "v1", False, 1), ("RSA-4096", "v2", True, 1), ("P-256", "v2", False, 1)]
    return [(key, *job) for job in batches for key in ("RSA-2048", "RSA-4096", "P-256", "P-384")] + singles


@pytest.mark.parametrize(("key", "version", "pss", "count"), _code_flow_jobs())
def test_R17_pyhanko_signs_after_the_oauth_code_flow(
    signing: Signing, key: str, version: str, pss: bool, count: int
) -> None:
    credential = signing.seed.choose(key=key, auth_mode="oauth2code", scal="2")
    signing.run(Job(credential, version, pss, count), by_code_flow=True)


def _every_job() -> list[tuple[str, str, bool, int, bool]]:
    """The full cross of key, padding, version and count for both ways with codes, in rounds that share waiting times."""
    paddings = {"RSA-2048": (False, True), "RSA-4096": (False, True), "P-256": (False,), "P-384": (False,)}
    jobs = [
        [(key, version, pss, count, flow) for version in ("v1", "v2") for pss in paddings[key] for count in (1, BATCH)]
        for key in paddings
        for flow in (False, True)
    ]
    return [job for turn in itertools.zip_longest(*jobs) for job in turn if job is not None]


@pytest.mark.nightly
@pytest.mark.parametrize(("key", "version", "pss", "count", "flow"), _every_job())
def test_R17_pyhanko_signs_in_every_combination_with_codes(
    signing: Signing, key: str, version: str, pss: bool, count: int, flow: bool
) -> None:
    more = {"auth_mode": "oauth2code"} if flow else {}
    signing.run(Job(signing.seed.choose(key=key, scal="2", **more), version, pss, count), by_code_flow=flow)
