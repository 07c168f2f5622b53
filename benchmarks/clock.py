"""The clock of the benchmarks, apart from them so that it brings no library along."""

import time

# Processor time leaves out what other programs take; where it is coarse (Windows) wall time serves.
FINE = time.get_clock_info("process_time").resolution < 1e-6
clock = time.process_time if FINE else time.perf_counter
