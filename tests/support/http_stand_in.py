"""An HTTP server on a free loopback port, for whatever a test plays itself.

    class Echo(http_stand_in.HttpStandIn):
        def answer(self, method, path, headers, body):
            return 200, body

    with Echo() as echo:
        ...  echo.url, echo.address
"""

import http.server
import threading


class HttpStandIn:
    """Answers GET and POST from when its block begins until it ends.

    Subclasses say what: answer() is called on a thread of each connection.
    """

    def __enter__(self):
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                stand_in._reply(self)

            do_POST = do_GET

            def date_time_string(self, timestamp=None):
                return stand_in.date() or super().date_time_string(timestamp)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method, path, headers, body):
        """(status, text) for a request; its path is with the query, its body is text."""
        raise NotImplementedError

    def date(self):
        """The header Date that every answer has; None: now."""
        return None

    def _reply(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        status, text = self.answer(request.command, request.path, request.headers, body)
        data = text.encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
