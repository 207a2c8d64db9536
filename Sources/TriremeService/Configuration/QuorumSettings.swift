// The quorums of a cluster file where they are more than three sizes: an object, and within it rules. docs/QUORUMS.md has
// the forms with examples.
import Trireme

enum QuorumSettings {
    private typealias System = Configuration.QuorumSystem
    private typealias Rule = Configuration.QuorumRule

    /// Which keys go together: the first one names the form.
    private static let forms: [(key: String, others: [String])] = [
        ("grid", []), ("groups", ["ofEach"]), ("weights", ["phase1", "classic", "fast"]),
        ("classic", ["phase1", "fast"]),
    ]
    private static let needed =
        "[Q1, Q2, QF], or an object with \"grid\", \"groups\", \"weights\" or \"classic\" is needed"

    static func parse(_ tree: SettingsTree, members: Int) throws(TriremeError) -> Configuration.QuorumSystem {
        guard case .object(let settings) = tree else { throw invalid("quorums is \(tree.kind); \(needed)") }
        guard let form = forms.first(where: { settings[$0.key] != nil }) else {
            throw invalid("quorums has \(list(settings.keys.sorted())); \(needed)")
        }
        let known = [form.key] + form.others
        if let unknown = settings.keys.sorted().first(where: { !known.contains($0) }) {
            throw invalid(
                "the setting \"quorums.\(unknown)\" is not known beside \"\(form.key)\", which goes with "
                    + "\(form.others.isEmpty ? "nothing else" : list(form.others)): take it out")
        }
        switch form.key {
        case "grid":
            let shape = try integers(settings["grid"]!, "quorums.grid", "[rows, columns]")
            guard shape.count == 2 else { throw invalid("quorums.grid is \(shape); [rows, columns] is needed") }
            return .grid(rows: shape[0], columns: shape[1])
        case "groups": return try groups(settings)
        case "weights":
            return .weighted(
                try integers(settings["weights"]!, "quorums.weights", "a weight for each member"),
                phase1: try integer(settings["phase1"], "quorums.phase1"),
                classic: try integer(settings["classic"], "quorums.classic"),
                fast: settings["fast"] == nil ? nil : try integer(settings["fast"], "quorums.fast"))
        default:
            return .rules(
                phase1: try rule(settings["phase1"], "quorums.phase1", members),
                classic: try rule(settings["classic"]!, "quorums.classic", members, 1),
                fast: try rule(settings["fast"], "quorums.fast", members))
        }
    }

    /// `[4, 3]`: four groups of three; or the groups themselves.
    private static func groups(_ settings: [String: SettingsTree]) throws(TriremeError) -> System {
        let ofEach = settings["ofEach"] == nil ? 1 : try integer(settings["ofEach"], "quorums.ofEach")
        guard case .array(let items) = settings["groups"]! else {
            throw invalid("quorums.groups is \(settings["groups"]!.kind); [groups, size] or a list of lists is needed")
        }
        if items.contains(where: { if case .array = $0 { true } else { false } }) {
            return .groups(try sets(items, "quorums.groups"), ofEach: ofEach)
        }
        let shape = try integers(.array(items), "quorums.groups", "[groups, size]")
        guard shape.count == 2, shape.allSatisfy({ (1...15).contains($0) }) else {
            throw invalid("quorums.groups is \(shape); [groups, size], each from 1 to 15, or a list of lists is needed")
        }
        return .groups(shape[0], of: shape[1], ofEach: ofEach)
    }

    private static func rule(_ tree: SettingsTree?, _ name: String, _ members: Int) throws(TriremeError) -> Rule? {
        guard let tree else { return nil }
        return try rule(tree, name, members, 1)
    }

    /// A number: any so many members. A list of lists: any of these sets. An object: `atLeast` so many `of` members or rules,
    /// or so much of `weights`.
    private static func rule(_ tree: SettingsTree, _ name: String, _ members: Int, _ depth: Int) throws(TriremeError)
        -> Rule
    {
        // The exact bound is the core's; this one only keeps the recursion short.
        guard depth <= 16 else { throw invalid("\(name) is nested too deep: say it with fewer levels") }
        switch tree {
        case .int(let least): return .atLeast(least, of: Array(0..<members))
        case .array(let items): return .sets(try sets(items, name))
        case .object(let settings):
            let least = try integer(settings["atLeast"], "\(name).atLeast")
            for key in settings.keys.sorted() where !["atLeast", "of", "weights"].contains(key) {
                throw invalid("the setting \"\(name).\(key)\" is not known; \"atLeast\", \"of\" and \"weights\" are")
            }
            switch (settings["of"], settings["weights"]) {
            case (nil, let weights?):
                return .weight(least, of: try integers(weights, "\(name).weights", "a weight for each member"))
            case (.array(let items)?, nil): return try some(least, items, name, members, depth)
            default:
                throw invalid("\(name) needs \"of\", a list, or \"weights\" beside \"atLeast\", and one of them only")
            }
        default:
            throw invalid("\(name) is \(tree.kind); a number, a list of lists or an object with \"atLeast\" is needed")
        }
    }

    private static func some(_ least: Int, _ items: [SettingsTree], _ name: String, _ members: Int, _ depth: Int)
        throws(TriremeError) -> Rule
    {
        if let ids = integers(items) { return .atLeast(least, of: ids) }
        var parts: [Rule] = []
        for (place, item) in items.enumerated() {
            if case .int(let member) = item {
                parts.append(.atLeast(1, of: [member]))
            } else {
                parts.append(try rule(item, "\(name).of.\(place)", members, depth + 1))
            }
        }
        return .some(least, of: parts)
    }

    // MARK: Values

    private static func sets(_ items: [SettingsTree], _ name: String) throws(TriremeError) -> [[Int]] {
        var sets: [[Int]] = []
        for (place, item) in items.enumerated() {
            sets.append(try integers(item, "\(name).\(place)", "a list of members"))
        }
        return sets
    }

    private static func integer(_ tree: SettingsTree?, _ name: String) throws(TriremeError) -> Int {
        guard let tree else { throw invalid("\(name) is missing; it must be a whole number") }
        guard case .int(let value) = tree else { throw invalid("\(name) is \(tree.kind); it must be a whole number") }
        return value
    }

    private static func integers(_ tree: SettingsTree, _ name: String, _ what: String) throws(TriremeError) -> [Int] {
        guard case .array(let items) = tree, let numbers = integers(items) else {
            throw invalid("\(name) is \(tree.kind); \(what) is needed, a list of whole numbers")
        }
        return numbers
    }

    private static func integers(_ items: [SettingsTree]) -> [Int]? {
        let numbers = items.compactMap { if case .int(let number) = $0 { number } else { nil } }
        return numbers.count == items.count ? numbers : nil
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
    private static func invalid(_ message: String) -> TriremeError { TriremeError(.invalidConfiguration, message) }
}

extension SettingsTree {
    /// The kind of value, in words.
    fileprivate var kind: String {
        switch self {
        case .none: "null"
        case .bool(let bool): "\(bool)"
        case .int(let int): "\(int)"
        case .double(let double): "\(double)"
        case .string(let string): "\"\(string)\""
        case .array: "a list of other things"
        case .object: "an object"
        }
    }
}
