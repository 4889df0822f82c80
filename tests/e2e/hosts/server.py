"""The shop's server: a few pages on another port, with the policy a test asks for. Another port is another origin."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

PAGES = Path(__file__).parent
KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Host:
    """`widget_url` is the product's; `site_id` whose widget its pages ask for. ?csp=strict puts the documented policy
    around a page."""

    def __init__(self, widget_url: str, site_id: str = "") -> None:
        self.widget_url, self.site_id = widget_url, site_id
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        # Not 127.0.0.1, which is the product's: another site, not only another origin, so that browsers block what
        # they block of third parties.
        self.url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(address.query).items()}
                file = PAGES / (address.path.strip("/") or "shop.html")
                if file.parent != PAGES or file.suffix not in KINDS or not file.is_file():
                    self.send_error(404)
                    return
                text = file.read_text(encoding="utf-8")
                for name, value in {"WIDGET": host.widget_url, "SITE": query.get("site", host.site_id)}.items():
                    text = text.replace("{{" + name + "}}", value)
                self.send_response(200)
                self.send_header("Content-Type", KINDS[file.suffix])
                if query.get("csp") == "strict":
                    policy = f"default-src 'self'; script-src 'self' {host.widget_url}; frame-src {host.widget_url}"
                    trusted = "require-trusted-types-for 'script'; trusted-types 'none'"
                    self.send_header("Content-Security-Policy", f"{policy}; {trusted}")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
