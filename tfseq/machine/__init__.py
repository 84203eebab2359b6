"""The machine: processor, threads, devices and workers."""
