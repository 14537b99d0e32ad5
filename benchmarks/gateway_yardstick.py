"""The yardstick of the gateway: a bare app that reads JSON and does one durable insert.

This is the least that any gateway with the same promise must do.

    python -m benchmarks.gateway_yardstick FILE PORT
"""

import json
import sqlite3
import sys
import threading
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def bare_app(file: Path) -> Starlette:
    """Make the app on a database of its own."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table if not exists call (id integer primary key, body text)")
    lock = threading.Lock()

    def insert(body: str) -> int | None:
        with lock:
            return connection.execute("insert into call (body) values (?)", (body,)).lastrowid

    async def post(request: Request) -> JSONResponse:
        body = json.dumps(await request.json())
        return JSONResponse({"id": await run_in_threadpool(insert, body)})

    return Starlette(routes=[Route("/api/v1/index.cfm/webhook/{job}", post, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(bare_app(Path(sys.argv[1])), port=int(sys.argv[2]), access_log=False)
