// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "trireme",
    products: [],
    targets: [
        .target(name: "CTrireme"),
        .target(name: "TriremeCore", swiftSettings: settings),
        .target(name: "TriremeStorage", dependencies: ["CTrireme", "TriremeCore"], swiftSettings: settings),
        .testTarget(
            name: "TriremeStorageTests", dependencies: ["CTrireme", "TriremeStorage"], swiftSettings: settings),
        .target(name: "TriremeTransport", dependencies: ["CTrireme", "TriremeCore"], swiftSettings: settings),
        .target(name: "Trireme", dependencies: ["TriremeCore"], swiftSettings: settings),
        .target(name: "CTriremePlaceholder"),
        .target(name: "TriremeBench", dependencies: ["CTriremePlaceholder", "Trireme"], swiftSettings: settings),
        .testTarget(name: "TriremeTests", dependencies: ["Trireme"], swiftSettings: settings),
        .testTarget(name: "TriremeBenchTests", dependencies: ["Trireme", "TriremeBench"], swiftSettings: settings),
        .target(
            name: "TriremeSimulator", dependencies: ["TriremeCore", "TriremeStorage", "TriremeTransport"],
            swiftSettings: settings),
        .testTarget(name: "TriremeSimulatorTests", dependencies: ["TriremeSimulator"], swiftSettings: settings),
        .testTarget(
            name: "TriremeTransportTests", dependencies: ["CTrireme", "TriremeCore", "TriremeTransport"],
            swiftSettings: settings),
    ]
)
