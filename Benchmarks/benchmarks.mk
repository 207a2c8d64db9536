# Measurements beyond `make bench`; see Benchmarks/README.md. Included by the top Makefile.
#   make bench-network [ARGS="…"]   replicas in network namespaces with shaped links (root)
#   make bench-sites [ARGS="…"]     latency from each of some distant sites, classic, fast and adaptive (root)
#   make bench-quorums [ARGS="…"]   small second-phase quorums beside majorities
#   make micro-bench [ARGS="…"]     the hot paths, one by one
#   make micro-bench-check          the same against Benchmarks/Thresholds
#   make bench-recovery [ARGS="…"]  a log of a gigabyte recovered, beside its disk
#   make bench-snapshot [SIZE=MiB]  latencies beside snapshots of a large state, and without
#   make bench-catch-up [SIZE=MiB]  a cluster's throughput while a replica catches up by a snapshot
#   make compare [ARGS="…"]         redis and etcd beside Trireme

.PHONY: bench-recovery bench-snapshot bench-catch-up bench-network bench-sites bench-quorums micro-bench micro-bench-check compare
bench-network: build
	Benchmarks/network/run $(ARGS)

bench-sites: build
	Benchmarks/network/sites $(ARGS)

bench-quorums: build
	Benchmarks/compare/quorums $(ARGS)

bench-recovery: build
	$(BINARY) bench-recovery $(ARGS)

bench-snapshot: build
	$(BINARY) bench-snapshot $(if $(SIZE),--size $(SIZE)) $(ARGS)

bench-catch-up: build
	$(BINARY) bench-catch-up $(if $(SIZE),--size $(SIZE)) $(ARGS)

micro-bench: setup
	swift package --package-path Benchmarks benchmark --no-progress $(ARGS)

# The tool's code is 2 where something is slower than its threshold and 4 where everything that differs is faster.
micro-bench-check: setup
	cd Benchmarks && swift package benchmark thresholds check --no-progress || [ $$? = 4 ]

compare: build test-setup
	Benchmarks/compare/run $(ARGS)
