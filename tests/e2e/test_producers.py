"""`producers: target`: exactly once across daemons, and across the loss of a daemon's disk."""

import contextlib
import queue
import shutil
import threading

import grpc
import pytest

import client as api
import processes
from client import pb

COLUMNS = "id {id} NOT NULL, name {text} NOT NULL"  # No key: what comes twice stands there twice.
ROWS = 3  # Of each request.
SERVERS = ("postgresql", "mysql")


@pytest.fixture(params=SERVERS)
def server(request, running_databases):
    return running_databases(request.param)


def payload(sequence):
    return api.rows(["id", "name"], [[sequence * ROWS + i, "x"] for i in range(ROWS)])


def expected(sequences):
    return [sequence * ROWS + i for sequence in sequences for i in range(ROWS)]


def stored(database, table):
    return sorted(int(i) for i, in database.query(f"SELECT id FROM {table}"))


def write(client, table, sequence, **fields):
    return client.write(table, payload(sequence), producer_id="p", sequence=sequence, **fields)


def refusal(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **fields)
    return raised.value.code(), raised.value.details()


class Stream:
    """A stream of the producer `p`: told where it stands, then fed by hand."""

    def __init__(self, client, table, ack=api.DATABASE):
        self._requests = queue.SimpleQueue()
        self._requests.put(api.request(table, kind=pb.WriteStreamRequest, producer_id="p", ack=ack))
        self.call = client.ingest.WriteStream(iter(self._requests.get, None), timeout=api.DEADLINE)
        self.greeting = next(self.call)

    def send(self, sequences):
        for sequence in sequences:
            self._requests.put(api.request(payload=payload(sequence), kind=pb.WriteStreamRequest,
                                           sequence=sequence))

    def wait(self, sequence, mark="committed_through"):
        while getattr(next(self.call), mark) < sequence:
            pass

    def end(self):
        """Closes our side and waits for the server's."""
        self._requests.put(None)
        for _ in self.call:
            pass

    def cancel(self):
        self.call.cancel()
        self._requests.put(None)


def test_a_client_moves_to_another_daemon_in_the_midst_of_a_stream(server, serve):
    table = server.create(COLUMNS)
    rule = f"name: {table}, producers: target"
    slow, first = serve(server, f"{rule}, batch: {{linger_ms: 10000}}")
    _, second = serve(server, rule)
    stream = Stream(first, table, api.JOURNAL)
    assert (stream.greeting.last_sequence, stream.greeting.committed_sequence) == (0, 0)
    stream.send(range(1, 9))
    stream.wait(8, "journaled_through")  # They linger in the first daemon's queue.
    stream.cancel()

    moved = Stream(second, table)
    assert moved.greeting.last_sequence == moved.greeting.committed_sequence == 0
    moved.send(range(1, 13))  # Nothing is known to be committed, so all of it comes again.
    moved.wait(12)
    moved.end()
    assert stored(server, table) == expected(range(1, 13))
    # The first daemon finds its rows committed, and says so to whoever asks.
    processes.wait_until(lambda: first.table_status(table).queued_rows == 0, 60, "an empty queue")
    assert "are in the table already" in slow.log_text
    assert write(first, table, 8).accepted == ROWS

    back = Stream(first, table)
    assert back.greeting.last_sequence == back.greeting.committed_sequence == 12
    back.send([13])
    back.end()
    assert stored(server, table) == expected(range(1, 14))


def test_calls_to_daemons_by_turns_are_each_written_once(server, serve):
    table = server.create(COLUMNS)
    rule = f"name: {table}, producers: target"
    clients = [client for _, client in (serve(server, rule), serve(server, rule))]
    for sequence in range(1, 31):
        assert write(clients[sequence % 2], table, sequence).accepted == ROWS
    here, there = clients[30 % 2], clients[31 % 2]
    # The answers of even sequences are held here, of odd ones there.
    assert write(here, table, 28).accepted == ROWS
    code, message = refusal(write, there, table, 28)
    assert code == grpc.StatusCode.OUT_OF_RANGE and "28 is committed" in message
    # What looks like the next request is found out when it is to be written.
    assert write(there, table, 30).accepted == ROWS
    assert stored(server, table) == expected(range(1, 31))
    code, message = refusal(write, there, table, 33)
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "31" in message
    assert write(there, table, 33, resume_at=33).accepted == ROWS
    assert write(here, table, 34).accepted == ROWS
    assert stored(server, table) == expected([*range(1, 31), 33, 34])


def test_both_daemons_have_the_same_requests_at_once(server, serve):
    """A client that does not wait: whoever commits first writes, the other leaves out."""
    table = server.create(COLUMNS)
    rule = f"name: {table}, producers: target"
    clients = [client for _, client in (serve(server, rule), serve(server, rule))]
    problems = []

    def send(client):
        stream = Stream(client, table)
        stream.send(range(stream.greeting.committed_sequence + 1, 101))
        try:
            stream.end()
        except grpc.RpcError as error:  # The other was faster, and the rest of ours is too late.
            if error.code() != grpc.StatusCode.OUT_OF_RANGE:
                problems.append(error)

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    rest = Stream(clients[0], table)
    rest.send(range(rest.greeting.last_sequence + 1, 101))
    rest.end()
    assert stored(server, table) == expected(range(1, 101))


def test_a_daemon_without_a_journal_is_killed_in_the_midst_of_streams(database, serve):
    table = database.create(COLUMNS)
    batch = "batch: {rows_max: 30, linger_ms: 1}"
    daemon, _ = serve(database, f"name: {table}, journal: none, {batch}")
    last, committed, lives = 600, 0, 0
    while committed < last:
        lives += 1
        with api.Client(daemon.grpc_address) as client:
            stream = Stream(client, table)
            assert stream.greeting.last_sequence == stream.greeting.committed_sequence
            assert stream.greeting.committed_sequence >= committed
            committed = stream.greeting.committed_sequence
            stream.send(range(committed + 1, min(committed + 300, last) + 1))
            with contextlib.suppress(grpc.RpcError, StopIteration):
                stream.wait(min(committed + 150, last))
            daemon.kill9()
            with contextlib.suppress(grpc.RpcError):
                for response in stream.call:
                    committed = max(committed, response.committed_through)
            stream.cancel()
        daemon.start()
        with api.Client(daemon.grpc_address) as client:
            committed = Stream(client, table).greeting.committed_sequence
    assert lives > 1
    assert stored(database, table) == expected(range(1, last + 1))
    with api.Client(daemon.grpc_address) as client:
        code, message = refusal(write, client, table, last)
        assert code == grpc.StatusCode.OUT_OF_RANGE and "is committed" in message
        assert write(client, table, last + 1).accepted == ROWS


def test_a_lost_disk_doubles_nothing(database, serve):
    table = database.create(COLUMNS)
    daemon, client = serve(database, f"name: {table}, producers: target")
    for sequence in range(1, 11):
        write(client, table, sequence)
    daemon.kill9()
    shutil.rmtree(daemon.data_dir)
    daemon.start()
    with api.Client(daemon.grpc_address) as client:
        code, message = refusal(write, client, table, 10)
        assert code == grpc.StatusCode.OUT_OF_RANGE and "is committed" in message
        stream = Stream(client, table)
        assert stream.greeting.last_sequence == stream.greeting.committed_sequence == 10
        stream.send([11])
        stream.end()
    assert stored(database, table) == expected(range(1, 12))


@pytest.mark.parametrize("kind", SERVERS)
def test_while_the_database_is_away_the_journal_answers_for_those_it_knows(own_database, serve,
                                                                          kind):
    database = own_database(kind)
    table = database.create(COLUMNS)
    daemon, client = serve(database, f"name: {table}, producers: target", wait_ready=False)
    write(client, table, 1)
    database.server.kill9()
    daemon.kill9()  # What it knew of the target is forgotten, the journal is not.
    daemon.start()
    with api.Client(daemon.grpc_address) as client:
        assert write(client, table, 2, ack=api.JOURNAL).accepted == ROWS
        stream = Stream(client, table, api.JOURNAL)
        assert (stream.greeting.last_sequence, stream.greeting.committed_sequence) == (2, 0)
        stream.send([3])
        stream.wait(3, "journaled_through")
        code, message = refusal(client.write, table, payload(9), producer_id="new", sequence=1,
                                ack=api.JOURNAL)
        assert code == grpc.StatusCode.UNAVAILABLE and "position" in message
        database.server.start()
        stream.wait(3)
        stream.end()
    assert stored(database, table) == expected(range(1, 4))
