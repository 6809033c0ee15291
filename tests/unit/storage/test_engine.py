"""Which databases there are engines for."""

import pytest

from csc_server.errors import ConfigurationError
from csc_server.storage.engine import make_engine, sqlite_file


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "mysql://user:hidden@host/name",
        "oracle://host",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file.db?mode=memory",
        "postgresql+psycopg2://user:hidden@host/name",
        "postgresql://user:hidden@host:no-port/name",
    ],
)
def test_other_databases_are_refused_without_their_password(url):
    with pytest.raises(ConfigurationError) as caught:
        make_engine(url)

    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["postgresql://web@/csc?host=/run/postgresql", "postgresql+psycopg://web@host/csc"])
def test_postgresql_goes_through_psycopg(url):
    engine = make_engine(url)

    assert engine.dialect.driver == "psycopg"
    assert sqlite_file(url) is None


def test_password_is_in_no_description_of_an_engine():
    assert "hidden" not in repr(make_engine("postgresql://web:hidden@host/csc"))


def test_file_of_a_sqlite_database(tmp_path):
    assert sqlite_file(f"sqlite:///{tmp_path}/x.db") == tmp_path / "x.db"
