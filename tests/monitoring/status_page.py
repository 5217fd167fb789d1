#!/usr/bin/python3
"""A daemon that has something to show on its status page.

As a program it makes the pictures of docs/monitoring.md: status_page.py FOLDER
"""

import pathlib
import sys
import threading

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("support", "e2e")]

import browser
import client as api
import daemon as harness
import databases
import processes

TABLES = ("orders", "payments", "weather")
CHECKED = "id {id} NOT NULL PRIMARY KEY, n {id} NOT NULL CHECK (n < 100)"
PICTURES = {"status-light": (1280, 640, "light", False), "status-dark": (1280, 640, "dark", False),
            "status-phone": (390, 844, "light", True)}
SPARKLINE_POINTS = 25


class Scene:
    """SQLite with three tables, and rows that flow into them while `flow` lasts."""

    def __enter__(self):
        self.database = databases.open_database("sqlite")
        for table in TABLES:
            self.database.create(CHECKED, table)
        tables = ", ".join(f"{{name: {table}}}" for table in TABLES)
        self.daemon = harness.Daemon(f"{self.database.target()}tables: [{tables}]\n").__enter__()
        self.url = self.daemon.http_url + "/"
        self._next = 1
        return self

    def __exit__(self, *exception):
        self.daemon.__exit__(*exception)
        self.database.close()

    def write(self, client, table, rows, bad=0):
        """Writes rows with new keys, of which the first `bad` break the CHECK."""
        first, self._next = self._next, self._next + rows
        client.write(table, api.rows(["id", "n"], [[first + i, 200 if i < bad else 1] for i in range(rows)]))

    def flow(self, *tables):
        return Flow(self, tables)


class Flow:
    """Rows, a few times a second and never as many, until the block ends."""

    def __init__(self, scene, tables):
        self._scene, self._tables = scene, tables

    def __enter__(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        with api.Client(self._scene.daemon.grpc_address) as client:
            turn = 0
            while not self._stop.wait(0.1):
                turn += 1
                for share, table in enumerate(self._tables, 1):
                    self._scene.write(client, table, 10 * share + 40 * share * (turn % 40) // 40)


def take_pictures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with Scene() as scene, browser.Browser() as chromium:
        with api.Client(scene.daemon.grpc_address) as client:
            scene.write(client, TABLES[0], 50, bad=2)
        page = chromium.open(scene.url)
        with scene.flow(*TABLES):
            page.wait_for("(document.querySelector('polyline')?.getAttribute('points') ?? '')"
                          f".split(' ').length > {SPARKLINE_POINTS}")
            for name, (width, height, scheme, mobile) in PICTURES.items():
                page.show_as(width, height, scheme, mobile)
                processes.wait_until(lambda: page.evaluate("innerWidth") == width, 10, name)
                page.screenshot(folder / f"{name}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: status_page.py FOLDER")
    take_pictures(pathlib.Path(sys.argv[1]))
