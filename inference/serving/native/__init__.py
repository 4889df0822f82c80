"""The kernel for CPUs: a forward of Llama-type models in C++, compiled on the machine that runs it.

Where to begin: backend.py (what the scheduler sees), model.h and forward.cpp (one forward), crew.h (how threads share
it), quantised.h (how weights lie in memory) and products.cpp (how they are multiplied), attention.h (how keys and
values lie), head.cpp (from the last layer to logits). docs/decisions/0016 says why.
"""


class NativeUnavailable(Exception):
    """The kernel cannot run this model on this machine; a sentence says why. Another backend can."""
