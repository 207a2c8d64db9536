// JSON as it is written: members stay in the order in which they were given, so that two reports compare line by line.

package indirect enum JSON: Sendable, Equatable, ExpressibleByStringLiteral {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSON

        package init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }

    package init(stringLiteral value: String) { self = .string(value) }
    package static func unsigned(_ value: UInt64) -> JSON {
        Int(exactly: value).map(JSON.integer) ?? .string("\(value)")
    }
    package static func members(_ members: KeyValuePairs<String, JSON>) -> JSON {
        .object(members.map { Member(name: $0.key, value: $0.value) })
    }

    /// The text, with line breaks in objects; arrays of plain values stay on one line.
    package var text: String {
        var out = ""
        write(to: &out, indent: "")
        return out
    }

    /// The text on one line, for streams of objects.
    package var line: String {
        switch self {
        case .array(let items): "[" + items.map(\.line).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { JSON.string($0.name).line + ": " + $0.value.line }.joined(separator: ", ") + "}"
        default: text
        }
    }

    private var isPlain: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    private func write(to out: inout String, indent: String) {
        switch self {
        case .null: out += "null"
        case .bool(let bool): out += bool ? "true" : "false"
        case .integer(let integer): out += "\(integer)"
        case .number(let number): out += number.isFinite ? "\(number)" : "null"
        case .string(let string): Self.write(string, to: &out)
        case .array(let items) where items.allSatisfy(\.isPlain):
            out += "["
            for (place, item) in items.enumerated() {
                if place > 0 { out += ", " }
                item.write(to: &out, indent: indent)
            }
            out += "]"
        case .array(let items):
            Self.writeLines(items.count, "[", "]", indent, to: &out) { place, inner, out in
                items[place].write(to: &out, indent: inner)
            }
        case .object(let members):
            Self.writeLines(members.count, "{", "}", indent, to: &out) { place, inner, out in
                Self.write(members[place].name, to: &out)
                out += ": "
                members[place].value.write(to: &out, indent: inner)
            }
        }
    }

    private static func writeLines(
        _ count: Int, _ open: String, _ close: String, _ indent: String, to out: inout String,
        _ item: (Int, String, inout String) -> Void
    ) {
        out += open
        for place in 0..<count {
            out += (place > 0 ? "," : "") + "\n" + indent + "  "
            item(place, indent + "  ", &out)
        }
        out += (count > 0 ? "\n" + indent : "") + close
    }

    private static func write(_ string: String, to out: inout String) {
        out += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
