// Appended to the manifest of a mutated tree: only what the mutants need is built there.
package.targets.append(
    .executableTarget(
        name: "seeds", dependencies: ["TriremeSimulator"], path: "Tests/Mutants/Seeds", swiftSettings: settings))
package.targets.append(
    .executableTarget(
        name: "explorations", dependencies: ["TriremeExplorer"], path: "Tests/Mutants/Explorations",
        swiftSettings: settings))
package.products = []
do {
    var needed: Set<String> = ["seeds", "explorations", "TriremeCoreTests", "TriremeStorageTests", "TriremeSimulatorTests"]
    var packages: Set<String> = []
    var before = -1
    while before != needed.count {
        before = needed.count
        for target in package.targets where needed.contains(target.name) {
            for dependency in target.dependencies {
                switch dependency {
                case .targetItem(let name, _), .byNameItem(let name, _): needed.insert(name)
                case .productItem(let name, let package, _, _): packages.insert(package ?? name)
                @unknown default: break
                }
            }
        }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    if packages.isEmpty { package.dependencies = [] }
}
