"""This machine: time, files, log, metadata, interfaces. One kind of I/O a module; they decide nothing."""
