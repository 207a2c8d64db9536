// A JSON file as flat settings: "log.segments", "members.0.address". Arrays of objects get their place as a component.
import Configuration

/// Any JSON value.
enum SettingsTree: Decodable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([SettingsTree])
    case object([String: SettingsTree])

    init(from decoder: any Decoder) throws {
        if let keys = try? decoder.container(keyedBy: AnyKey.self) {
            var members: [String: SettingsTree] = [:]
            for key in keys.allKeys { members[key.stringValue] = try keys.decode(SettingsTree.self, forKey: key) }
            self = .object(members)
        } else if var values = try? decoder.unkeyedContainer() {
            var items: [SettingsTree] = []
            while !values.isAtEnd { items.append(try values.decode(SettingsTree.self)) }
            self = .array(items)
        } else {
            self = try Self.scalar(decoder.singleValueContainer())
        }
    }

    private static func scalar(_ value: any SingleValueDecodingContainer) throws -> SettingsTree {
        if value.decodeNil() { return .none }
        if let bool = try? value.decode(Bool.self) { return .bool(bool) }
        if let int = try? value.decode(Int.self) { return .int(int) }
        if let double = try? value.decode(Double.self) { return .double(double) }
        return .string(try value.decode(String.self))
    }

    /// The settings of this tree. A `null` counts as absent.
    func flattened(_ path: [String] = []) -> [(path: [String], value: Setting)] {
        switch self {
        case .none: []
        case .bool(let bool): [(path, .bool(bool))]
        case .int(let int): [(path, .int(int))]
        case .double(let double): [(path, .double(double))]
        case .string(let string): [(path, .string(string))]
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { $0.value.flattened(path + [$0.key]) }
        case .array(let items):
            if let numbers = integers {
                [(path, .integers(numbers))]
            } else {
                items.enumerated().flatMap { $0.element.flattened(path + ["\($0.offset)"]) }
            }
        }
    }

    /// Whether it is one setting as it stands: nothing, or a list of whole numbers.
    var isFlatSetting: Bool {
        switch self {
        case .none: true
        case .array: integers != nil
        default: false
        }
    }

    private var integers: [Int]? {
        guard case .array(let items) = self else { return nil }
        let numbers = items.compactMap { if case .int(let number) = $0 { number } else { nil } }
        return numbers.count == items.count ? numbers : nil
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// One setting's value, and its kind in words.
enum Setting: CustomStringConvertible {
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case integers([Int])

    var content: ConfigContent {
        switch self {
        case .bool(let bool): .bool(bool)
        case .int(let int): .int(int)
        case .double(let double): .double(double)
        case .string(let string): .string(string)
        case .integers(let numbers): .intArray(numbers)
        }
    }
    var description: String {
        switch self {
        case .bool(let bool): "\(bool)"
        case .int(let int): "\(int)"
        case .double(let double): "\(double)"
        case .string(let string): "\"\(string)\""
        case .integers(let numbers): "\(numbers)"
        }
    }
}
