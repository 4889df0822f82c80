"""Engines behind contract.Engine, and what they are made of."""

import os

# Read when torch is loaded, hence here. By default torch's threads spin while they wait for each other; as soon as
# another process needs a core, a step then takes whole slices of the scheduler and writing becomes ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
