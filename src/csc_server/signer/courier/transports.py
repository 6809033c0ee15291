"""How codes leave: by mail, by a call to another system, or into a folder for development."""

import contextlib
import http.client
import os
import smtplib
import ssl
import tempfile
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from csc_server.errors import CscServerError
from csc_server.settings import CourierSettings, SmtpSettings, WebhookSettings
from csc_server.signer.courier.port import Delivery
from csc_server.wire import dump_json

DEADLINE = 10.0
"""Seconds for each step with another server; only the courier's own thread waits."""
_GOOD = range(200, 300)


class DeliveryError(CscServerError):
    """A code could not be brought; the message names neither code nor address."""


class Transport(Protocol):
    """Brings one code."""

    def send(self, delivery: Delivery) -> None:
        """Raise DeliveryError, or an OSError, when it did not work."""


@dataclass(frozen=True)
class Outbox:
    """Writes one JSON file a code, mode 0600: for development and tests."""

    folder: Path

    def send(self, delivery: Delivery) -> None:
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".")
        with os.fdopen(handle, "wb") as file:
            file.write(delivery_text(delivery) + b"\n")
        Path(name).rename(self.folder / f"{time.time_ns()}.json")


@dataclass(frozen=True)
class Mail:
    """Sends a mail through a submission server (RFC 6409), with TLS unless the settings say otherwise."""

    settings: SmtpSettings
    service_name: str

    def send(self, delivery: Delivery) -> None:
        settings, context = self.settings, ssl.create_default_context()
        try:
            if settings.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=DEADLINE, context=context)
            else:
                server = smtplib.SMTP(settings.host, settings.port, timeout=DEADLINE)
            with server:
                if settings.security == "starttls":
                    server.starttls(context=context)
                if settings.username and settings.password_file:
                    server.login(settings.username, settings.password_file.read_text(encoding="utf-8").strip())
                server.send_message(self._message(delivery))
        except smtplib.SMTPException as error:
            raise DeliveryError(f"the mail server refused: {type(error).__name__}") from None

    def _message(self, delivery: Delivery) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.settings.sender
        message["To"] = delivery.address
        message["Subject"] = f"{self.service_name}: one-time code / ワンタイムコード"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail_text(self.service_name, delivery))
        return message


@dataclass(frozen=True)
class Webhook:
    """Posts JSON to another system of the operator, which sends the code on, as by SMS. Redirects are failures."""

    settings: WebhookSettings

    def send(self, delivery: Delivery) -> None:
        url = urlsplit(self.settings.url)
        host, path = url.hostname or "", url.path or "/"
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, url.port, timeout=DEADLINE, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, url.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            try:
                connection.request("POST", path, delivery_text(delivery), self._headers())
                status = connection.getresponse().status
            except http.client.HTTPException as error:
                raise DeliveryError(f"the webhook answered no HTTP: {type(error).__name__}") from None
        if status not in _GOOD:
            raise DeliveryError(f"the webhook answered {status}")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.settings.token_file is not None:
            headers["Authorization"] = f"Bearer {self.settings.token_file.read_text(encoding='ascii').strip()}"
        return headers


def delivery_text(delivery: Delivery) -> bytes:
    """Return a code as JSON for another program; `expiresIn` is in seconds."""
    return dump_json(
        {
            "to": delivery.address,
            "credentialID": delivery.credential_id,
            "code": delivery.code,
            "expiresIn": delivery.lifetime,
        }
    )


def mail_text(service_name: str, delivery: Delivery) -> str:
    """Return the text of a mail in both languages."""
    minutes = delivery.lifetime // 60
    return (
        f"{service_name}\n\n"
        f"One-time code for signing: {delivery.code}\n"
        f"Credential: {delivery.credential_id}\n"
        f"It is good for {minutes} minutes and for one approval. If you are not about to sign, somebody else may be: "
        "tell nobody the code, and tell your provider.\n\n"
        f"署名用ワンタイムコード: {delivery.code}\n"
        f"クレデンシャル: {delivery.credential_id}\n"
        f"有効期間は{minutes}分、1回の承認にのみ使えます。署名の操作をしていない場合は、"
        "コードを誰にも伝えず、提供者に連絡してください。\n"
    )


def make_transport(settings: CourierSettings) -> Transport:
    """Return the one transport that the settings name."""
    if settings.smtp is not None:
        return Mail(settings.smtp, settings.service_name)
    if settings.webhook is not None:
        return Webhook(settings.webhook)
    if settings.outbox is not None:
        return Outbox(settings.outbox)
    raise CscServerError("The courier has no way to bring anything.", advice="Set courier.smtp or courier.webhook.")
