"""Trains LoRA adapters: `python -m inference.training SPEC.json`. Knows nothing of where rows come from."""
