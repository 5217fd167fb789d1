"""Producers: threads that write, lose their connection, ask where the daemon is, and go on.

A `Producers` object runs some of them in a process of its own and is driven by the conductor:

    begin(): a new round; settle(seconds): send nothing new, repeat what is not acknowledged until it
    is, and hand over the ledgers; close().
"""

import multiprocessing
import os
import pathlib
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / name) for name in ("e2e", "support")]

import grpc  # noqa: E402

import ledger as ledgers  # noqa: E402
import rows  # noqa: E402

WINDOW = 12           # Requests under way; the daemon keeps the last 16 answers of a producer.
ANSWERS_KEPT = 16
OVERLAP_MAX = 3       # Acknowledged requests that a reopened stream repeats on purpose.
FORGE_SHARE = 0.04    # Of the streams: an acknowledged sequence comes once more with other rows.
STREAM_REQUESTS = (5, 150)  # How many requests until a stream is closed and opened again.
CALL_SECONDS = 20
PAUSE_SECONDS = 0.05  # Before a refused call is tried again.
BURST_SECONDS = 0.5   # How much of its rate a producer may catch up with.
# What dying daemons, databases and connections answer; everything else needs an explanation.
BAD_WEATHER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
               grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED,
               grpc.StatusCode.RESOURCE_EXHAUSTED}
CHANNEL = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0),
           ("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50),
           ("grpc.min_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


def is_committed(error):
    """The daemon says that it does not hold the answer, and the target holds the rows."""
    return error.code() == grpc.StatusCode.OUT_OF_RANGE and "is committed" in error.details()


class Feed:
    """What all producers share: their thread, their pace, and the conductor's word.

    Everything below `_changed` is read and written with it held; the thread, gRPC's thread of the
    stream and the conductor's all come here.
    """

    def __init__(self, producer, channel, api, rate, random_):
        self.ledger = ledgers.Ledger(producer)
        self._producer, self._api, self._rate, self._random = producer, api, rate, random_
        self._changed = threading.Condition()
        self._mode = "idle"
        self._due = time.monotonic()
        self._bad_rows = {}     # Sequence → its bad rows, until it is acknowledged.
        self._repeated = set()  # Sequences sent more than once, until they are acknowledged.
        self._open_calls(channel)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self):
        with self._changed:
            self.ledger.begin_round()
            self._set_mode("run")

    def settle(self):
        with self._changed:
            self._settling_since = self._last_ack = time.monotonic()
            self._set_mode("settle")

    def wait_settled(self, deadline):
        """Also ends the round: afterwards nothing is sent."""
        with self._changed:
            self._changed.wait_for(self._settled, max(0, deadline - time.monotonic()))
            self.ledger.settled = self._settled()
            self.ledger.settle_seconds = (self._last_ack if self.ledger.settled
                                          else time.monotonic()) - self._settling_since
            self._set_mode("idle")

    def _settled(self):
        return self._mode == "settle" and self.ledger.unknown == 0

    def _set_mode(self, mode):
        self._mode = mode
        self._due = time.monotonic()
        self._changed.notify_all()

    def _run(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._mode == "run" or
                                       self._mode == "settle" and self.ledger.unknown > 0)
            try:
                self._call()
            except grpc.RpcError as error:
                self._explain(error)
                with self._changed:
                    self._changed.wait(PAUSE_SECONDS)
            except Exception as error:  # A fault of ours must be told, not end the thread unseen.
                with self._changed:
                    self.ledger.problem(f"the producer itself failed: {error!r}")
                    self._changed.wait(1)

    def _explain(self, error):
        transport = error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN) and (
            "RST_STREAM" in error.details() or "Stream removed" in error.details())
        if error.code() not in BAD_WEATHER and not transport:
            with self._changed:
                self.ledger.problem(f"{error.code().name}: {error.details()}")

    def _paced(self, sequence):
        """Seconds until a request may go; repeated ones go at once. With the lock held."""
        if sequence < self.ledger.next:
            return 0
        return self._due - time.monotonic()

    def _take(self, request):
        """Notes that the request goes out now. With the lock held."""
        if request.sequence >= self.ledger.next:
            self.ledger.next = request.sequence + 1
            self._due = max(self._due, time.monotonic() - BURST_SECONDS)
            self._due += request.count / self._rate
        else:
            self._repeated.add(request.sequence)
        if request.sequence > self.ledger.acked:
            # A later write of the key may stand for a bad one that never reached the database.
            self._bad_rows[request.sequence] = {
                idx for idx, fault in request.bad.items()
                if fault != rows.BAD_AMOUNT or not self._producer.table.keyed}

    def _advance(self, mark):
        """Everything up to `mark` is acknowledged. With the lock held."""
        if mark >= self.ledger.next:
            self.ledger.problem(f"sequence {mark} is acknowledged, {self.ledger.next - 1} was sent")
        for sequence in range(self.ledger.acked + 1, min(mark + 1, self.ledger.next)):
            missing = self._bad_rows.pop(sequence, set())
            repeated = sequence in self._repeated
            self._repeated.discard(sequence)
            if missing and self._producer.level == rows.DATABASE:
                self._note_untold(sequence, missing, repeated)
            self.ledger.acked = sequence
        self._last_ack = time.monotonic()
        self._changed.notify_all()

    def _advance_unheard(self, mark):
        """Up to `mark` all is committed, and no answer came or will come. With the lock held."""
        for sequence in range(self.ledger.acked + 1, mark + 1):
            self._repeated.add(sequence)
            self._bad_rows.pop(sequence, None)  # nobody was asked what became of them
        if mark > self.ledger.acked:
            self._advance(mark)

    def _note_untold(self, sequence, missing, repeated):
        """Refused rows that the answer at DATABASE does not tell. With the lock held."""
        self.ledger.untold += len(missing)
        if not repeated:
            self.ledger.problem(f"sequence {sequence}: refused rows {sorted(missing)} are not in "
                                "the answer")

    def _note_rejected(self, sequence, rejected):
        """Rows that the daemon says it refused. With the lock held."""
        bad = self._bad_rows.get(sequence, set())
        for entry in rejected:
            if entry.row in bad:
                bad.discard(entry.row)
            elif entry.row not in rows.Request(self._producer, sequence).bad:
                self.ledger.problem(f"sequence {sequence}: row {entry.row} was good and is refused: "
                                    f"{entry.field} {entry.reason} {entry.detail}")


class _Session:
    """One stream of a producer. Guarded by the feed's lock."""

    def __init__(self, forging, requests):
        self.forging = forging    # It repeats an acknowledged sequence with other rows.
        self.left = requests      # Requests until it is closed.
        self.start = None         # Where it begins, once the daemon told what it holds.
        self.resume_at = 0
        self.sent = 0             # Its last request.
        self.late = False         # It was told that a request is committed, without an answer.
        self.over = False


class StreamFeed(Feed):
    """Over WriteStream, a window of requests under way."""

    def _open_calls(self, channel):
        self._stream = channel.stream_stream(
            "/batchsql.v1.Ingest/WriteStream",
            response_deserializer=self._api.pb.WriteStreamResponse.FromString)
        self._was_late = False  # The last stream; the next one repeats nothing.

    def _call(self):
        """One stream, from its opening to its end."""
        with self._changed:
            forging = (self._mode == "run" and self._producer.level != rows.MEMORY
                       and self._random.random() < FORGE_SHARE)
            session = _Session(forging, self._random.randint(*STREAM_REQUESTS))
            self.ledger.reopened += 1
        call = self._stream(self._requests(session), timeout=CALL_SECONDS, wait_for_ready=True)
        try:
            self._read(call, session)
        except grpc.RpcError as error:
            session.late = is_committed(error)
            refused = session.forging and error.code() == grpc.StatusCode.INVALID_ARGUMENT
            if not (refused or session.late):
                raise
            with self._changed:
                self.ledger.forged += session.forging
                self.ledger.late += not session.forging
        finally:
            with self._changed:
                session.over = True
                self._was_late = session.late
                self._changed.notify_all()
            call.cancel()

    def _read(self, call, session):
        position = next(call, None)
        if position is None:
            raise RuntimeError("a stream ended before it told the last sequence")
        with self._changed:
            self._find_start(session, position)
            self._changed.notify_all()
        for response in call:
            if not session.forging:
                self._take_news(response)
        with self._changed:
            if session.forging:
                self.ledger.problem("an acknowledged sequence with other rows was taken")
            elif session.sent > self.ledger.acked:
                self.ledger.problem(f"a stream ended well after sequence {session.sent}, "
                                    f"{self.ledger.acked} is acknowledged")

    def _find_start(self, session, position):
        """Compares the daemon's position with ours and decides where the stream begins."""
        ours, last = self.ledger, position.last_sequence
        if max(last, position.committed_sequence) >= ours.next:
            ours.problem(f"the daemon holds sequence {last}, {position.committed_sequence} is "
                         f"committed, {ours.next - 1} was sent")
        else:
            self._advance_unheard(position.committed_sequence)
        if last < ours.acked:
            if self._producer.level != rows.MEMORY:
                ours.problem(f"the daemon holds sequence {last}, it acknowledged {ours.acked}")
            session.forging = False
            self._after_a_loss(session, last)
            return
        # What was given up has no answer that could be repeated.
        oldest = max(1, last - ANSWERS_KEPT + 1, ours.resumed_at)
        session.forging = session.forging and ours.acked >= oldest
        overlap = 0 if session.forging or self._was_late else self._random.randint(0, OVERLAP_MAX)
        session.start = max(oldest, ours.acked + 1 - overlap)
        ours.repeated += max(0, ours.acked + 1 - session.start)

    def _after_a_loss(self, session, last):
        """Rows acknowledged at MEMORY are gone: sends them again, or gives them up.

        Those of the other levels are given up, too: sending them again would hide the loss.
        """
        ours = self.ledger
        may_repeat = self._producer.level == rows.MEMORY and ours.first <= last + 1
        if may_repeat and self._random.random() < 0.5:
            session.start = last + 1
            ours.acked = last
            ours.resumed_at = 0
        else:
            ours.given_up += ours.acked - last
            session.start = session.resume_at = ours.resumed_at = ours.acked + 1

    def _requests(self, session):
        """The stream's requests; gRPC's own thread runs this."""
        yield rows.opening(self._producer)
        with self._changed:
            self._changed.wait_for(lambda: session.over or session.start is not None)
            forged, sequence, resume_at = self.ledger.acked, session.start, session.resume_at
        if session.forging and not session.over:
            yield rows.Request(self._producer, forged).encode(other_content=True)
            return
        while self._wait_to_send(session, sequence):
            request = rows.Request(self._producer, sequence)
            with self._changed:
                if session.over:
                    return
                session.left -= 1
                session.sent = sequence
                self._take(request)
            yield request.encode(resume_at=resume_at)
            sequence, resume_at = sequence + 1, 0

    def _wait_to_send(self, session, sequence):
        """True when the request may go; False when the stream is to be closed."""
        with self._changed:
            while True:
                new = sequence >= self.ledger.next
                if session.over or new and (self._mode != "run" or session.left <= 0):
                    return False
                wait = self._paced(sequence)
                if wait <= 0 and sequence <= self.ledger.acked + WINDOW:
                    return True
                self._changed.wait(wait if wait > 0 else None)

    def _take_news(self, response):
        marks = {rows.MEMORY: response.accepted_through, rows.JOURNAL: response.journaled_through,
                 rows.DATABASE: response.committed_through}
        with self._changed:
            for entry in response.rejected:
                self._note_rejected(entry.sequence, entry.rows)
            mark = marks[self._producer.level]
            if mark > self.ledger.acked:
                self._advance(mark)


class UnaryFeed(Feed):
    """Over Write, one request under way."""

    REPEAT_SHARE, FORGED_SHARE = 0.1, 0.03

    def _open_calls(self, channel):
        self._write = channel.unary_unary(
            "/batchsql.v1.Ingest/Write",
            response_deserializer=self._api.pb.WriteResponse.FromString)
        self._opening = rows.opening(self._producer)
        self._answers = {}  # The last answers, by sequence.

    def _call(self):
        with self._changed:
            sequence = self.ledger.acked + 1
            if self._mode == "settle" and self.ledger.unknown == 0:
                return
            wait = self._paced(sequence)
            if wait > 0 and self._changed.wait_for(lambda: self._mode != "run", wait):
                return
            request = rows.Request(self._producer, sequence)
            self._take(request)
        try:
            answer = self._send(request.encode())
        except grpc.RpcError as error:
            if not is_committed(error):
                raise
            with self._changed:
                self._advance_unheard(sequence)
                self._answers.pop(sequence - ANSWERS_KEPT + 1, None)
                self.ledger.late += 1
            return
        with self._changed:
            self._note_rejected(sequence, answer.rejected)
            self._advance(sequence)
            self._check_counts(request, answer)
            self._answers[sequence] = answer
            self._answers.pop(sequence - ANSWERS_KEPT + 1, None)
        self._try_the_past()

    def _send(self, body):
        return self._write(self._opening + body, timeout=CALL_SECONDS, wait_for_ready=True)

    def _check_counts(self, request, answer):
        if answer.sequence != request.sequence or \
                answer.accepted + len(answer.rejected) != request.count:
            self.ledger.problem(f"sequence {request.sequence} of {request.count} rows is answered "
                                f"with {answer.sequence}, {answer.accepted} accepted and "
                                f"{len(answer.rejected)} refused")

    def _try_the_past(self):
        """Sometimes an acknowledged request comes again, as it was or with other rows."""
        chance = self._random.random()
        if chance < self.REPEAT_SHARE:
            sequence = self._random.choice(list(self._answers))
            try:
                again = self._send(rows.Request(self._producer, sequence).encode())
            except grpc.RpcError as error:
                if not is_committed(error):
                    raise
                again = self._answers[sequence]
            with self._changed:
                self.ledger.repeated += 1
                if self._producer.level == rows.DATABASE and again != self._answers[sequence]:
                    self.ledger.problem(f"sequence {sequence} was answered in two ways")
        elif chance < self.REPEAT_SHARE + self.FORGED_SHARE:
            self._forge(self._random.choice(list(self._answers)))

    def _forge(self, sequence):
        try:
            self._send(rows.Request(self._producer, sequence).encode(other_content=True))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.INVALID_ARGUMENT and not is_committed(error):
                raise
            with self._changed:
                self.ledger.forged += 1
            return
        with self._changed:
            self.ledger.problem(f"sequence {sequence} with other rows was taken")


class Producers:
    """A process with some of the producers; the conductor's end of it."""

    def __init__(self, producers, address, rate):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, producers, address, rate),
                                        daemon=True)
        self._process.start()
        theirs.close()

    def begin(self):
        self._pipe.send(("begin", 0))

    def settle(self, seconds):
        self._pipe.send(("settle", seconds))

    def ledgers(self, seconds):
        """The ledgers, once settled."""
        if not self._pipe.poll(seconds):
            raise TimeoutError(f"the producers' process did not answer within {seconds} s")
        return self._pipe.recv()

    def close(self):
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(pipe, producers, address, rate):
    """The process: ends when the conductor's end of the pipe is closed, however that came."""
    import client as api  # Generates the stubs: here, once per process.
    import random
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's; it closes the pipe.
    feeds = []
    for producer in producers:
        channel = grpc.insecure_channel(address, CHANNEL)
        kind = UnaryFeed if producer.unary else StreamFeed
        feeds.append(kind(producer, channel, api, rate,
                          random.Random(f"{producer.seed}/feed/{producer.number}")))
    try:
        while True:
            word, seconds = pipe.recv()
            for feed in feeds:
                feed.begin() if word == "begin" else feed.settle()
            if word == "settle":
                deadline = time.monotonic() + seconds
                for feed in feeds:
                    feed.wait_settled(deadline)
                pipe.send([feed.ledger for feed in feeds])
    except (EOFError, OSError):
        pass
    finally:
        _leave(api)


def _leave(api):
    """Without waiting for threads that hang in calls; the stubs' folder is removed first."""
    import atexit
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(0)
