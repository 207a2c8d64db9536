// Profiles as JSON files: those of Tuning/profiles, and an operator's own.
import FoundationEssentials

extension Profile {
    /// The profile of that name, or the one in that file. A text with a slash or with `.json` at its end is a file.
    package static func find(_ text: String) throws(TuningError) -> Profile {
        if text.contains("/") || text.hasSuffix(".json") { return try load(text) }
        guard let profile = Profiles.named(text) else {
            throw TuningError(
                "the profile \"\(text)\" is not known; there are \(Profiles.names), or give the path of a JSON file with one"
            )
        }
        return profile
    }

    /// Reads a file.
    /// - Throws: one sentence that begins with the file's path.
    package static func load(_ path: String) throws(TuningError) -> Profile {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw TuningError("\(path) cannot be read: give the path of a profile, or one of \(Profiles.names)")
        }
        do {
            return try JSONDecoder().decode(Document.self, from: data).profile()
        } catch let error as TuningError {
            throw TuningError("\(path): \(error.description)")
        } catch DecodingError.keyNotFound(let key, let context) {
            throw TuningError(
                "\(path): \((context.codingPath + [key]).text) is missing; see Tuning/profiles for whole ones")
        } catch DecodingError.typeMismatch(let type, let context) {
            throw TuningError("\(path): \(context.codingPath.text) has the wrong kind of value; a \(type) is needed")
        } catch {
            throw TuningError("\(path): this is not JSON; one object as in Tuning/profiles is needed")
        }
    }
}

extension [any CodingKey] {
    fileprivate var text: String { isEmpty ? "the file" : map(\.stringValue).joined(separator: ".") }
}

/// The file as it is written.
private struct Document: Decodable {
    var name: String
    var purpose: String
    var tuned: String?
    var placement: Placement
    var settings: [String: String]

    struct Placement: Decodable {
        var cpu: Processor
        var memory: String
        var idle: String
        var spinMicroseconds: Int?

        enum CodingKeys: String, CodingKey, CaseIterable { case cpu, memory, idle, spinMicroseconds }
        init(from decoder: any Decoder) throws {
            try AnyKey.refuseOthers(than: CodingKeys.allCases.map(\.rawValue), in: decoder)
            let values = try decoder.container(keyedBy: CodingKeys.self)
            cpu = try values.decode(Processor.self, forKey: .cpu)
            memory = try values.decode(String.self, forKey: .memory)
            idle = try values.decode(String.self, forKey: .idle)
            spinMicroseconds = try values.decodeIfPresent(Int.self, forKey: .spinMicroseconds)
        }
    }

    /// A word or a number.
    struct Processor: Decodable {
        var text: String
        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            text = try (try? value.decode(Int.self)).map(String.init) ?? value.decode(String.self)
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case name, purpose, tuned, placement, settings }
    init(from decoder: any Decoder) throws {
        try AnyKey.refuseOthers(than: CodingKeys.allCases.map(\.rawValue), in: decoder)
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        purpose = try values.decode(String.self, forKey: .purpose)
        tuned = try values.decodeIfPresent(String.self, forKey: .tuned)
        placement = try values.decode(Placement.self, forKey: .placement)
        settings = try values.decode([String: String].self, forKey: .settings)
    }

    func profile() throws(TuningError) -> Profile {
        var wanted: [String: Wanted] = [:]
        for (name, text) in settings {
            guard Catalogue.named(name) != nil else {
                throw TuningError("the setting \"\(name)\" is not known; there are \(Catalogue.names)")
            }
            guard let condition = Wanted(text) else {
                throw TuningError(
                    "settings.\(name) is \"\(text)\"; \">= NUMBER\", or values with | between them, are needed")
            }
            wanted[name] = condition
        }
        return Profile(name: name, purpose: purpose, tuned: tuned, placement: try place(), settings: wanted)
    }

    private func place() throws(TuningError) -> Profile.Placement {
        let processor: Profile.Placement.Processor
        switch placement.cpu.text {
        case "any": processor = .any
        case "own": processor = .own
        default:
            guard let number = Int(placement.cpu.text), number >= 0 else {
                throw TuningError(
                    "placement.cpu is \"\(placement.cpu.text)\"; any, own or a processor's number is needed")
            }
            processor = .number(number)
        }
        guard ["any", "own"].contains(placement.memory) else {
            throw TuningError("placement.memory is \"\(placement.memory)\"; any or own is needed")
        }
        guard let idle = Profile.Placement.Idle(rawValue: placement.idle) else {
            throw TuningError("placement.idle is \"\(placement.idle)\"; block, adaptive or spin is needed")
        }
        let spin = placement.spinMicroseconds ?? 50
        guard (1...1_000_000).contains(spin) else {
            throw TuningError("placement.spinMicroseconds is \(spin); 1 to 1000000 are possible")
        }
        return .init(processor, isOnNode: placement.memory == "own", idle: idle, spinMicroseconds: spin)
    }
}

private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    static func refuseOthers(than known: [String], in decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let other = keys.sorted().first(where: { !known.contains($0) }) {
            throw TuningError("\"\(other)\" is not known; there are \(known.joined(separator: ", "))")
        }
    }
}
