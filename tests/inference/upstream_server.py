"""A small server with OpenAI's interface, which says what the scripted engine would, a word to a chunk, and refuses
what a test tells it to. Real servers: tests/inference/test_upstream_of_transformers.py and
tests/runtime/test_product_on_product.py."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from inference.contract import UpstreamServer
from inference.serving.scripted import scripted_pieces
from inference.serving.stop_strings import StopStrings

Answer = tuple[int, dict[str, Any] | str]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens, self.tokens_per_second = 400, 1000.0
        # What it answers instead, one request after the other.
        self.refusals: deque[Answer] = deque()
        self.pieces: list[str] | None = None  # instead of the scripted ones
        self.break_after: int | None = None  # pieces, once
        self.loads_adapters = True
        self.models: list[dict[str, Any]] = [{"id": "scripted", "max_model_len": 4096}]
        self.adapters: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.written: list[int] = []  # pieces of each reply, also of those whose reader went away

    @property
    def upstream(self) -> UpstreamServer:
        return UpstreamServer(f"http://127.0.0.1:{self.server_address[1]}/v1")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Readers go away, as they may."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200, {"data": self.server.models})

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append(self.path)
        if self.path == "/v1/chat/completions":
            self.server.asked.append(fields)
            self._complete(fields)
        elif not self.server.loads_adapters:
            self._answer(404, {"detail": "Not Found"})
        elif self.path == "/v1/load_lora_adapter":
            self.server.adapters.add(fields["lora_name"])
            self._answer(200, "Success")
        else:
            self.server.adapters.discard(fields["lora_name"])
            self._answer(200, "Success")

    def _answer(self, status: int, value: dict[str, Any] | str) -> None:
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _complete(self, fields: dict[str, Any]) -> None:
        server = self.server
        if server.refusals:
            self._answer(*server.refusals.popleft())
            return
        if fields["model"] not in ({model["id"] for model in server.models} | server.adapters):
            self._answer(404, {"error": {"message": "The model does not exist."}})
            return
        text = next(each["content"] for each in reversed(fields["messages"]) if each["role"] == "user")
        pieces = server.pieces or scripted_pieces(text, server.tokens)
        if fields.get("continue_final_message"):
            while pieces and fields["messages"][-1]["content"]:
                fields["messages"][-1]["content"] = fields["messages"][-1]["content"].removeprefix(pieces.pop(0))
        self.send_response(200)
        self.end_headers()
        self._event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        stop = StopStrings(fields.get("stop", ()))
        server.written.append(0)
        row, said = len(server.written) - 1, pieces[: fields["max_tokens"]]
        for piece in said:
            if server.break_after == server.written[row]:
                server.break_after = None
                self.connection.close()
                return
            self._event({"choices": [{"delta": {"content": stop.push(piece)}}]})
            server.written[row] += 1
            if stop.is_stopped:
                break
            time.sleep(1 / server.tokens_per_second)
        held = stop.flush()
        reason = "length" if len(said) < len(pieces) and not stop.is_stopped else "stop"
        self._event({"choices": [{"delta": {"content": held} if held else {}, "finish_reason": reason}]})
        if fields.get("stream_options"):
            usage = {
                "prompt_tokens": len(json.dumps(fields["messages"]).split()),
                "completion_tokens": server.written[row],
            }
            self._event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(b": a comment\n" + f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
