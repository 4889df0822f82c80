"""A QR code as plain SVG: no markup of text, no data: address, no inline style, so that the strictest CSP shows it."""

from __future__ import annotations

import qrcode
from django import template

register = template.Library()

QUIET_ZONE = 4  # modules of white around, as readers need


@register.inclusion_tag("webui/_qr_code.html")
def qr_code(text: str, label: str) -> dict[str, object]:
    code = qrcode.QRCode(border=QUIET_ZONE)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return {"path": path, "size": len(rows), "label": label}
