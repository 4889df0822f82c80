"""Decoding on a GPU: CUDA graphs over static places, and Triton kernels that read pages and adapters where they lie.

Everything but decoding is the torch backend's. The kernels need `triton`, which torch's builds for CUDA bring along.
"""

from __future__ import annotations


class CudaUnavailable(Exception):
    """The backend cannot run this model here; the message is a sentence."""
