// Seeds that once failed: a file that is checked in, a line for each (mix, seed, why), replayed by the tests and before a soak.
import FoundationEssentials

package struct Corpus: Sendable {
    package struct Entry: Equatable, Sendable {
        package var mix: Mix
        package var seed: UInt64
        package var why: String
        package init(mix: Mix, seed: UInt64, why: String) {
            self.mix = mix
            self.seed = seed
            self.why = why
        }
        package var line: String { "\(mix) \(seed)  \(why)" }
    }
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }
    package private(set) var entries: [Entry] = []

    /// Reads lines `mix seed why`; empty ones and those that begin with `#` are skipped.
    package init(_ text: String) throws(Malformed) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.isEmpty || line.hasPrefix("#") { continue }
            guard words.count == 3, let mix = Mix(rawValue: String(words[0])), let seed = UInt64(words[1]) else {
                throw Malformed(
                    description:
                        "corpus, line \(number + 1): “\(line)”; needed is a mix (standard or wide), a seed, and why it is kept"
                )
            }
            entries.append(Entry(mix: mix, seed: seed, why: String(words[2].drop { $0 == " " })))
        }
    }
    package init(file: String) throws {
        try self.init(String(contentsOf: URL(filePath: file), encoding: .utf8))
    }
    /// Adds a line to a corpus file, which is made if it is not there.
    package static func append(_ entry: Entry, to file: String) throws {
        let known = (try? String(contentsOf: URL(filePath: file), encoding: .utf8)) ?? ""
        try (known + entry.line + "\n").write(to: URL(filePath: file), atomically: true, encoding: .utf8)
    }
}
