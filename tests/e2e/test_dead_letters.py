"""Rows that a database refuses: kept as dead letters, shown, edited, written again, each once."""

import json
import shutil
import subprocess

import client as api
import daemon as harness
import processes
from client import admin_pb

CHECKED = "id {id} NOT NULL PRIMARY KEY, n {id} NOT NULL CHECK (n < 100), name {text}"


def dlq(daemon, *arguments, code=0):
    """Runs `batchsql dlq …` and returns what it wrote to standard output."""
    done = subprocess.run(
        [harness.program("batchsql"), "dlq", arguments[0], "--server", daemon.grpc_address,
         *map(str, arguments[1:])], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def letters_of(client, table, **fields):
    return client.admin.ListDeadLetters(
        admin_pb.ListDeadLettersRequest(table=table, **fields), timeout=api.DEADLINE)


def replay(client, table, *replays):
    return client.admin.ReplayDeadLetters(admin_pb.ReplayDeadLettersRequest(
        table=table, replays=[admin_pb.DeadLetterReplay(id=letter, row_json=row)
                              for letter, row in replays]), timeout=api.DEADLINE).replayed


def kill_and_start(daemon):
    """A client of the next process: the old one's connection may only now notice its end."""
    daemon.kill9()
    daemon.start()
    return api.Client(daemon.grpc_address)


def wait_for_rows(database, table, rows):
    processes.wait_until(lambda: database.count(table) == rows, 30, f"{rows} rows")


def write_bad(client, table, rows):
    """Writes rows of which the CHECK refuses some; returns how many."""
    answer = client.write(table, api.rows(["id", "n", "name"], rows), ack=api.DATABASE)
    return len(answer.rejected)


def balance(status):
    return (status.received_rows + status.replayed_rows
            - status.rejected_rows - status.coalesced_rows - status.committed_rows
            - status.dead_lettered_rows - status.queued_rows)


def test_a_bad_row_is_kept_shown_edited_and_written_once(database, serve, tmp_path):
    table = database.create(CHECKED)
    daemon, client = serve(database, table)
    assert write_bad(client, table, [[1, 1, "a"], [2, 200, "b"], [3, 3, None], [4, 400, "d"]]) == 2
    assert database.count(table) == 2
    listed = dlq(daemon, "list", "--table", table)
    assert listed.startswith(f"{table}: 2 live (2 constraint), 0 replayed")
    lines = dlq(daemon, "show", "--table", table, 1, 2).splitlines()
    shown = [json.loads(line) for line in lines]
    assert [letter["row"] for letter in shown] == [
        {"id": 2, "n": 200, "name": "b"}, {"id": 4, "n": 400, "name": "d"}]
    assert [letter["row_in_request"] for letter in shown] == [1, 3]
    assert shown[0]["reason"] == "constraint" and shown[0]["code"]
    assert shown[0]["columns"]["n"] == "int64"

    shown[0]["row"]["n"] = 20
    shown[0]["row"]["name"] = "edited"
    edited = tmp_path / "edited.ndjson"
    edited.write_text(json.dumps(shown[0]) + "\n\n", encoding="utf-8")
    out = dlq(daemon, "replay", "--table", f"db/{table}", "--from-file", edited)
    assert out == "replay: replayed=1 repeated=0 refused=0\n"
    wait_for_rows(database, table, 3)
    assert database.query(f"SELECT n, name FROM {table} WHERE id = 2") == [("20", "edited")]
    out = dlq(daemon, "replay", "--table", table, 1)
    assert out == "replay: replayed=0 repeated=1 refused=0\n"
    out = dlq(daemon, "replay", "--table", table, 1, 99, code=1)
    assert "repeated=1 refused=1" in out and "letter 99: NOT_FOUND" in out

    status = client.table_status(table)
    assert (status.dead_lettered_rows, status.dead_letters, status.replayed_rows) == (2, 1, 1)
    assert balance(status) == 0
    assert dlq(daemon, "purge", "--table", table, "--replayed") == "purge: purged=1\n"
    assert "1 live" in dlq(daemon, "list", "--table", table)
    assert dlq(daemon, "purge", "--table", table, "--all", "--yes") == "purge: purged=1\n"
    assert database.count(table) == 3


def test_a_row_that_is_refused_again_becomes_a_new_letter(database, serve):
    table = database.create(CHECKED)
    daemon, client = serve(database, table)
    assert write_bad(client, table, [[1, 100, "a"], [2, 200, "b"]]) == 2
    out = dlq(daemon, "replay", "--table", table, "--all")
    assert out == "replay: replayed=2 repeated=0 refused=0\n"
    processes.wait_until(lambda: client.table_status(table).dead_letters == 2, 30, "new letters")
    letters = letters_of(client, table).letters
    assert [letter.id for letter in letters] == [3, 4]
    assert [letter.producer_id.rsplit(":", 1)[1] for letter in letters] == ["1", "2"]
    assert balance(client.table_status(table)) == 0
    assert database.count(table) == 0


def test_a_replay_that_validation_refuses_leaves_the_letter_as_it_was(sqlite, serve):
    table = sqlite.create(CHECKED)
    _, client = serve(sqlite, table)
    write_bad(client, table, [[1, 100, "a"]])
    for row, told in [('{"id": 1, "n": "x"}', 'column "n": wrong_type'),
                      ('{"id": 1}', 'column "n": missing'),
                      ('{"id": 1, "n": 1, "other": 2}', 'column "other": unknown_column'),
                      ("[]", "no JSON object"), ("{", "malformed")]:
        refused = replay(client, table, (1, row))[0]
        assert refused.error == "INVALID_ARGUMENT" and told in refused.message, refused
    assert [letter.id for letter in letters_of(client, table).letters] == [1]
    # What was refused is not remembered: a good edition is taken.
    assert replay(client, table, (1, '{"id": 1, "n": 9, "name": "ok"}'))[0].error == ""
    wait_for_rows(sqlite, table, 1)
    assert letters_of(client, table).live == 0


def test_letters_and_replays_survive_a_killed_daemon(database, serve):
    table = database.create(CHECKED)
    daemon, client = serve(database, table)
    rows = [[i, 1000 if i % 2 else 1, "x"] for i in range(40)]
    assert write_bad(client, table, rows) == 20
    client = kill_and_start(daemon)
    assert letters_of(client, table).live == 20
    fixed = [(letter.id, json.dumps({"id": 100 + letter.id, "n": 1}))
             for letter in letters_of(client, table).letters]
    assert all(letter.error == "" for letter in replay(client, table, *fixed))
    client = kill_and_start(daemon)
    # Whatever was written before the kill is not written again.
    again = replay(client, table, *fixed)
    assert all(letter.error == "" and letter.repeated for letter in again)
    wait_for_rows(database, table, 40)
    assert letters_of(client, table).live == 0
    assert letters_of(client, table, include_replayed=True).replayed == 20
    assert {int(i) for i, in database.query(f"SELECT id FROM {table} WHERE id >= 100")} == {
        100 + letter for letter, _ in fixed}


def test_a_daemon_killed_while_letters_are_replayed_doubles_none(sqlite, serve):
    table = sqlite.create("id {id} NOT NULL, n {id} NOT NULL CHECK (n < 100)")
    daemon, client = serve(sqlite, table)
    count = 300
    answer = client.write(table, api.rows(["id", "n"], [[i, 100] for i in range(count)]),
                          ack=api.DATABASE)
    assert len(answer.rejected) == count
    ids = [letter.id for letter in letters_of(client, table).letters]
    replays = admin_pb.ReplayDeadLettersRequest(table=table, replays=[
        admin_pb.DeadLetterReplay(id=i, row_json=json.dumps({"id": i, "n": 1})) for i in ids])
    for _ in range(5):
        call = client.admin.ReplayDeadLetters.future(replays, timeout=api.DEADLINE)
        processes.wait_until(lambda: call.done() or sqlite.count(table) > 0, 30, "a first row")
        client = kill_and_start(daemon)
        call.exception(api.DEADLINE)  # waits for the call's end, whatever it is
    assert all(letter.error == "" for letter in client.admin.ReplayDeadLetters(
        replays, timeout=api.DEADLINE).replayed)
    wait_for_rows(sqlite, table, count)
    assert daemon.stop() == 0
    assert sorted(int(i) for i, in sqlite.query(f"SELECT id FROM {table}")) == ids


def folder_tool(*arguments):
    done = subprocess.run([harness.program("batchsql"), "dlq", *map(str, arguments)],
                          capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_damaged_letters_stop_their_table_until_a_repaired_copy_takes_their_place(sqlite, serve):
    table, other = sqlite.create(CHECKED), sqlite.create(CHECKED)
    daemon, client = serve(sqlite, table, other)
    for number in range(3):
        assert write_bad(client, table, [[number, 100, f"text-{number}"]]) == 1
    daemon.kill9()
    folder, = (path for path in (daemon.data_dir / "letters").iterdir() if path.is_dir())
    file, = folder.iterdir()
    file.write_bytes(file.read_bytes().replace(b"text-1", b"xxxx-1"))
    daemon.start()
    client = api.Client(daemon.grpc_address)
    status = client.table_status(table)
    assert status.state == "stopped"
    assert write_bad(client, other, [[1, 100, "a"]]) == 1
    assert daemon.stop() == 0

    code, told = folder_tool("verify", folder)
    assert code == 1 and f"{file} at offset" in told
    assert "lost: at most the letters 2 to 2\nuncertain: 1\n" in told
    copy = folder.with_name("copy")
    assert folder_tool("repair", folder, "--out", copy) == (1, told.replace("verify:", "repair:"))
    assert folder_tool("verify", copy)[0] == 0
    shutil.rmtree(folder)
    copy.rename(folder)
    daemon.start()
    client = api.Client(daemon.grpc_address)
    processes.wait_until(lambda: client.table_status(table).state == "running", 30, "a claim")
    letters = letters_of(client, table).letters
    assert [letter.id for letter in letters] == [1, 3]
    assert replay(client, table, (3, '{"id": 3, "n": 3}'))[0].error == ""
    wait_for_rows(sqlite, table, 1)


# Without a journal the letters are rows of batchsql_dead_letters; their ids are the rows' LSNs.


def stored(database, table):
    """(id, state, reason) of the table's letters in the target, by id."""
    return [(int(i), state, reason) for i, state, reason in database.query(
        "SELECT id, state, reason FROM batchsql_dead_letters "
        f"WHERE table_name = '{table}' ORDER BY id")]


def test_without_a_journal_letters_are_kept_in_the_target(database, serve, tmp_path):
    table = database.create(CHECKED)
    daemon, client = serve(database, f"name: {table}, journal: none")
    assert write_bad(client, table, [[1, 1, "a"], [2, 200, "b"], [3, 3, None], [4, 400, "d"]]) == 2
    assert stored(database, table) == [(2, "live", "constraint"), (4, "live", "constraint")]
    assert dlq(daemon, "list", "--table", table).startswith(
        f"{table}: 2 live (2 constraint), 0 replayed")
    shown = [json.loads(line) for line in dlq(daemon, "show", "--table", table, 2, 4).splitlines()]
    assert [letter["row"] for letter in shown] == [
        {"id": 2, "n": 200, "name": "b"}, {"id": 4, "n": 400, "name": "d"}]
    shown[0]["row"]["n"] = 20
    edited = tmp_path / "edited.ndjson"
    edited.write_text(json.dumps(shown[0]) + "\n", encoding="utf-8")
    out = dlq(daemon, "replay", "--table", table, "--from-file", edited)
    assert out == "replay: replayed=1 repeated=0 refused=0\n"
    assert database.count(table) == 3  # the answer waited for the commit
    assert stored(database, table)[0] == (2, "replayed", "constraint")
    out = dlq(daemon, "replay", "--table", table, 2, 99, code=1)
    assert "repeated=1 refused=1" in out and "letter 99: NOT_FOUND" in out
    assert dlq(daemon, "replay", "--table", table, 4).startswith("replay: replayed=1")
    assert [letter for letter in stored(database, table) if letter[1] == "live"] == [
        (6, "live", "constraint")]  # refused again

    status = client.table_status(table)
    assert (status.dead_lettered_rows, status.dead_letters, status.replayed_rows) == (3, 1, 2)
    assert balance(status) == 0
    assert dlq(daemon, "purge", "--table", table, "--replayed") == "purge: purged=2\n"
    assert dlq(daemon, "purge", "--table", table, "--all", "--yes") == "purge: purged=1\n"
    assert client.table_status(table).dead_letters == 0
    assert not stored(database, table)


def test_letters_in_the_target_survive_kills_and_are_replayed_once(database, serve):
    table = database.create("id {id} NOT NULL, n {id} NOT NULL CHECK (n < 100)")
    daemon, client = serve(database, f"name: {table}, journal: none")
    count = 200
    answer = client.write(table, api.rows(["id", "n"], [[i, 100] for i in range(count)]),
                          ack=api.DATABASE)
    assert len(answer.rejected) == count
    client = kill_and_start(daemon)
    processes.wait_until(lambda: client.table_status(table).dead_letters == count, 30, "a claim")
    ids = [letter.id for letter in letters_of(client, table).letters]
    replays = admin_pb.ReplayDeadLettersRequest(table=table, replays=[
        admin_pb.DeadLetterReplay(id=i, row_json=json.dumps({"id": i, "n": 1})) for i in ids])
    for _ in range(3):
        call = client.admin.ReplayDeadLetters.future(replays, timeout=api.DEADLINE)
        processes.wait_until(lambda: call.done() or database.count(table) > 0, 30, "a first row")
        client = kill_and_start(daemon)
        call.exception(api.DEADLINE)  # waits for the call's end, whatever it is
    assert all(letter.error == "" for letter in client.admin.ReplayDeadLetters(
        replays, timeout=api.DEADLINE).replayed)
    assert sorted(int(i) for i, in database.query(f"SELECT id FROM {table}")) == ids
    assert {state for _, state, _ in stored(database, table)} == {"replayed"}
    assert daemon.stop() == 0


def test_letters_in_the_target_have_a_budget(sqlite, serve):
    table = sqlite.create(CHECKED)
    _, client = serve(sqlite, f"name: {table}, journal: none",
                      more="limits: {letters_bytes_max: 1048576}")
    wide = "x" * 400_000
    assert write_bad(client, table, [[1, 100, wide]]) == 1
    call = client.ingest.Write.future(api.request(
        table, api.rows(["id", "n", "name"], [[2, 100, wide], [3, 1, "c"]]), ack=api.DATABASE),
                                      timeout=api.DEADLINE)
    processes.wait_until(lambda: client.table_status(table).state == "paused", 30, "a pause")
    assert client.table_status(table).last_error == "dead_letters"
    assert sqlite.count(table) == 0
    client.admin.PurgeDeadLetters(admin_pb.PurgeDeadLettersRequest(table=table, all=True),
                                  timeout=api.DEADLINE)
    assert len(call.result(api.DEADLINE).rejected) == 1
    assert sqlite.count(table) == 1
    assert client.table_status(table).dead_letters == 1
