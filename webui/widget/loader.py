"""`/widget.js`: the one script that a site's pages load from here. It is the same for all sites and all visitors."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import condition, require_safe

from webui.storage import without_comments

FILE = Path(__file__).parent.parent / "static" / "webui" / "widget" / "widget.js"
# A page asks again after so long, and gets the newest one: a fault in it can be mended everywhere.
MAX_AGE_S = 300


@lru_cache(maxsize=1)
def _script() -> tuple[bytes, bytes, str]:
    """The script, the same compressed, and the mark of its content."""
    text = without_comments(FILE.read_text(encoding="utf-8")).encode()
    return text, gzip.compress(text, mtime=0), f'"{hashlib.sha256(text).hexdigest()[:16]}"'


@require_safe
@condition(etag_func=lambda request: _script()[2])
def script(request: HttpRequest) -> HttpResponse:
    text, compressed, _ = _script()
    is_compressed = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(compressed if is_compressed else text, content_type="text/javascript; charset=utf-8")
    if is_compressed:
        answer["Content-Encoding"] = "gzip"
    patch_vary_headers(answer, ["Accept-Encoding"])
    answer["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    # Pages of other sites are whom it is for, those that demand it (COEP) among them.
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
