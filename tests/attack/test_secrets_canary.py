"""AD-08: after every flow, right and wrong, no secret stands in a log, a database or any file of the server.

Only what `dev` is documented to write for people may hold secrets: the seed, and the files beside it that the
banner's curl lines read.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest

from integration.code_flow import Application, Browser, Page, evidence_for, rich_request
from integration.csc_client import SHA256, CscClient, algorithm_for, auth_data, base64_of, digests_of
from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, Seed, Service

CANARY_PIN = "73310842969"
CANARY_PASSWORD = "canary-password-öß-4711"
CANARY_SECRET = "canary-client-secret-4711"
CANARY_TOKEN = "canaryTokenCanaryTokenCanaryTokenCanaryToken"
CANARY_DATA = "canary-client-data-may-be-logged"


@dataclass
class Secrets:
    """Every secret of a run, by what it is."""

    values: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, value: str) -> str:
        assert len(value) >= 4
        self.values[f"{name} {len(self.values)}"] = value
        return value


@pytest.fixture(scope="module")
def secrets_of_all_flows(own_service: Service) -> Secrets:
    seed, kept = own_service.seed, Secrets()
    _keep_the_seed(seed, kept)
    for version in ("v1", "v2"):
        _explicit_flow(seed, version, kept)
        _oauth_flow(seed, version, kept)
        _wrong_secrets(seed, version, kept)
    return kept


def _keep_the_seed(seed: Seed, kept: Secrets) -> None:
    for client in seed.clients:
        if client.client_secret:
            kept.keep("client secret", client.client_secret)
    for user in seed.users:
        kept.keep("password", user.password)
        if user.totp_secret:
            kept.keep("login seed", user.totp_secret)
    for credential in seed.credentials:
        kept.keep("PIN", credential.pin)
        if credential.totp_secret:
            kept.keep("OTP seed", credential.totp_secret)


def _explicit_flow(seed: Seed, version: str, kept: Secrets) -> None:
    client = CscClient(seed.base_url, version)
    answer = client.http.post(
        client.url("auth/login"), json={"rememberMe": True}, auth=(seed.users[0].username, seed.users[0].password), timeout=60
    ).json()  # fmt: skip
    client.token = kept.keep("access token", answer["access_token"])
    if "refresh_token" in answer:
        kept.keep("refresh token", answer["refresh_token"])
        again = client.http.post(client.url("auth/login"), json={"refresh_token": answer["refresh_token"]}, timeout=60)
        kept.keep("access token", again.json()["access_token"])
    credential = seed.choose(key="P-384")
    digests = digests_of(2, SHA256, f"canary {version}")
    sad = kept.keep("SAD", client.authorize(credential, digests, SHA256, clientData=CANARY_DATA))
    client.sign(credential.credential_id, digests[:1], algorithm_for(credential), sad=sad)
    extended = client.call("credentials/extendTransaction", {"credentialID": credential.credential_id, "SAD": sad})
    sad = kept.keep("SAD", extended["SAD"])
    client.sign(credential.credential_id, digests[1:], algorithm_for(credential), sad=sad)
    client.post(
        "signatures/signHash",
        client.sign_body(credential.credential_id, digests, algorithm_for(credential)) | {"SAD": sad},
    )
    client.post("auth/revoke", {"token": client.token})


def _oauth_flow(seed: Seed, version: str, kept: Secrets) -> None:
    application = Application(seed.base_url, version, seed.csc1)
    browser = Browser()
    grant = application.ask({"scope": "service"}, seed.users[0], browser=browser)
    _keep_cookies(browser, kept)
    kept.keep("code", grant.code)
    kept.keep("verifier", grant.verifier or "none")
    tokens = application.tokens(grant)
    kept.keep("access token", tokens["access_token"])
    kept.keep("refresh token", tokens["refresh_token"])
    rotated = application.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}).json()
    kept.keep("access token", rotated["access_token"])
    kept.keep("refresh token", rotated["refresh_token"])
    credential = min(seed.of_kind("oauth2code", "2"), key=lambda c: codes_of_this_run.wait(c.totp_secret or ""))
    digests = digests_of(1, SHA256, "canary")
    browser = Browser()
    grant = Application(seed.base_url, "v2", seed.csc2).ask(
        rich_request(credential.credential_id, digests, SHA256), seed.users[0], credential, browser=browser
    )
    _keep_cookies(browser, kept)
    kept.keep("code", grant.code)
    tokens = Application(seed.base_url, "v2", seed.csc2).tokens(grant)
    token = kept.keep("credential token", tokens["access_token"])
    client = CscClient(seed.base_url, "v2", token)
    client.sign(credential.credential_id, digests, algorithm_for(credential))


def _keep_cookies(browser: Browser, kept: Secrets) -> None:
    for cookie in browser.http.cookies:
        if cookie.value and len(cookie.value) >= 16:
            kept.keep(f"cookie {cookie.name}", cookie.value)


def _wrong_secrets(seed: Seed, version: str, kept: Secrets) -> None:
    client = CscClient(seed.base_url, version)
    pair = (seed.users[0].username, kept.keep("wrong password", CANARY_PASSWORD))
    pair_bytes = f"{pair[0]}:{pair[1]}".encode()
    header = "Basic " + kept.keep("Basic pair", base64.b64encode(pair_bytes).decode())
    client.http.post(client.url("auth/login"), json={}, headers={"Authorization": header}, timeout=60)
    client.token = client.login(seed.users[0])
    kept.keep("access token", client.token)
    credential = seed.choose(key="P-384")
    kept.keep("wrong PIN", CANARY_PIN)
    body = {"credentialID": credential.credential_id, "numSignatures": 1}
    wrong = {"PIN": CANARY_PIN} if version == "v1" else {"authData": [{"id": "PIN", "value": CANARY_PIN}]}
    client.post("credentials/authorize", body | wrong)
    client.post(
        "credentials/authorize", body | {"PIN": int(CANARY_PIN), "authData": [{"id": "PIN", "value": int(CANARY_PIN)}]}
    )
    client.http.post(client.url("credentials/authorize"), data=f'{{"PIN":"{CANARY_PIN}",', timeout=60,
                     headers={"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"})  # fmt: skip
    for token in (kept.keep("wrong token", CANARY_TOKEN + version), CANARY_TOKEN + version + " x"):
        client.post("credentials/list", token=token)
    client.post("auth/revoke", {"token": CANARY_TOKEN + version})
    client.http.post(client.url("credentials/list") + f"?access_token={CANARY_TOKEN}{version}", json={}, timeout=60)
    sad = kept.keep("wrong SAD", f"{CANARY_TOKEN}.{CANARY_TOKEN}.{CANARY_TOKEN}")
    sign = client.sign_body(credential.credential_id, digests_of(1, SHA256), algorithm_for(credential))
    client.post("signatures/signHash", sign | {"SAD": sad})
    client.post("credentials/extendTransaction", {"credentialID": credential.credential_id, "SAD": sad})
    application = Application(seed.base_url, version, seed.csc2)
    kept.keep("wrong client secret", CANARY_SECRET)
    for form in (
        {"client_secret": CANARY_SECRET},
        {"refresh_token": CANARY_TOKEN + version},
        {"code": CANARY_TOKEN + version},
    ):
        application.http.post(f"{application.oauth2}/token", timeout=60,
                              data={"grant_type": "refresh_token", "client_id": seed.csc2.client_id, **form})  # fmt: skip
    _wrong_pages(seed, kept)
    client.call(
        "credentials/authorize",
        body | ({"PIN": credential.pin} if version == "v1" else {"authData": auth_data(credential)}),
    )


def _wrong_pages(seed: Seed, kept: Secrets) -> None:
    """Type wrong secrets into the pages: a wrong password at login, a wrong PIN and an old code at consent."""
    credential: Credential = seed.of_kind("oauth2code", "2")[-1]
    application = Application(seed.base_url, "v2", seed.csc2)
    browser = Browser()
    details = rich_request(credential.credential_id, digests_of(1, SHA256, "wrong"), SHA256)
    url = application.authorization_url(details, verifier="v" * 43, state="the-state")
    page = browser.open(url, application.redirect_uri)
    assert isinstance(page, Page), page
    page = browser.submit(
        page, {"username": seed.users[0].username, "password": CANARY_PASSWORD}, application.redirect_uri
    )
    assert isinstance(page, Page)
    assert page.is_login
    assert CANARY_PASSWORD not in page.text
    page = browser.submit(page, evidence_for(page, seed.users[0], None), application.redirect_uri)
    assert isinstance(page, Page)
    old = kept.keep("OTP", pyotp.TOTP(credential.totp_secret or "").at(1_000_000_000))
    page = browser.submit(page, {"pin": CANARY_PIN, "otp": old}, application.redirect_uri)
    assert isinstance(page, Page)
    assert CANARY_PIN not in page.text
    _keep_cookies(browser, kept)


def test_AD_08_the_log_holds_no_secret(own_service: Service, secrets_of_all_flows: Secrets) -> None:
    """AD-08: the banner may show what its curl lines need, and shows no secret either: they stand in files."""
    found = leaks(own_service.output().encode(), secrets_of_all_flows)

    assert not found, f"in the output: {sorted(found)}"


def test_AD_08_no_file_but_the_seed_holds_a_secret(own_service: Service, secrets_of_all_flows: Secrets) -> None:
    """OA-15 too: a copy of the databases holds nothing that is good as a credential."""
    allowed = {path for path in files(own_service.data_dir) if may_hold_secrets(path)}
    assert all(path.stat().st_mode & 0o077 == 0 for path in allowed), "SC-07: what holds secrets is for its owner"
    searched = [path for path in files(own_service.data_dir) if path not in allowed]
    databases = [path for path in searched if path.read_bytes()[:16] == b"SQLite format 3\0"]
    found = {f"{path.name}: {name}" for path in searched for name in leaks(path.read_bytes(), secrets_of_all_flows)}

    assert len(databases) >= 2, [path.name for path in searched]
    assert not found, sorted(found)


def test_AD_08_the_search_finds_what_is_there(own_service: Service, secrets_of_all_flows: Secrets) -> None:
    """A control: each secret of the seed is found in the seed, and each way of writing one is found."""
    in_seed = leaks(own_service.seed_file.read_bytes(), secrets_of_all_flows)
    assert sum(name.startswith(("PIN", "client secret", "password", "OTP seed")) for name in in_seed) > 10
    kept = Secrets()
    kept.keep("canary", CANARY_TOKEN)
    for data in written(CANARY_TOKEN):
        assert leaks(b"\x00x" + data + b"y\xff", kept)
    pin = Secrets()
    pin.keep("PIN", "123456")
    assert leaks(b'"PIN":"123456"', pin)
    assert leaks(b"\x06123456\x00", pin)
    assert not leaks(b"91234567", pin)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def may_hold_secrets(path: Path) -> bool:
    """The seed, what the banner's curl lines read, and the device's own token, which is another's work."""
    return "seed" in path.name or path.parent.name == "examples" or path.suffix == ".object"


def leaks(data: bytes, kept: Secrets) -> set[str]:
    """Return the names of the secrets that stand in data, in any of the ways one is written."""
    return {name for name, value in kept.values.items() if any(_stands_in(form, data) for form in written(value))}


def _stands_in(form: bytes, data: bytes) -> bool:
    if len(form) < 10:  # short digits occur by chance inside longer numbers and hex texts
        return re.search(rb"(?<![0-9A-Za-z])" + re.escape(form) + rb"(?![0-9A-Za-z])", data) is not None
    return form in data


def written(value: str) -> set[bytes]:
    raw = value.encode()
    forms = {raw, value.encode("unicode_escape")}
    if len(raw) >= 10:
        forms |= {raw.hex().encode(), base64_of(raw).rstrip("=").encode(), base64.urlsafe_b64encode(raw).rstrip(b"=")}
        forms.add(base64_of(b"x" + raw)[4:-4].encode())
    return forms
