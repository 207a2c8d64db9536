// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "trireme",
    products: [],
    targets: [
        .target(name: "TriremeCore", swiftSettings: settings),
        .target(name: "TriremeStorage", dependencies: ["TriremeCore"], swiftSettings: settings),
        .target(name: "TriremeTransport", dependencies: ["TriremeCore"], swiftSettings: settings),
    ]
)
