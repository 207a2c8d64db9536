# Measurements beyond `make bench`; see Benchmarks/README.md. Included by the top Makefile.
#   make bench-network [ARGS="…"]   replicas in network namespaces with shaped links (root)
#   make micro-bench [ARGS="…"]     the hot paths, one by one
#   make micro-bench-check          the same against Benchmarks/Thresholds
#   make bench-recovery [ARGS="…"]  a log of a gigabyte recovered, beside its disk
#   make compare [ARGS="…"]         redis and etcd beside Trireme

.PHONY: bench-recovery bench-network micro-bench micro-bench-check compare
bench-network: build
	Benchmarks/network/run $(ARGS)

bench-recovery: build
	$(BINARY) bench-recovery $(ARGS)

micro-bench: setup
	swift package --package-path Benchmarks benchmark --no-progress $(ARGS)

# The tool's code is 2 where something is slower than its threshold and 4 where everything that differs is faster.
micro-bench-check: setup
	cd Benchmarks && swift package benchmark thresholds check --no-progress || [ $$? = 4 ]

compare: build test-setup
	Benchmarks/compare/run $(ARGS)
