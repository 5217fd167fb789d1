"""What the producers send. Every request follows from the seed, its producer and its sequence, so
neither producers nor the judge have to keep rows: they make them again.

A row is (id, producer, sequence, idx, version, amount, payload). In the insert tables its id is its
own; in the keyed ones it is one of the producer's keys, and `version` ascends with each write of it.
Some rows are bad: the daemon or the database must refuse them, and them alone.
"""

import array
import dataclasses
import functools
import itertools
import random

NAMES = ("id", "producer", "sequence", "idx", "version", "amount", "payload")
MEMORY, JOURNAL, DATABASE = "memory", "journal", "database"
LEVELS = {MEMORY: 1, JOURNAL: 2, DATABASE: 3}  # The numbers of the API's AckLevel.

ROWS_MAX = 500
SINGLE_SHARE = 0.25   # Of the requests: one row, as small clients send them.
BAD_SHARE = 0.06      # Of the requests: one row of it is bad.
ROW_FORM_ROWS = 4     # Requests up to this size go as rows, larger ones as columns.
KEYS = 400            # Of each producer that writes keys over and over.
TAKEN_IDS = range(-100, 0)  # Rows that the table of unique ids has from the start.
PAYLOAD_DIGITS = 16
PRODUCER_SHIFT, SEQUENCE_SHIFT = 44, 12  # How an id is put together; idx takes the rest.

NO_PAYLOAD, BAD_AMOUNT, TAKEN_ID = "no payload", "bad amount", "taken id"


@dataclasses.dataclass(frozen=True)
class Table:
    """`conflict` as in the daemon's configuration; `unique`: the table has a primary key."""
    name: str
    conflict: str
    unique: bool

    @property
    def keyed(self):
        """Rows of one key follow each other."""
        return self.conflict != "insert"

    @property
    def faults(self):
        """The kinds of bad rows."""
        plain = (NO_PAYLOAD, BAD_AMOUNT)
        return plain + (TAKEN_ID,) if self.unique and not self.keyed else plain


# A table without a key shows every row that came twice.
TABLES = (Table("torture_log", "insert", False), Table("torture_unique", "insert", True),
          Table("torture_update", "update", True), Table("torture_replace", "replace", True))


@dataclasses.dataclass(frozen=True)
class Producer:
    """Who sends: `number` is from 1 on, `unary` chooses Write instead of WriteStream."""
    number: int
    table: Table
    level: str
    unary: bool
    seed: int

    @property
    def producer_id(self):
        return f"torture-{self.seed}-{self.number}"


def producers(seed, with_journal, extra=0):
    """The producers of a run: each level on each kind of table; `extra` more stream producers."""
    log, unique, update, replace = TABLES
    shapes = [(log, JOURNAL, False), (log, DATABASE, False), (log, MEMORY, False),
              (log, JOURNAL, True), (unique, JOURNAL, False), (unique, DATABASE, False),
              (update, JOURNAL, False), (update, DATABASE, False), (update, MEMORY, False),
              (replace, JOURNAL, False), (replace, DATABASE, False), (replace, DATABASE, True)]
    shapes += itertools.islice(itertools.cycle(
        [(table, level, False) for level in (JOURNAL, DATABASE) for table in TABLES]), extra)
    return [Producer(number, table, level if with_journal or level != JOURNAL else DATABASE, unary,
                     seed)
            for number, (table, level, unary) in enumerate(shapes, 1)]


class Request:
    """One request of a producer, made anew each time it is needed."""

    __slots__ = ("producer", "sequence", "count", "bad", "ids", "amounts", "digits")

    def __init__(self, producer, sequence):
        random_ = random.Random(f"{producer.seed}/{producer.number}/{sequence}")
        self.producer, self.sequence = producer, sequence
        self.count = 1 if random_.random() < SINGLE_SHARE else random_.randint(1, ROWS_MAX)
        stem = producer.number << PRODUCER_SHIFT
        if producer.table.keyed:
            self.ids = [stem | key for key in random_.choices(range(KEYS), k=self.count)]
        else:
            first = stem | sequence << SEQUENCE_SHIFT
            self.ids = list(range(first, first + self.count))
        self.amounts = list(random_.randbytes(self.count))
        self.digits = random_.randbytes(PAYLOAD_DIGITS // 2 * self.count).hex()
        self.bad = self._spoil(random_)

    def _spoil(self, random_):
        if random_.random() >= BAD_SHARE:
            return {}
        idx = random_.randrange(self.count)
        fault = random_.choice(self.producer.table.faults)
        if fault == BAD_AMOUNT:
            self.amounts[idx] = -1
        elif fault == TAKEN_ID:
            self.ids[idx] = random_.choice(TAKEN_IDS)
        return {idx: fault}

    def version(self, idx):
        return self.sequence << SEQUENCE_SHIFT | idx

    def payload(self, idx):
        return self.digits[PAYLOAD_DIGITS * idx:PAYLOAD_DIGITS * (idx + 1)]

    def stored(self, idx):
        """What the database's client prints of the row's cells after its id."""
        return (str(self.producer.number), str(self.sequence), str(idx), str(self.version(idx)),
                str(self.amounts[idx]), self.payload(idx))

    def encode(self, resume_at=0, other_content=False):
        """The request's bytes on the wire; with other_content, of a request that only looks alike."""
        amounts = self.amounts
        if other_content:
            amounts = [amounts[0] + 1000, *amounts[1:]]
        tail = _varint_field(7, resume_at) if resume_at else b""
        form = _row_form if self.count <= ROW_FORM_ROWS else _column_form
        return _varint_field(3, self.sequence) + form(self, amounts) + tail


def opening(producer, table=None):
    """What a stream's first request says, and what every unary request begins with."""
    return (_bytes_field(1, (table or producer.table.name).encode())
            + _bytes_field(2, producer.producer_id.encode())
            + _varint_field(4, LEVELS[producer.level]))


# --- protobuf by hand: the producers share two cores with what they torture -----------------------

def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint_field(number, value):
    return _varint(number << 3) + _varint(value)


def _bytes_field(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data


@functools.lru_cache(maxsize=ROWS_MAX + 1)
def _ends(count):
    return array.array("I", range(PAYLOAD_DIGITS, PAYLOAD_DIGITS * count + 1,
                                  PAYLOAD_DIGITS)).tobytes()


def _column(name, data, presence=b""):
    return _bytes_field(2, _bytes_field(1, name.encode())
                        + (_bytes_field(2, presence) if presence else b"") + data)


def _ints(values):
    return _bytes_field(4, _bytes_field(1, array.array("q", values).tobytes()))


def _column_form(request, amounts):
    count = request.count
    first = request.version(0)
    numbers = (request.ids, [request.producer.number] * count, [request.sequence] * count,
               range(count), range(first, first + count), amounts)
    columns = [_column(name, _ints(values)) for name, values in zip(NAMES, numbers)]
    presence = bytearray(b"\2" * count)
    for idx, fault in request.bad.items():
        presence[idx] = 1 if fault == NO_PAYLOAD else 2
    columns.append(_column(NAMES[-1], _bytes_field(7, _bytes_field(1, request.digits.encode())
                                                   + _bytes_field(2, _ends(count))),
                           bytes(presence) if 1 in presence else b""))
    return _bytes_field(6, _varint_field(1, count) + b"".join(columns))


def _row_form(request, amounts):
    names = b"".join(_bytes_field(1, name.encode()) for name in NAMES)
    rows = []
    for idx in range(request.count):
        numbers = (request.ids[idx], request.producer.number, request.sequence, idx,
                   request.version(idx), amounts[idx])
        cells = [_bytes_field(1, _varint_field(3, value << 1 if value >= 0 else ~(value << 1)))
                 for value in numbers]
        missing = request.bad.get(idx) == NO_PAYLOAD
        cells.append(_bytes_field(1, _varint_field(1, 1) if missing else _bytes_field(6, request.payload(idx).encode())))
        rows.append(_bytes_field(2, b"".join(cells)))
    return _bytes_field(5, names + b"".join(rows))
