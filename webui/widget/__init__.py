"""The chat on other people's sites: a script for their pages, and the frame in which it lives (docs/widget.md)."""
