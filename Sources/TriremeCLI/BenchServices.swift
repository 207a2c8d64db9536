// The services that a bench can load, by name.
import TriremeBench

enum BenchServices {
    private static let all: [BenchService] = [.counter, .keyValue]

    static func named(_ name: String) -> BenchService? { all.first { $0.name == name } }
    static var names: String { all.map(\.name).joined(separator: ", ") }
}
