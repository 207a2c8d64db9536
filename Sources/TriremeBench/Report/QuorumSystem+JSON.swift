// A quorum system as the cluster file and the reports write it; TriremeService reads it back.
import Trireme

extension Configuration.QuorumSystem {
    package var json: JSON {
        switch self {
        case .sizes(let sizes): .array([.integer(sizes.phase1), .integer(sizes.classic), .integer(sizes.fast)])
        case .grid(let rows, let columns): .members(["grid": .array([.integer(rows), .integer(columns)])])
        case .groups(let groups, let ofEach):
            .members(["groups": .array(groups.map(JSON.integers)), "ofEach": .integer(ofEach)])
        case .weighted(let weights, let phase1, let classic, let fast):
            .object(
                [
                    .init(name: "weights", value: .integers(weights)), .init(name: "phase1", value: .integer(phase1)),
                    .init(name: "classic", value: .integer(classic)),
                ] + (fast.map { [.init(name: "fast", value: .integer($0))] } ?? []))
        case .rules(let phase1, let classic, let fast):
            .object(
                (phase1.map { [.init(name: "phase1", value: $0.json)] } ?? []) + [
                    .init(name: "classic", value: classic.json)
                ] + (fast.map { [.init(name: "fast", value: $0.json)] } ?? []))
        }
    }
}

extension Configuration.QuorumRule {
    package var json: JSON {
        switch self {
        case .atLeast(let least, let members): .members(["atLeast": .integer(least), "of": .integers(members)])
        case .weight(let least, let weights): .members(["atLeast": .integer(least), "weights": .integers(weights)])
        case .some(let least, let rules):
            .members(["atLeast": .integer(least), "of": .array(rules.map(\.json))])
        }
    }
}

extension JSON {
    package static func integers(_ values: [Int]) -> JSON { .array(values.map(JSON.integer)) }
}
