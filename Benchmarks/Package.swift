// swift-tools-version: 6.2
// Benchmarks of the hot paths. A package of its own: nobody who embeds Trireme fetches or builds any of it.
import PackageDescription

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "trireme", path: "../"),
        // Without its traits it needs no replacement of malloc; its own counts of allocations then read 0 and are not used.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "HotPaths",
            dependencies: [
                .product(name: "TriremeHotPaths", package: "trireme"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/HotPaths", plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ]
)
