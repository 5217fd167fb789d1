"""A Python client of batchsqld, over stubs that are generated from proto/ when it is imported.

    client = Client(daemon.grpc_address)
    client.write("events", rows(["id", "name"], [[1, "a"], [2, None]]))
    for request in client.stream("events", [...]): ...

Python values become cells: None is NULL, ABSENT an absent cell; bool, int, float, str, bytes,
datetime (aware), date and time map to the kinds of the same name, a list to a list.
"""

import atexit
import datetime
import importlib
import pathlib
import queue
import shutil
import struct
import subprocess
import sys
import tempfile

import grpc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
DEADLINE = 60
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
# The machine's proxies are for the outside; compression and retries would hide what is tested.
OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0),
           ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
ABSENT = object()


def _generate():
    """Compiles the public API into a folder that is gone when this process ends."""
    folder = tempfile.mkdtemp(prefix="batchsql-stubs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    plugin = shutil.which("grpc_python_plugin")
    if plugin is None:
        raise RuntimeError("grpc_python_plugin is not installed: run ./dev setup")
    subprocess.run(["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_out={folder}",
                    f"--plugin=protoc-gen-grpc={plugin}", "batchsql/v1/ingest.proto",
                    "batchsql/v1/admin.proto"], check=True)
    sys.path.insert(0, folder)
    return [importlib.import_module(f"batchsql.v1.{name}")
            for name in ("ingest_pb2", "ingest_pb2_grpc", "admin_pb2", "admin_pb2_grpc")]


pb, ingest_grpc, admin_pb, admin_grpc = _generate()
MEMORY, JOURNAL, DATABASE = pb.ACK_LEVEL_MEMORY, pb.ACK_LEVEL_JOURNAL, pb.ACK_LEVEL_DATABASE


def micros(instant):
    return (instant - EPOCH) // datetime.timedelta(microseconds=1)


def days(date):
    return date.toordinal() - EPOCH.toordinal()


def micros_of_day(time):
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond


# bool before int and datetime before date: the first of each is also one of the second.
_KINDS = ((bool, "bool_value", bool), (int, "int_value", int), (float, "double_value", float),
          (str, "text_value", str), (bytes, "bytes_value", bytes),
          (datetime.datetime, "timestamp_us", micros), (datetime.date, "date_days", days),
          (datetime.time, "time_us", micros_of_day))


def cell(value):
    if value is ABSENT:
        return pb.Value()
    if value is None:
        return pb.Value(null_value=True)
    if isinstance(value, list):
        return pb.Value(list_value=pb.ListValue(values=[cell(item) for item in value]))
    if isinstance(value, int) and value >= 2 ** 63:
        return pb.Value(uint_value=value)
    for kind, field, convert in _KINDS:
        if isinstance(value, kind):
            return pb.Value(**{field: convert(value)})
    raise TypeError(f"no cell for {type(value)}")


def rows(names, table):
    """The row form: one list of values per row."""
    return pb.Rows(columns=names, rows=[pb.Row(values=map(cell, row)) for row in table])


def columns(names, table):
    """The column form of the same rows; a column's kind is that of its first value."""
    form = pb.Columns(row_count=len(table))
    for name, values in zip(names, zip(*table)):
        form.columns.append(_column(name, values))
    return form


def _column(name, values):
    column = pb.Column(name=name)
    given = [value for value in values if value is not None and value is not ABSENT]
    if len(given) < len(values):
        column.presence = bytes(0 if value is ABSENT else 1 if value is None else 2
                                for value in values)
    first = given[0] if given else ""
    if isinstance(first, (str, bytes)):
        blobs = column.texts if isinstance(first, str) else column.blobs
        encoded = [_bytes(value) for value in values]
        blobs.data = b"".join(encoded)
        end = 0
        for blob in encoded:
            end += len(blob)
            blobs.ends.append(end)
        blobs.SetInParent()
        return column
    field, convert, filler = _column_kind(first)
    getattr(column, field).values.extend(
        filler if value is None or value is ABSENT else convert(value) for value in values)
    return column


def _bytes(value):
    if value is None or value is ABSENT:
        return b""
    return value.encode() if isinstance(value, str) else value


def _column_kind(value):
    if isinstance(value, bool):
        return "bools", bool, False
    if isinstance(value, int):
        return ("ints", int, 0) if value < 2 ** 63 else ("uints", int, 0)
    if isinstance(value, float):
        return "doubles", float, 0.0
    if isinstance(value, datetime.datetime):
        return "timestamps_us", micros, 0
    if isinstance(value, datetime.date):
        return "dates_days", days, 0
    if isinstance(value, datetime.time):
        return "times_us", micros_of_day, 0
    if isinstance(value, list):
        return "lists", lambda items: pb.ListValue(values=map(cell, items)), pb.ListValue()
    raise TypeError(f"no column of {type(value)}")


def request(table="", payload=None, kind=pb.WriteRequest, **fields):
    """A request of either kind of call around a payload of either form.

    At level DATABASE unless another is named (0: the daemon's default), so that what was acknowledged
    can be looked for in the table.
    """
    if table:
        fields.setdefault("ack", DATABASE)
    if payload is not None:
        fields["rows" if isinstance(payload, pb.Rows) else "columns"] = payload
    return kind(table=table, **fields)


class Client:
    """A channel of its own (never gRPC's shared one) and the calls of both services on it."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(
            address, OPTIONS + [("grpc.use_local_subchannel_pool", 1)])
        self.ingest = ingest_grpc.IngestStub(self.channel)
        self.admin = admin_grpc.AdminStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def write(self, table, payload, **fields):
        return self.ingest.Write(request(table, payload, **fields), timeout=DEADLINE)

    def raw_write(self, message):
        """A Write call whose message is these very bytes."""
        call = self.channel.unary_unary("/batchsql.v1.Ingest/Write",
                                        response_deserializer=pb.WriteResponse.FromString)
        return call(message, timeout=DEADLINE)

    def stream(self, table, payloads, **fields):
        """Sends the payloads over one stream and returns the responses, when it has ended."""
        return list(self.ingest.WriteStream(stream_requests(table, payloads, **fields),
                                            timeout=DEADLINE))

    def open_stream(self, table, **fields):
        return OpenStream(self.ingest, table, fields)

    def status(self):
        return self.admin.Status(admin_pb.StatusRequest(), timeout=DEADLINE)

    def table_status(self, table):
        return next(entry for entry in self.status().tables if entry.table == table)


def stream_requests(table, payloads, **fields):
    for payload in payloads:
        yield request(table, payload, kind=pb.WriteStreamRequest, **fields)
        table, fields = "", {}


class OpenStream:
    """A stream that is fed by hand: send(payload) as often as wanted, responses by iteration."""

    def __init__(self, stub, table, fields):
        self._requests = queue.SimpleQueue()
        self._table = table
        self._fields = fields
        self.call = stub.WriteStream(iter(self._requests.get, None), timeout=2 * DEADLINE)

    def send(self, payload=None):
        self._requests.put(request(self._table, payload, kind=pb.WriteStreamRequest,
                                   **self._fields))
        self._table, self._fields = "", {}

    def close(self):
        """The client's side is done; the responses go on until the server ends the stream."""
        self._requests.put(None)

    def __iter__(self):
        return iter(self.call)


def status_details(error):
    """The details of an RpcError, as {"RetryInfo": bytes, "BadRequest": bytes}."""
    trailers = dict(error.trailing_metadata() or ())
    found = {}
    for number, value in wire_fields(trailers.get("grpc-status-details-bin", b"")):
        if number == 3:  # google.rpc.Status.details, of google.protobuf.Any
            entry = dict(wire_fields(value))
            found[entry[1].decode().rsplit(".", 1)[-1]] = entry.get(2, b"")
    return found


def wire_fields(message):
    """The fields of a serialized message whose definition is not ours: (number, value) pairs."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        if tag & 7 == 0:
            value, position = _varint(message, position)
        elif tag & 7 == 2:
            size, position = _varint(message, position)
            value, position = message[position:position + size], position + size
        elif tag & 7 == 1:
            value, position = struct.unpack_from("<q", message, position)[0], position + 8
        else:
            value, position = struct.unpack_from("<i", message, position)[0], position + 4
        yield tag >> 3, value


def wire_bytes(number, value):
    """One field of bytes or text, short enough for one byte of length, serialized by hand."""
    value = value.encode() if isinstance(value, str) else value
    assert number < 16 and len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def _varint(message, position):
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 127) << shift
        position += 1
        shift += 7
        if byte < 128:
            return value, position
