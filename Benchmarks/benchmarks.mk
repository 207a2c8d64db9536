# Measurements beyond `make bench`. Included by the top Makefile.
#   make bench-network [ARGS="…"]   replicas in network namespaces with shaped links (root; see Benchmarks/network/run --help)

.PHONY: bench-network
bench-network: build
	Benchmarks/network/run $(ARGS)
