// Which settings a cluster file may hold, and of which kind. Unknown ones are refused with the nearest that is known.

enum SettingKind: String {
    case string = "a string"
    case integer = "a whole number"
    case boolean = "true or false"
    case integers = "a list of whole numbers"

    func accepts(_ setting: Setting) -> Bool {
        switch (self, setting) {
        case (.string, .string), (.integer, .int), (.boolean, .bool), (.integers, .integers): true
        default: false
        }
    }
}

enum ClusterSchema {
    /// `*` stands for a place in a list.
    static let settings: [(path: String, kind: SettingKind, isRequired: Bool)] = [
        ("clusterID", .string, true),
        ("members.*.id", .integer, true),
        ("members.*.address", .string, true),
        ("members.*.respPort", .integer, false),
        ("interface", .string, true),
        ("group.address", .string, false),
        ("group.port", .integer, false),
        ("quorums", .integers, false),
        ("durability", .string, false),
        ("dissemination", .string, false),
        ("ordering", .string, false),
        ("announcedMembers", .integer, false),
        ("allowSingleCopy", .boolean, false),
        ("log.segmentMebibytes", .integer, false),
        ("log.segments", .integer, false),
        ("batchBytes", .integer, false),
        ("windowBatches", .integer, false),
        ("sealAfterMicroseconds", .integer, false),
        ("catchUpPercent", .integer, false),
    ]

    /// What is wrong with a file's settings, or `nil`.
    static func refusal(_ found: [(path: [String], value: Setting)]) -> String? {
        for (path, value) in found {
            let name = path.joined(separator: ".")
            if path == ["members"] { break }
            let general = generalised(path)
            guard let known = settings.first(where: { $0.path == general }) else { return unknown(name, general) }
            guard known.kind.accepts(value) else { return "\(name) is \(value); it must be \(known.kind.rawValue)" }
        }
        let names = Set(found.map { $0.path.joined(separator: ".") })
        let members = Set(found.filter { $0.path.first == "members" && $0.path.count > 1 }.map { $0.path[1] })
        if members.isEmpty {
            return "members is missing; a list of {\"id\": 0, \"address\": \"10.0.0.1\"} and so on is needed"
        }
        for known in settings where known.isRequired {
            let wanted = known.path.contains("*") ? members.sorted().map { replaced(known.path, $0) } : [known.path]
            if let missing = wanted.first(where: { !names.contains($0) }) {
                return "\(missing) is missing; it must be \(known.kind.rawValue)"
            }
        }
        return nil
    }

    private static func generalised(_ path: [String]) -> String {
        path.map { !$0.isEmpty && $0.allSatisfy(\.isNumber) ? "*" : $0 }.joined(separator: ".")
    }
    private static func replaced(_ path: String, _ place: String) -> String {
        path.split(separator: ".").map { $0 == "*" ? place : String($0) }.joined(separator: ".")
    }

    private static func unknown(_ name: String, _ general: String) -> String {
        let nearest = settings.map(\.path).min { distance($0, general) < distance($1, general) }
        let shown = (nearest ?? "").replacing(".*", with: "[…]")
        return "the setting \"\(name)\" is not known; the nearest is \"\(shown)\": correct it, or take it out"
    }

    /// Levenshtein's: how many letters to insert, delete or replace. Case counts for nothing, so that `clusterId` is near.
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.lowercased().utf8)
        let b = Array(b.lowercased().utf8)
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
