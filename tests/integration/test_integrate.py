"""docs/integrate.md: its commands, as they stand, in one shell, against a development server."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from integration.code_flow import MAX_PAGES, Browser, evidence_for
from integration.modes import SignerPage
from integration.one_time_codes import codes_of_this_run

PAGE = Path(__file__).parents[2] / "docs" / "integrate.md"
MODES = 8
"""Ways to a signature that the page shows; each ends with openssl's word for right."""


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return "set -euo pipefail\n" + "\n".join(blocks)


def play_signer(url, seed):
    """Log in and approve in a browser; return the code that comes back to the application."""
    query = parse_qs(urlsplit(url).query)
    redirect_uri = query.get("redirect_uri", list(seed.csc2.redirect_uris))[0]
    browser, user = Browser(), seed.users[0]
    step = browser.open(url, redirect_uri)
    for _ in range(MAX_PAGES):
        if isinstance(step, dict):
            return step["code"]
        step = browser.submit(step, evidence_for(step, user, credential_of(query, seed)), redirect_uri)
    raise AssertionError("the pages never led back")


def credential_of(query, seed):
    """Return the credential that a request names; the pushed one names it where the browser does not see it."""
    (named,) = query.get("credentialID", ["alice-p-384-oauth"])
    return next(each for each in seed.credentials if each.credential_id == named)


@pytest.mark.timeout(300)
def test_the_page_leads_from_info_to_a_verified_signature_in_each_mode(service, seed, tmp_path):
    shutil.copy(service.seed_file, tmp_path / "seed.json")
    explicit = next(each for each in seed.credentials if each.credential_id == "alice-p-256-pin-otp")
    codes_of_this_run.leave_to_another(explicit.totp_secret)
    shell = subprocess.Popen(
        ["bash", "-c", commands()], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, bufsize=1,
    )  # fmt: skip
    try:
        lines = follow(shell, seed, SignerPage(seed.base_url, seed.users[0]))
    finally:
        shell.kill()

    assert shell.wait() == 0, "\n".join(lines)[-3000:]
    assert lines.count("Verified OK") == MODES


def follow(shell, seed, page):
    """Read what the commands print to their end; do what they ask the signer to do.

    The signer of 1.0 comes after the first answer, 503, so that it is the repeated request that gets the SAD.
    """
    lines, late = [], []
    for line in shell.stdout:
        lines.append(line.strip())
        word, _, rest = lines[-1].partition(": ")
        if word == "open":
            shell.stdin.write(play_signer(rest, seed) + "\n")
            shell.stdin.flush()
        elif word == f"approve {seed.modes['implicit'].credential_id}":
            page.approve(rest, seed.modes["implicit"])
        elif word == f"approve {seed.modes['implicit-pin'].credential_id}":
            late.append(rest)
        elif late and lines[-1].startswith("curl: (22)") and lines[-1].endswith("503"):
            page.approve(late.pop(), seed.modes["implicit-pin"])
    shell.stdin.close()
    shell.wait(30)
    return lines
