"""What `dev` prints when the service answers: a warning, the addresses, and three lines that end in a signature.

The lines need a POSIX shell, curl, sed and openssl. Password and PIN are read from files of mode 0600 in
the data folder, so that they stand in no history and no process list.
"""

import json
from pathlib import Path
from shlex import quote

from csc_server.cli.dev.folder import DataFolder, write_private
from csc_server.cli.dev.seeds import Seed, SeedCredential
from csc_server.policy.algorithms import key_algorithms
from csc_server.values import AuthMode, KeyType

MESSAGE = "A signature of my own"

JSON = "-H 'Content-Type: application/json'"
BEARER = '-H "Authorization: Bearer $TOKEN"'


def write_examples(folder: DataFolder, seed: Seed) -> None:
    """Write the files that the example lines read."""
    credential = example_credential(seed)
    user = seed.user(credential.username)
    write_private(folder.examples / "login.curl", f'user = "{user.username}:{user.password}"\n')
    members = {"credentialID": credential.credential_id, "numSignatures": 1, "PIN": credential.pin}
    write_private(folder.examples / "authorize.json", json.dumps(members) + "\n")


def example_credential(seed: Seed) -> SeedCredential:
    """Return the credential of the example: RSA-2048, authorized by a PIN alone."""
    return next(
        credential
        for credential in seed.credentials
        if credential.key is KeyType.RSA_2048
        and credential.auth_mode is AuthMode.EXPLICIT
        and credential.totp_secret is None
    )


def example_lines(folder: DataFolder, seed: Seed) -> tuple[str, str, str]:
    """Return three shell lines, to be run in order: log in, authorize, sign."""
    credential = example_credential(seed)
    base = f"{seed.base_url}/csc/v1"
    algorithm = key_algorithms(credential.key)[0]
    digest = f"$(printf '{MESSAGE}' | openssl dgst -sha256 -binary | openssl base64)"
    body = (
        f'{{\\"credentialID\\":\\"{credential.credential_id}\\",\\"SAD\\":\\"$SAD\\",'
        f'\\"hash\\":[\\"{digest}\\"],\\"signAlgo\\":\\"{algorithm}\\"}}'
    )
    curl = f"curl -sS --cacert {quote(seed.trust_root)}" if base.startswith("https:") else "curl -sS"
    login, authorize = (quote(str(folder.examples / name)) for name in ("login.curl", "authorize.json"))
    return (
        f"TOKEN=$({curl} -K {login} {JSON} -d '{{}}' {base}/auth/login | {_member('access_token')})",
        f"SAD=$({curl} {BEARER} {JSON} -d @{authorize} {base}/credentials/authorize | {_member('SAD')})",
        f'{curl} {BEARER} {JSON} -d "{body}" {base}/signatures/signHash; echo',
    )


def _member(name: str) -> str:
    """Return a sed command that prints one text member of a JSON object."""
    return f'sed -n \'s/.*"{name}" *: *"\\([^"]*\\)".*/\\1/p\''


def banner(folder: DataFolder, seed: Seed, module: Path) -> str:
    """Return the text that `dev` prints when the service answers."""
    lines = [
        "",
        "csc-server development server: NOT FOR PRODUCTION",
        "  Its keys lie in a software token, its secrets in files, and one user runs both of its sides.",
        "",
        f"  Base URL     {seed.base_url}   (CSC API: /csc/v1 and /csc/v2)",
        f"  Data folder  {folder.root}",
        f"  Seed file    {folder.seed}   (clients, users, credentials and their secrets)",
        f"  Trust root   {seed.trust_root}",
        f"  Device       {module}",
        f"  Logs         {folder.logs}",
        "",
        "Sign something: paste these three lines, in order, into another shell.",
        "",
        *example_lines(folder, seed),
        "",
        "Sign a PDF: csc-server try sign FILE.pdf          Stop: Ctrl-C",
        "",
    ]
    return "\n".join(lines)
