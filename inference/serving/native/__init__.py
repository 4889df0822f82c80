"""The kernel for CPUs: a forward of Llama-type models in C++, compiled on the machine that runs it.

Where to begin: backend.py (what the scheduler sees), model.h and forward.cpp (one forward), crew.h (how threads share
it), quantised.h (how weights lie in memory), attention.h (how keys and values do). docs/decisions/0016 says why.
"""


class NativeUnavailable(Exception):
    """The kernel cannot run this model on this machine; a sentence says why. Another backend can."""
