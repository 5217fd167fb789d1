"""The HTTP front end: JSON rows through the same checks as gRPC's, metrics, health."""

import json
import re
import urllib.error
import urllib.request

import pytest

import client as api

DDL = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL, weight {double}"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Every metric of the contract with people's dashboards: name → (type, labels).
PIPELINE, TARGET = {"database", "table", "test_name"}, {"database", "test_name"}
CONTRACT = {
    "batchsql_records_processed_total": ("counter", PIPELINE),
    "batchsql_current_rps": ("gauge", PIPELINE),
    "batchsql_batch_execution_duration_ms": ("histogram", PIPELINE),
    "batchsql_batch_size": ("histogram", PIPELINE),
    "batchsql_data_integrity_rate": ("gauge", TARGET),
    "batchsql_error_rate": ("gauge", TARGET),
    "batchsql_batch_success_total": ("counter", PIPELINE),
    "batchsql_batch_failed_total": ("counter", PIPELINE),
    "batchsql_memory_usage_bytes": ("gauge", TARGET),
    "batchsql_active_connections": ("gauge", {"database"}),
    "batchsql_buffer_utilization": ("gauge", TARGET),
}
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def post(daemon, table, body, content_type="application/json", query="?ack=database",
         headers=()):
    """(status, answer, headers) of a POST of rows."""
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    request = urllib.request.Request(
        f"{daemon.http_url}/v1/tables/{table}/rows{query}", method="POST",
        data=body if isinstance(body, bytes) else body.encode(),
        headers={"Content-Type": content_type, **dict(headers)})
    try:
        with DIRECT.open(request, timeout=api.DEADLINE) as response:
            return response.status, json.load(response), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


def get(daemon, path):
    with DIRECT.open(f"{daemon.http_url}{path}", timeout=10) as response:
        return response.status, response.read().decode()


def samples(daemon):
    """[(name, labels, value)] and {name: type} of /metrics."""
    found, types = [], {}
    for line in daemon.metrics().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif line and not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found.append((name, dict(LABEL.findall(labels or "")), float(value)))
    return found, types


def value_of(daemon, name, **labels):
    return next(value for found, with_labels, value in samples(daemon)[0]
                if found == name and labels.items() <= with_labels.items())


def test_a_json_array_and_lines_of_json_are_in_the_table(database, serve):
    table = database.create(DDL)
    daemon, _ = serve(database, table)
    rows = [{"id": 1, "name": "naïve 数据 😀", "weight": 0.5}, {"id": 2, "name": "b", "weight": None},
            {"name": "c", "id": 3}]
    assert post(daemon, table, rows)[:2] == (200, {"accepted": 3, "rejected": []})
    lines = "".join(json.dumps({**row, "id": row["id"] + 3}) + "\n" for row in rows)
    assert post(daemon, table, lines, "application/x-ndjson")[1]["accepted"] == 3
    assert post(daemon, table, {"id": 7, "name": "alone"})[1]["accepted"] == 1
    assert [(int(i), name, weight and float(weight)) for i, name, weight in database.query(
        f"SELECT id, name, weight FROM {table} ORDER BY id")] == [
            *((row["id"] + shift, row["name"], row.get("weight"))
              for shift in (0, 3) for row in rows), (7, "alone", None)]


def test_integers_beyond_2_to_the_53_are_exact(database, serve):
    columns = {"postgresql": "id {id}, big NUMERIC(20, 0)",
               "mysql": "id {id}, big BIGINT UNSIGNED",
               "sqlite": "id {id}, big UNSIGNED TEXT"}[database.kind]
    table = database.create(columns)
    daemon, _ = serve(database, table)
    ids = [2 ** 53 + 1, -2 ** 53 - 1, 2 ** 63 - 1, -2 ** 63]
    bigs = [2 ** 53 + 1, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1]
    body = "[" + ",".join(f'{{"id":{i},"big":{big}}}' for i, big in zip(ids, bigs)) + "]"
    assert post(daemon, table, body)[:2] == (200, {"accepted": 4, "rejected": []})
    assert [(int(i), int(big)) for i, big in database.query(
        f"SELECT id, big FROM {table}")] == list(zip(ids, bigs))
    status, answer, _ = post(daemon, table, '{"id":9223372036854775808,"big":1}')
    assert status == 200
    assert [(row["row"], row["field"], row["reason"]) for row in answer["rejected"]] == [
        (0, "id", "out_of_range")]


def test_rejected_rows_over_http(database, serve):
    table = database.create(DDL)
    database.execute(f"INSERT INTO {table} VALUES (1, 'there', 0)")
    daemon, _ = serve(database, table)
    status, answer, _ = post(daemon, table, [
        {"id": 1, "name": "double"}, {"id": 2, "name": None}, {"id": 3, "name": "c"},
        {"id": "x4x", "name": "d"}, {"id": 5}, {"id": 6, "name": "f", "nix": 1}])
    assert status == 200
    assert answer["accepted"] == 1
    assert [(row["row"], row["reason"]) for row in answer["rejected"]] == [
        (0, "duplicate_key"), (1, "null"), (3, "wrong_type"), (4, "missing"),
        (5, "unknown_column")]
    assert all(row["detail"] for row in answer["rejected"])
    assert "x4x" not in json.dumps(answer) and "x4x" not in daemon.log_text
    assert database.count(table) == 2


def test_requests_that_are_refused_whole_over_http(sqlite, serve):
    table = sqlite.create(DDL)
    daemon, _ = serve(sqlite, table, more="limits: {request_bytes_max: 5000, row_bytes_max: 2000, "
                                          "request_rows_max: 9, columns_max: 5}")
    cases = [
        ("[]", 400, ""), ("", 400, ""), ("[1]", 400, ""), ("[{]", 400, ""), ('[{"id":1},', 400, ""),
        ('[{"id":1,"id":2}]', 400, ""), (b'[{"name":"\xff\xfe"}]', 400, "UTF-8"),
        ('[{"id":NaN}]', 400, ""), ('{"id":1}{"id":2}', 400, ""),
        ([{"id": i} for i in range(10)], 413, "limits.request_rows_max"),
        ({f"c{i}": i for i in range(6)}, 413, "limits.columns_max"),
        ([{"id": 1, "name": "x" * 2001}], 413, "limits.row_bytes_max"),
        ("[" * 100, 400, ""), ("x" * 5001, 413, "limits.request_bytes_max"),
    ]
    for body, expected, named in cases:
        status, answer, _ = post(daemon, table, body)
        assert status == expected, (body, answer)
        assert named in answer["error"]["message"], (body, answer)
    assert post(daemon, "nowhere", {"id": 1})[0] == 404
    assert post(daemon, table, {"id": 1}, "text/csv")[0] == 415
    assert post(daemon, table, {"id": 1, "name": "x"}, query="?ack=no")[0] == 400
    assert sqlite.count(table) == 0
    for row, level in enumerate(("?ack=memory", "?ack=journal", "?ack=database", "")):
        assert post(daemon, table, {"id": row, "name": "x"}, query=level)[1]["accepted"] == 1
    assert daemon.stop() == 0
    assert sqlite.count(table) == 4


def test_every_metric_of_the_contract_is_there_from_the_start(database, serve):
    tables = [database.create(DDL), database.create(DDL)]
    daemon, _ = serve(database, *tables, more="monitoring: {test_name: batch_insert}")
    found, types = samples(daemon)
    for name, (kind, labels) in CONTRACT.items():
        assert types[name] == kind
        series = [(with_labels, value) for sample, with_labels, value in found
                  if sample == (f"{name}_count" if kind == "histogram" else name)]
        assert [set(with_labels) for with_labels, _ in series] == [labels] * len(series), name
        assert all(with_labels["database"] == "db" for with_labels, _ in series)
        if "table" in labels:
            assert sorted(with_labels["table"] for with_labels, _ in series) == sorted(tables)
            assert [value for _, value in series] == [0, 0], name
        if "test_name" in labels:
            assert all(with_labels["test_name"] == "batch_insert" for with_labels, _ in series)
    assert value_of(daemon, "batchsql_data_integrity_rate") == 1
    assert value_of(daemon, "batchsql_error_rate") == 0
    assert value_of(daemon, "batchsql_buffer_utilization") == 0
    assert value_of(daemon, "batchsql_memory_usage_bytes") > 1e6


def test_metrics_count_what_was_committed(database, serve):
    table = database.create(DDL)
    daemon, client = serve(database, table, more="monitoring: {environment: staging}")
    client.write(table, api.rows(["id", "name"], [[i, "x"] for i in range(30)]))
    post(daemon, table, [{"id": 100, "name": "x"}, {"id": 1, "name": "double"}])
    assert value_of(daemon, "batchsql_records_processed_total", table=table) == 31
    assert value_of(daemon, "batchsql_batch_success_total", table=table) == 2
    assert value_of(daemon, "batchsql_batch_size_sum", table=table) == 32
    assert value_of(daemon, "batchsql_batch_execution_duration_ms_count", table=table) == 2
    assert value_of(daemon, "batchsql_current_rps", table=table) == pytest.approx(3.1)
    assert value_of(daemon, "batchsql_data_integrity_rate") == pytest.approx(31 / 32)
    assert value_of(daemon, "batchsql_active_connections") >= 1
    assert all(labels.get("env") == "staging" for name, labels, _ in samples(daemon)[0]
               if name.startswith("batchsql_"))


def test_health_and_readiness(sqlite, serve):
    daemon, _ = serve(sqlite, sqlite.create(DDL))
    assert get(daemon, "/healthz") == (200, "ok\n")
    assert get(daemon, "/readyz") == (200, "ok\n")
    with pytest.raises(urllib.error.HTTPError) as raised:
        get(daemon, "/nowhere")
    assert raised.value.code == 404
    with raised.value:
        pass
