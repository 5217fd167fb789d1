"""The files of workload W: made once for each number of rows and seed, in the benchmark's folder."""

import subprocess

from databases import SEED, generate
from programs import Failed

OTHER_SEED = 2


class Workload:
    """Files below a folder; gone with it. One thread."""

    def __init__(self, folder):
        self._folder = folder
        self._expected = {}

    def file(self, rows, seed=SEED):
        path = self._folder / f"w-{rows}-{seed}.csv"
        if not path.exists():
            with open(path, "wb") as out:
                subprocess.run(generate(rows, seed), stdout=out, check=True)
        return path

    def file_of_other_values(self, rows):
        """The same ids; every row differs from `file`'s."""
        path = self.file(rows, OTHER_SEED)
        with open(path, encoding="utf-8") as ours, open(self.file(rows), encoding="utf-8") as others:
            next(ours), next(others)  # the header
            for mine, other in zip(ours, others):
                if mine == other or mine.partition(",")[0] != other.partition(",")[0]:
                    raise Failed("the two files must have the same ids and other values")
        return path

    def expected_facts(self, target, rows):
        """What a table holds that the database's own client loaded. Leaves the table behind."""
        key = (target.kind, rows)
        if key not in self._expected:
            target.fresh_table()
            target.load_by_hand(self.file(rows))
            facts = target.facts()
            if [int(count) for count in facts.replace("\t", "|").split("|")[:2]] != [rows, rows]:
                raise Failed(f"{target.kind}: the comparison did not load its rows: {facts}")
            self._expected[key] = facts
        return self._expected[key]
