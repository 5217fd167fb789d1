"""Fixtures of the end-to-end tests: databases that live as long as one file's tests."""

import contextlib

import pytest

import client as batchsql_client
import daemon as harness
import databases


@pytest.fixture(scope="session")
def running_databases():
    """Kind → database; started when first asked for."""
    running = {}
    with contextlib.ExitStack() as stack:
        def find(kind):
            if kind not in running:
                running[kind] = databases.open_database(kind)
                stack.callback(running[kind].close)
            return running[kind]
        yield find


@pytest.fixture(params=databases.KINDS)
def database(request, running_databases):
    """Each of the three, in turn."""
    return running_databases(request.param)


@pytest.fixture
def sqlite(running_databases):
    return running_databases("sqlite")


@pytest.fixture
def postgres(running_databases):
    return running_databases("postgresql")


@pytest.fixture
def mariadb(running_databases):
    return running_databases("mysql")


@pytest.fixture
def own_database():
    """Makes databases of the test's own, for tests that stop or kill the server."""
    with contextlib.ExitStack() as stack:
        def make(kind):
            made = databases.open_database(kind)
            stack.callback(made.close)
            return made
        yield make


@pytest.fixture
def serve():
    """Starts daemons for the test: serve(database, tables…) → (daemon, client).

    A table is its name, or YAML of its mapping without the name's braces.
    """
    with contextlib.ExitStack() as stack:
        def start(database, *tables, more="", **options):
            entries = ", ".join(f"{{{entry}}}" if ":" in entry else f"{{name: {entry}}}"
                                for entry in tables)
            config = f"{database.target()}tables: [{entries}]\n{more}"
            daemon = stack.enter_context(harness.Daemon(config, **options))
            client = stack.enter_context(batchsql_client.Client(daemon.grpc_address))
            return daemon, client
        yield start
