"""Compares the producers' ledgers with the tables, row by row.

lost       acknowledged at JOURNAL or DATABASE and not in the table
doubled    more than once in the table, or never sent in this round with these very cells
reordered  an older write of a key stands where a later one was acknowledged
refused    a bad row that is in the table (it counts as a failure of the round)
"""

import collections
import dataclasses

import rows

SAMPLES = 8  # Rows named per kind of fault.


@dataclasses.dataclass
class Verdict:
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    refused: int = 0
    judged: int = 0  # Rows compared.
    acked: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    samples: list = dataclasses.field(default_factory=list)
    _named: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    @property
    def clean(self):
        return not (self.lost or self.doubled or self.reordered or self.refused)

    def add(self, fault, what):
        setattr(self, fault, getattr(self, fault) + 1)
        self._named[fault] += 1
        if self._named[fault] <= SAMPLES:
            self.samples.append(f"{fault}: {what}")


def judge(ledgers, contents, tables=rows.TABLES):
    """`contents`: table name → its rows as (id, cells), as tables.read gives them."""
    verdict = Verdict()
    for table in tables:
        mine = [ledger for ledger in ledgers if ledger.producer.table == table]
        judge_table = _judge_keys if table.keyed else _judge_rows
        judge_table(table, mine, contents[table.name], verdict)
    return verdict


def requests(ledger, verdict):
    """The round's requests, each with whether it must be in the table."""
    judged = ledger.producer.level != rows.MEMORY
    for sequence in range(ledger.first, ledger.next):
        request = rows.Request(ledger.producer, sequence)
        acked = sequence <= ledger.acked
        good = request.count - len(request.bad)
        verdict.judged += good
        if acked:
            verdict.acked[ledger.producer.level] += good
        yield request, judged and acked


def _judge_rows(table, ledgers, stored, verdict):
    found = {}
    for number, cells in stored:
        if number in found:
            verdict.add("doubled", f"{table.name} id {number}, {cells}")
        found[number] = cells
    if table.unique:
        for number in rows.TAKEN_IDS:
            if found.pop(number, None) is None:
                verdict.add("lost", f"{table.name}: a row of its beginning, id {number}")
    for ledger in ledgers:
        for request, required in requests(ledger, verdict):
            _judge_request(table, request, required, found, verdict)
    for number, cells in found.items():
        verdict.add("doubled", f"{table.name} id {number}, {cells}: not of this round")


def _judge_request(table, request, required, found, verdict):
    for idx, number in enumerate(request.ids):
        fault = request.bad.get(idx)
        cells = None if fault == rows.TAKEN_ID else found.pop(number, None)
        if fault is not None:
            if cells is not None:
                verdict.add("refused", f"{table.name} {cells}: {fault}")
        elif cells is None:
            if required:
                verdict.add("lost", f"{table.name} {_name(request, idx)}")
        elif cells != request.stored(idx):
            verdict.add("doubled", f"{table.name} id {number}, {cells}: never sent so")


def _judge_keys(table, ledgers, stored, verdict):
    found = {}
    for number, cells in stored:
        if number in found:
            verdict.add("doubled", f"{table.name} key {number}, {cells}")
        found[number] = cells
    for ledger in ledgers:
        newest, sent = {}, {}
        for request, required in requests(ledger, verdict):
            for idx, number in enumerate(request.ids):
                if idx not in request.bad:
                    sent[number, request.version(idx)] = request, idx
                    if required:
                        newest[number] = request, idx
        _judge_versions(table, ledger, newest, sent, found, verdict)
    for number, cells in found.items():
        verdict.add("doubled", f"{table.name} key {number}, {cells}: not of this round")


def _judge_versions(table, ledger, newest, sent, found, verdict):
    mine = [number for number in found
            if number >> rows.PRODUCER_SHIFT == ledger.producer.number]
    for number in mine:
        cells = found[number]
        source = sent.get((number, int(cells[3])))
        if source is None:
            continue  # Told as not of this round by the caller.
        del found[number]
        request, idx = source
        if cells != request.stored(idx):
            verdict.add("doubled", f"{table.name} key {number}, {cells}: never sent so")
        wanted = newest.pop(number, None)
        if wanted and wanted[0].version(wanted[1]) > request.version(idx):
            verdict.add("reordered", f"{table.name} key {number} shows sequence "
                        f"{request.sequence}, acknowledged is {_name(*wanted)}")
    for number, (request, idx) in newest.items():
        verdict.add("lost", f"{table.name} key {number}, {_name(request, idx)}")


def _name(request, idx):
    return (f"producer {request.producer.number} sequence {request.sequence} row {idx} "
            f"of {request.count}, {request.producer.level}")
