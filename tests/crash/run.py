"""One run against one database: rounds of faults, each followed by peace, and judged."""

import contextlib
import random
import time

import client as api
import faults
import judge
import plan as plans
import processes
import producers
import rows
import tables
import world as worlds

PROCESSES = 2
RATE = 1200             # Rows per second and producer, while the daemon is up.
FAULTS_END_SECONDS = 240  # A database that is starting, a snapshot that is copied, a second daemon.
LATE_SECONDS = 10


class Run:
    """`settings` are the command line's. Prints what it does; totals are in `total` and `world`."""

    def __init__(self, kind, settings):
        self.kind, self.settings = kind, settings
        self.with_journal = settings.journal != "none"
        self.total = judge.Verdict()
        self.failures = []
        self.caught = False  # Faulty rows that are not merely still on their way.
        self.plan = (plans.aimed_at(settings.sabotage, kind, self.with_journal)
                     if settings.sabotage else plans.ordinary(kind, self.with_journal))
        self.world = worlds.World(kind, self.with_journal, self.plan, settings.sabotage,
                                  settings.pgbouncer)
        self.producers = rows.producers(settings.seed, self.with_journal)

    @property
    def at_fault(self):
        """The judge found what no daemon may do."""
        return bool(self.total.lost or self.total.doubled or self.total.reordered)

    def run(self, seconds):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.world)
            deadline = time.monotonic() + seconds  # Starting a database is not counted.
            self._feeds = self._start_producers(stack)
            try:
                self._play(deadline)
            except BaseException:
                self._keep()
                raise
            if self.failures:
                self._keep()

    def _play(self, deadline):
        number = 0
        while True:
            number += 1
            begun = time.monotonic()
            verdict = self._round(number, max(2, min(self.plan.round_seconds, deadline - begun)))
            self._report(number, verdict, time.monotonic() - begun)
            enough = self.caught if self.settings.sabotage else self.failures
            if enough or time.monotonic() + 5 > deadline:
                return

    def _start_producers(self, stack):
        feeds = []
        for index in range(PROCESSES):
            feed = producers.Producers(self.producers[index::PROCESSES],
                                       self.world.daemon.grpc_address, self.settings.rate or RATE)
            stack.callback(feed.close)
            feeds.append(feed)
        return feeds

    # --- a round ----------------------------------------------------------------------------------

    def _round(self, number, seconds):
        if number > 1:
            tables.empty(self.world.database)
        self.world.over.clear()
        self.world.problems.clear()
        self._restless = set()  # Tables of which rows may still be on their way.
        self._forks_before = self.world.counts["forks"]
        for feed in self._feeds:
            feed.begin()
        self._phases = []
        with self._phase("faults"):
            self._torture(number, seconds)
        with self._phase("mending"):
            self.world.heal()
        with self._phase("settling"):
            ledgers = self._settle()
        with self._phase("judging"):
            return self._judge(ledgers)

    @contextlib.contextmanager
    def _phase(self, name):
        begun = time.monotonic()
        yield
        self._phases.append(f"{name} {time.monotonic() - begun:.1f} s")

    def _torture(self, number, seconds):
        seed = f"{self.settings.seed}/round/{number}"
        self.world.reconfigure(random.Random(f"{seed}/configuration"))
        self.world.kill_daemon("the last round's")  # What it has is queued, journaled or committed.
        kinds = [faults.Lives]
        kinds += [faults.DatabaseFaults, faults.ConnectionFaults] if self.world.server \
            else [faults.LockHolders]
        threads = [kind(self.world, random.Random(f"{seed}/{kind.__name__}"), self.plan)
                   for kind in kinds]
        try:
            self.world.over.wait(seconds)
        finally:
            self.world.over.set()
            for thread in threads:
                thread.join(FAULTS_END_SECONDS)

    def _settle(self):
        """Nothing new is sent, all that was sent is acknowledged, all that is queued is written."""
        seconds = self.plan.settle_seconds
        for feed in self._feeds:
            feed.settle(seconds)
        ledgers = [ledger for feed in self._feeds for ledger in feed.ledgers(seconds + 60)]
        slowest = max(ledgers, key=lambda ledger: ledger.settle_seconds)
        self._phases.append(f"slowest {slowest.producer.producer_id} {slowest.producer.table.name} "
                            f"{slowest.producer.level} {slowest.settle_seconds:.1f} s")
        for ledger in ledgers:
            if not ledger.settled:
                self._restless.add(ledger.producer.table.name)
                self.world.problem(f"{ledger.producer.producer_id} ({ledger.producer.table.name}, "
                                   f"{ledger.producer.level}): {ledger.unknown} requests are not "
                                   f"acknowledged after {seconds} s of peace")
            self.world.problems.extend(ledger.problems)
            for what in ("given_up", "repeated", "forged", "untold", "late", "reopened"):
                self.world.counts[what] += getattr(ledger, what)
        # What a second daemon refused is in its own folder, which went with it.
        untold = sum(ledger.untold for ledger in ledgers)
        if untold and self.world.counts["forks"] == self._forks_before:
            self.world.problem(f"{untold} refused rows are missing in repeated answers")
        try:
            processes.wait_until(self._is_drained, seconds, "empty queues")
        except TimeoutError as error:
            self.world.problem(str(error))
        for table in self._status().tables:
            if table.state != "running" or table.queued_rows:
                self._restless.add(table.table)
                self.world.problem(f"{table.table} is {table.state} with {table.queued_rows} rows "
                                   f"queued, last error: {table.last_error}")
        return ledgers

    def _is_drained(self):
        return all(table.queued_rows == 0 and table.state == "running"
                   for table in self._status().tables)

    def _status(self):
        with api.Client(self.world.daemon.grpc_address) as client:
            return client.status()

    def _judge(self, ledgers):
        contents = self._read()
        verdict = judge.judge(ledgers, contents)
        deadline = time.monotonic() + LATE_SECONDS
        while verdict.lost and time.monotonic() < deadline:
            contents = self._read()
            late = judge.judge(ledgers, contents)
            if not late.lost:
                self.world.problem(f"{verdict.lost} rows arrived though the queues were empty")
                return late
        # Two daemons at once write rows twice; what misses then may only wait for its adoption.
        if self.settings.sabotage != "no-fence":
            resting = judge.judge(ledgers, contents, [table for table in rows.TABLES
                                                      if table.name not in self._restless])
            self.caught = self.caught or bool(resting.lost or resting.reordered)
        return verdict

    def _read(self):
        return {table.name: tables.read(self.world.database, table) for table in rows.TABLES}

    # --- telling ----------------------------------------------------------------------------------

    def _report(self, number, verdict, seconds):
        for field in ("lost", "doubled", "reordered", "refused", "judged"):
            setattr(self.total, field, getattr(self.total, field) + getattr(verdict, field))
        self.total.acked.update(verdict.acked)
        self.caught = self.caught or bool(verdict.doubled)
        counts = self.world.counts
        print(f"round {number}: {seconds:.0f} s ({', '.join(self._phases)}), "
              f"acknowledged={sum(verdict.acked.values())} lost={verdict.lost} "
              f"doubled={verdict.doubled} reordered={verdict.reordered}; so far "
              + ", ".join(f"{name}={counts[name]}" for name in sorted(counts)), flush=True)
        found = verdict.samples + self.world.problems
        if found or not verdict.clean:
            self.failures.extend(found)
            for text in found:
                print(f"round {number}: {text}", flush=True)
            print(f"round {number}: the daemon's last warnings:\n{self.world.warnings()}", flush=True)

    def _keep(self):
        if self.settings.keep_dir:
            self.world.keep(f"{self.settings.keep_dir}/{self.kind}")

    def summary(self):
        counts, acked = self.world.counts, self.total.acked
        points = " ".join(f"{name}={count}" for name, count in sorted(self.world.points.items()))
        return (f"points: {points}\n"
                f"torture: database={self.kind} kills={counts['kills']} "
                f"database_kills={counts['database_kills']} cuts={counts['cuts']} "
                f"producers={len(self.producers)} acked_memory={acked[rows.MEMORY]} "
                f"acked_journal={acked[rows.JOURNAL]} acked_database={acked[rows.DATABASE]} "
                f"lost={self.total.lost} doubled={self.total.doubled} "
                f"reordered={self.total.reordered} seed={self.settings.seed}")
