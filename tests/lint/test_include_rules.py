"""The include rules refuse what the architecture forbids and nothing else."""

import pytest

import include_rules

ALLOWED = [
    ("core/batcher.cc", "core/batcher.h"),
    ("core/batcher.h", "vector"),
    ("core/env.cc", "unistd.h"),
    ("core/env.cc", "sys/stat.h"),
    ("core/mutex.h", "absl/base/thread_annotations.h"),
    ("core/metrics.h", "prometheus/counter.h"),
    ("core/journal.cc", "xxhash.h"),
    ("executors/sqlite/sqlite_executor.cc", "sqlite3.h"),
    ("executors/sqlite/sqlite_executor.cc", "executors/shared/write_session.h"),
    ("executors/postgresql/copy.cc", "pqxx/connection"),
    ("executors/postgresql/copy.cc", "libpq-fe.h"),
    ("executors/mysql/session.cc", "cppconn/connection.h"),
    ("executors/mysql/bulk.cc", "mysql/mysql.h"),
    ("config/loader.cc", "yaml-cpp/yaml.h"),
    ("server/grpc/service.cc", "batchsql/v1/ingest.grpc.pb.h"),
    ("server/main.cc", "executors/sqlite/sqlite_executor.h"),
    ("server/executor_factory.cc", "executors/mysql/mysql_executor.h"),
    ("cli/load.cc", "grpcpp/grpcpp.h"),
]
REFUSED = [
    ("core/batcher.h", "grpcpp/grpcpp.h"),
    ("core/batcher.h", "google/protobuf/message.h"),
    ("core/batcher.cc", "batchsql/v1/ingest.pb.h"),
    ("core/batcher.cc", "civetweb.h"),
    ("core/batcher.cc", "yaml-cpp/yaml.h"),
    ("core/batcher.cc", "sqlite3.h"),
    ("core/batcher.cc", "libpq-fe.h"),
    ("core/batcher.cc", "config/options.h"),
    ("core/batcher.cc", "executors/shared/write_session.h"),
    ("core/batcher.cc", "some_new_library.h"),
    ("executors/sqlite/sqlite_executor.h", "sqlite3.h"),
    ("executors/sqlite/sqlite_executor.cc", "pqxx/pqxx"),
    ("executors/mysql/session.cc", "sqlite3.h"),
    ("executors/mysql/session.cc", "executors/sqlite/sqlite_executor.h"),
    ("executors/mysql/session.cc", "config/options.h"),
    ("config/loader.cc", "server/daemon.h"),
    ("server/grpc/service.cc", "executors/sqlite/sqlite_executor.h"),
    ("server/grpc/service.cc", "libpq-fe.h"),
    ("cli/load.cc", "server/daemon.h"),
    ("cli/load.cc", "executors/shared/write_session.h"),
]


@pytest.mark.parametrize("path,header", ALLOWED)
def test_allows(path, header):
    assert include_rules.refusal(path, header) is None


@pytest.mark.parametrize("path,header", REFUSED)
def test_refuses(path, header):
    assert include_rules.refusal(path, header)


def test_reports_file_and_line(tmp_path, capsys):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.cc").write_text('#include <vector>\n#  include "grpcpp/grpcpp.h"\n')
    assert include_rules.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("core/a.cc:2: includes grpcpp/grpcpp.h")
    (tmp_path / "core" / "a.cc").write_text("#include <vector>\n")
    assert include_rules.main([str(tmp_path)]) == 0
