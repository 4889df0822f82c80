"""Leaves whole layers out of a base model: python -m inference.cutting (docs/decisions/0019-smaller-models.md)."""
