"""A web application for targets that run it thousands of times in one process."""

from pathlib import Path

from fakes.web_application import BASE_URL, WebApplication, certificate


class Issuer:
    """Issues what it is told to."""

    def issue(self, _request, _policy):
        return (certificate(),)

    def revoke(self, _der, _reason):
        pass


class Web:
    """The application over its fakes; what they keep is forgotten now and then, and a revoked token lives again."""

    def __init__(self) -> None:
        self.fake = WebApplication(issuer=Issuer(), certificate_issuer=Path("issuer"), certificate_policies=("1.2.3",))

    def post(self, method: str, version: str, body: bytes, environment: dict[str, str]):
        self.fake.store.audit.clear()
        self.fake.add_token("service", client_id="modern")
        return self.open(f"/csc/{version}/{method}", "POST", body, "application/json", environment)

    def open(self, path, verb, body, content_type, environment):
        return self.fake.http.open(
            path, method=verb, data=body, content_type=content_type, base_url=BASE_URL,
            environ_overrides=environment,
        )  # fmt: skip
