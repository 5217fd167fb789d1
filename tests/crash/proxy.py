"""A TCP proxy between the daemon and its database that cuts, delays and stalls on request.

It finds commits by their text, which PostgreSQL's and MySQL's protocols carry in clear without TLS.
One fault is armed at a time and strikes the first connection that meets it; arm() returns the event
that tells when it did. The proxy runs on a thread of its own; its methods are for one other thread.
"""

import asyncio
import contextlib
import socket
import struct
import threading

BEFORE_COMMIT, AFTER_COMMIT, AFTER_REPLY = "before COMMIT", "after COMMIT", "after its reply"
AT_BYTE, DELAY, STALL = "at a byte", "delay", "stall"
COMMIT_CUTS = (BEFORE_COMMIT, AFTER_COMMIT, AFTER_REPLY)
# A whole query of PostgreSQL's, a whole packet of MySQL's; "synchronous_commit" and "ON COMMIT DROP"
# are neither.
COMMITS = (b"COMMIT\0", b"commit\0", b"\7\0\0\0\3COMMIT", b"\7\0\0\0\3commit")
CHUNK_BYTES = 65536
STOP_SECONDS = 10


class Fault:
    """One armed fault. `amount`: bytes for AT_BYTE, seconds for DELAY and STALL."""

    def __init__(self, kind, amount=0):
        self.kind, self.amount = kind, amount
        self.struck = threading.Event()


class Proxy:
    """Listens on `port` (any free one) and forwards to `upstream`, a (host, port)."""

    def __init__(self, upstream):
        self.upstream = upstream
        self._fault = None
        self._links = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self._on_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()

    def arm(self, kind, amount=0):
        fault = Fault(kind, amount)
        self._loop.call_soon_threadsafe(self._set, fault)
        return fault.struck

    def calm(self):
        """Disarms; returns when everything is forwarded again as it comes."""
        self._on_loop(self._calm())

    def cut_all(self):
        self._on_loop(self._cut_all())

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(STOP_SECONDS)

    # --- on the loop's thread ---------------------------------------------------------------------

    def _set(self, fault):
        self._fault = fault

    async def _calm(self):
        self._fault = None
        for link in self._links:
            link.wake.set()

    async def _cut_all(self):
        for link in list(self._links):
            link.cut()

    async def _stop(self):
        self._server.close()
        await self._cut_all()
        await self._server.wait_closed()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader, writer):
        try:
            upstream = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), upstream)
        self._links.add(link)
        try:
            await asyncio.gather(link.forward_requests(), link.forward_replies())
        finally:
            self._links.discard(link)
            link.cut()

    def strike(self, *kinds):
        """Takes the armed fault if it is one of these kinds."""
        fault = self._fault
        if fault is None or fault.kind not in kinds:
            return None
        self._fault = None
        return fault


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy, client, server):
        self._proxy = proxy
        self._client_in, self._client_out = client
        self._server_in, self._server_out = server
        self._last = b""          # The end of the last request: a COMMIT may span two.
        self._swallow = None      # The fault whose commit's reply must not arrive.
        self._client_gone = False  # Cut off on purpose; the server is read to its end.
        self._bytes_left = None   # Until an AT_BYTE fault strikes.
        self._at_byte = None
        self.wake = asyncio.Event()

    def cut(self):
        """Ends both sides at once, by a reset, as a broken network does."""
        for writer in (self._client_out, self._server_out):
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self.wake.set()

    async def forward_requests(self):
        await self._pump(self._client_in, self._server_out, self._on_request)

    async def forward_replies(self):
        await self._pump(self._server_in, self._client_out, self._on_reply)

    async def _pump(self, source, sink, look):
        """Forwards until one side ends; then both end."""
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                data, goes_on = await look(data)
                if data:
                    sink.write(data)
                    await sink.drain()
                if not goes_on:
                    break
        # A database sees a client that is gone, and the client a database that is gone.
        if self._swallow is None and not (self._client_gone and source is self._client_in):
            self.cut()

    async def _on_request(self, data):
        if self._swallow is not None:
            return b"", False
        joined = self._last + data
        if any(commit in joined for commit in COMMITS):
            self._last = b""
            fault = self._proxy.strike(BEFORE_COMMIT, AFTER_COMMIT, AFTER_REPLY)
            if fault is not None:
                return await self._cut_commit(fault, data)
        else:
            self._last = joined[-(max(map(len, COMMITS)) - 1):]
        return await self._disturb(data)

    async def _cut_commit(self, fault, data):
        if fault.kind == BEFORE_COMMIT:
            fault.struck.set()
            return b"", False
        if fault.kind == AFTER_REPLY:
            self._swallow = fault
            return data, True
        self._client_gone = True
        with contextlib.suppress(OSError):
            self._server_out.write(data)
            await self._server_out.drain()
            # An orderly end: a reset could overtake the request.
            self._server_out.write_eof()
        self._client_out.transport.abort()
        fault.struck.set()
        return b"", False

    async def _on_reply(self, data):
        if self._client_gone:
            return b"", True
        if self._swallow is not None:
            fault, self._swallow = self._swallow, None
            fault.struck.set()
            return b"", False
        return await self._disturb(data)

    async def _disturb(self, data):
        fault = self._proxy.strike(AT_BYTE, DELAY, STALL)
        if fault is not None and fault.kind == AT_BYTE:
            self._at_byte, self._bytes_left = fault, fault.amount
        elif fault is not None:
            fault.struck.set()
            self.wake.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.wake.wait(), fault.amount)
        if self._bytes_left is None:
            return data, True
        if len(data) < self._bytes_left:
            self._bytes_left -= len(data)
            return data, True
        self._at_byte.struck.set()
        return data[:self._bytes_left], False
