"""`csc-server purge` on both sides, each by a process of its side."""

import json
import os
import pwd
from dataclasses import replace

import pytest
from click.testing import CliRunner

from csc_server.cli.main import main
from csc_server.cli.purge import BATCH, purge_store
from csc_server.clock import SystemClock
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import ApprovalState
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.web_store import SqlWebStore
from stores import SIGNER, a_credential, an_approval, digest, migrated_database


@pytest.fixture
def urls(tmp_path):
    return {side: migrated_database(tmp_path, side) for side in ("web", "signer")}


@pytest.fixture
def settings(tmp_path, urls):
    me = pwd.getpwuid(os.geteuid()).pw_name
    path = tmp_path / "settings.toml"
    path.write_text(
        f"""
socket_dir = "{tmp_path}"
users = {{ web = "{me}", signer = "{me}" }}
[web]
base_url = "https://sign.example.jp"
database_url = "{urls["web"]}"
listen = "unix:{tmp_path}/web.sock"
signer_uid = 1
[signer]
database_url = "{urls["signer"]}"
web_uids = [1]
issuer = "https://sign.example.jp"
device = {{ module = "/nowhere.so", token_label = "t", pin_file = "/nowhere" }}
""",
        encoding="utf-8",
    )
    return path


def keep_dead_rows(urls):
    web = SqlWebStore(make_engine(urls["web"]))
    web.use_once(digest("jti"), 1)
    signer = SqlSignerStore(make_engine(urls["signer"]))
    signer.insert_signer(SIGNER)
    signer.insert_credential(a_credential(), [], [])
    with signer.begin() as transaction:
        for number in range(2):
            row = an_approval(state=ApprovalState.VOID)
            transaction.insert_approval(replace(row, created_at=number, expires_at=number))


def purge(*arguments):
    result = CliRunner().invoke(main, ["purge", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_both_sides_are_purged_and_what_went_is_told(urls, settings):
    keep_dead_rows(urls)

    assert purge("--settings", settings) == "Removed: 1 used_identifiers (web), 2 approvals (signer).\n"
    assert purge("--settings", settings) == "Removed: nothing.\n"


def test_one_side_alone_and_as_json(urls, settings):
    keep_dead_rows(urls)

    answer = json.loads(purge("--settings", settings, "--only", "signer", "--json"))
    assert answer == {"removed": {"signer": {"approvals": 2}}}


def test_everything_dead_goes_however_many_batches_it_takes(urls):
    store = SqlWebStore(make_engine(urls["web"]))
    for number in range(BATCH + 3):
        store.use_once(digest(f"jti {number}"), 1)

    assert purge_store(store, SystemClock()) == {"used_identifiers": BATCH + 3}
