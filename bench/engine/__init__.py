"""The engine beside what people would pick instead, on one machine, in turns: `python -m bench.engine`."""
