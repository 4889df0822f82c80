"""Compresses pages and JSON. What is streamed is packed already, and a browser that is told of gzip around a ZIP
saves it with the gzip still on."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressPages(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if isinstance(response, HttpResponse) else response
