"""How quick the kit is, beside its peers, on the lab. `make bench` measures and writes docs/benchmarks.md."""
