"""The two sides of a line: each function makes one run and returns the seconds that it took.

A side gets (target, workload, rows): a database with a fresh table, and the rows to put into it.
"""

import contextlib
import subprocess
import time

from daemon import Daemon, program
from databases import table_names
from programs import Failed, printed, run


CONNECTIONS = 8  # connections_max where a line does not say how many: the daemon's default


def configuration(target, connections, table="", limits="", tables=1):
    """One target and its tables, all open before the daemon is ready; `table` and `limits` are further keys
    in YAML."""
    keys = f", {table}" if table else ""
    rules = "".join(f"  - {{name: {name}, target: bench{keys}}}\n" for name in table_names(tables))
    return (f"targets: [{{name: bench, kind: {target.kind}, dsn: '{target.dsn}', "
            f"connections_max: {connections}}}]\ntables:\n{rules}" +
            (f"limits: {{{limits}}}\n" if limits else ""))


def stop(daemon):
    if daemon.stop() != 0:
        raise Failed(f"the daemon did not stop cleanly:\n{daemon.log_text[-2000:]}")


def seconds_of(command):
    return float(printed(run(command), "seconds"))


def stream(*arguments, connections=CONNECTIONS, table="", tables=1):
    """Through the daemon, by bench_stream_client with these arguments."""
    def side(target, workload, rows):
        with Daemon(configuration(target, connections, table, tables=tables)) as daemon:
            seconds = seconds_of([program("bench_stream_client"), "--server", daemon.grpc_address,
                                  "--tables", tables, *arguments, workload.file(rows)])
            stop(daemon)
        return seconds
    return side


def unary(in_flight=64):
    """Through the daemon, one row a call."""
    def side(target, workload, rows):
        with Daemon(configuration(target, CONNECTIONS)) as daemon:
            seconds = _unary_seconds(daemon.grpc_address, in_flight, workload.file(rows))
            stop(daemon)
        return seconds
    return side


def load():
    """Through the daemon, by `batchsql load`; from its start to its end, as psql is measured."""
    def side(target, workload, rows):
        file = workload.file(rows)
        with Daemon(configuration(target, CONNECTIONS)) as daemon:
            begun = time.monotonic()
            run([program("batchsql"), "load", file, "--table", "events", "--server", daemon.grpc_address])
            seconds = time.monotonic() - begun
            stop(daemon)
        return seconds
    return side


def by_hand(target, workload, rows):
    """The database's own client."""
    return target.load_by_hand(workload.file(rows))


def copy_loader(*options):
    def side(target, workload, rows):
        return seconds_of([program("bench_copy_loader"), *options, target.dsn, workload.file(rows)])
    return side


def direct_writers(connections=64):
    def side(target, workload, rows):
        return seconds_of([program("bench_direct_writers"), "--connections", connections, target.dsn,
                           workload.file(rows)])
    return side


def empty_calls(in_flight=64):
    """As many unary calls that do nothing. Writes no row."""
    def side(_, workload, rows):
        with _serving("bench_empty_server") as address:
            return _unary_seconds(address, in_flight, workload.file(rows), "--empty")
    return side


def bare_calls(in_flight=64):
    """As many unary calls of one row, to a server that does nothing but commit them."""
    def side(target, workload, rows):
        with _serving("bench_bare_server", target.dsn) as address:
            return _unary_seconds(address, in_flight, workload.file(rows))
    return side


@contextlib.contextmanager
def _serving(name, *arguments):
    """The address of a server that ends with its standard input."""
    with subprocess.Popen([program(name), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            yield f"127.0.0.1:{printed(server.stdout.readline(), 'port')}"
        finally:
            server.stdin.close()


def _unary_seconds(address, in_flight, file, *options):
    return seconds_of([program("bench_unary_client"), *options, "--server", address, "--in-flight", in_flight,
                       file])
