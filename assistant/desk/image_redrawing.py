"""A program: takes an image on stdin, gives its media type, a line end, and the same picture drawn anew on stdout. It
knows nothing of Django, and ends by a failure for whatever is no image, too large, or too costly."""

from __future__ import annotations

import io
import resource
import sys

MAX_PIXELS = 40_000_000
MEMORY_BYTES = 1024**3
CPU_S = 15
# What Pillow calls it: the form in which it is kept. An animation is kept as its first picture.
KEPT_AS = {"PNG": "PNG", "GIF": "PNG", "JPEG": "JPEG", "WEBP": "WEBP"}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=tuple(KEPT_AS))
    if image.width * image.height > MAX_PIXELS:
        sys.exit(2)
    form = KEPT_AS[str(image.format)]
    image.load()
    # A camera's turn stands in what is thrown away with the place and the time.
    upright = ImageOps.exif_transpose(image)
    drawn = upright.convert("RGB" if form == "JPEG" or upright.mode not in ("RGBA", "LA", "P", "PA") else "RGBA")
    kept = io.BytesIO()
    drawn.save(kept, form, **({"quality": 88} if form != "PNG" else {}))
    sys.stdout.buffer.write(f"image/{form.lower()}\n".encode() + kept.getvalue())


if __name__ == "__main__":
    main()
