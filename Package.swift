// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "trireme",
    products: [
        .library(name: "Trireme", targets: ["Trireme"]),
        .executable(name: "trireme", targets: ["TriremeCLI"]),
        .library(name: "TriremeHotPaths", targets: ["TriremeHotPaths"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .target(name: "CTrireme"),
        .target(name: "CAllocations"),
        .target(name: "TriremeCore", swiftSettings: settings),
        .testTarget(
            name: "TriremeCoreTests", dependencies: ["TriremeCore"], exclude: ["README.md"],
            resources: [.copy("Transcripts")], swiftSettings: settings),
        .target(name: "TriremeStorage", dependencies: ["CTrireme", "TriremeCore"], swiftSettings: settings),
        .target(name: "TriremeTransport", dependencies: ["CTrireme", "TriremeCore"], swiftSettings: settings),
        .target(
            name: "TriremeRuntime", dependencies: ["CTrireme", "TriremeCore", "TriremeStorage", "TriremeTransport"],
            swiftSettings: settings),
        .target(
            name: "Trireme",
            dependencies: ["TriremeRuntime", .product(name: "Logging", package: "swift-log")], swiftSettings: settings),
        .target(
            name: "TriremeService",
            dependencies: [
                "CTrireme", "Trireme", "TriremeRuntime",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .target(
            name: "TriremeBench",
            dependencies: [
                "CTrireme", "Trireme", "TriremeRuntime", "TriremeStorage", "TriremeTransport",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ], swiftSettings: settings),
        .target(name: "TriremeTuning", swiftSettings: settings),
        .testTarget(
            name: "TriremeTuningTests", dependencies: ["TriremeCore", "TriremeTransport", "TriremeTuning"],
            swiftSettings: settings),
        .target(
            name: "TriremeHotPaths",
            dependencies: [
                "CTrireme", "Trireme", "TriremeBench", "TriremeRuntime", "TriremeStorage", "TriremeTransport",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "TriremeCLI",
            dependencies: [
                "CAllocations", "CTrireme", "Trireme", "TriremeBench", "TriremeRuntime", "TriremeService",
                "TriremeExplorer", "TriremeSimulator", "TriremeStorage", "TriremeTuning",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
        .target(
            name: "TriremeSimulator", dependencies: ["CTrireme", "TriremeRuntime", "TriremeStorage", "TriremeTransport"],
            swiftSettings: settings),
        .target(name: "TriremeExplorer", dependencies: ["TriremeCore"], swiftSettings: settings),
        .testTarget(
            name: "TriremeExplorerTests", dependencies: ["TriremeCore", "TriremeExplorer"], swiftSettings: settings),
        .testTarget(
            name: "TriremeStorageTests", dependencies: ["CTrireme", "TriremeStorage"], swiftSettings: settings),
        .testTarget(
            name: "TriremeTransportTests", dependencies: ["CTrireme", "TriremeCore", "TriremeTransport"],
            swiftSettings: settings),
        .testTarget(
            name: "TriremeTests", dependencies: ["CTrireme", "Trireme", "TriremeRuntime"], swiftSettings: settings),
        .testTarget(
            name: "TriremeServiceTests",
            dependencies: [
                "Trireme", "TriremeService",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .testTarget(
            name: "TriremeBenchTests",
            dependencies: [
                "CAllocations", "Trireme", "TriremeBench", "TriremeRuntime",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ], swiftSettings: settings),
        .executableTarget(
            name: "acknowledged-writes", path: "Tests/EndToEnd/AcknowledgedWrites", swiftSettings: settings),
        .testTarget(
            name: "TriremeCLITests",
            dependencies: [
                "Trireme", "TriremeBench", "TriremeCLI", "TriremeRuntime", "TriremeService", "TriremeStorage",
                "TriremeTuning",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TriremeSimulatorTests", dependencies: ["TriremeSimulator"], resources: [.copy("Corpus.txt")],
            swiftSettings: settings),
    ]
)
