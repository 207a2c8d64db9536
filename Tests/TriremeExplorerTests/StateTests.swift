// That a state is all of a replica: by walks that are taken twice, and by the declarations of all stored properties.
import Foundation
import Testing
import TriremeCore
import TriremeExplorer

@Suite struct StateTests {
    /// Replicas that are taken back from bytes at each step stay equal to those that live on.
    @Test(arguments: [(2, 2, 1), (3, 2, 2)]) func whatIsTakenBackGoesOnAsBefore(_ n: Int, _ q1: Int, _ q2: Int) throws {
        let bounds = try Bounds(quorums: try quorums(n, q1, q2), candidacies: 3, crashes: 2, batches: 3)
        let comparison = Comparison(bounds)
        var steps = 0
        for seed in 1...200 {
            let walk = comparison.walk(seed: UInt64(seed), length: 80)
            #expect(walk.difference == nil, "seed \(seed): \(walk.difference ?? "")")
            if walk.difference != nil { return }
            steps += walk.steps
        }
        #expect(steps > 4_000)
    }

    /// Every stored property of the core stands in a `walk`, or is named here with the reason why not.
    @Test func everyStoredPropertyIsWalked() throws {
        let excused: Set = [
            // Without state, or the same for as long as a core lives.
            "Replica.pinned", "Replica.configuration", "Replica.arrived", "Lanes.pinned", "Lanes.members",
            "Lanes.count",
            "Replica.lastSlot", "FastProposals.alternatives", "Candidacy.window", "Candidacy.reported",
            "Candidacy.stamps",
            "LaneTrack.isLive", "Candidacy.members", "Executor.members", "Executor.step", "EntryHistory.members",
            // Memory of rings: their cells are walked by who owns them.
            "Lanes.digests", "Lanes.indexes", "EntryHistory.positions",
            // Inside of what is left out as a whole.
            "Retry.dueAt", "Retry.attempts", "VainWait.slot", "VainWait.since", "CoreRandom.state",
        ]
        var missing: [String] = []
        var seen = 0
        for file in try sources() {
            for (type, property) in storedProperties(file) where Self.walked.contains(type) {
                seen += 1
                if excused.contains("\(type).\(property)") { continue }
                if !mentions(try walks(of: type), property) { missing.append("\(type).\(property)") }
            }
        }
        #expect(missing.isEmpty, "not part of a state: name them in the type's walk (Sources/TriremeCore/State)")
        #expect(seen > 120, "the declarations were not found")
    }

    /// The types whose values are a core's state.
    private static let walked: Set = [
        "Replica", "Peer", "VoteRecord", "ProposalRecord", "Recalling", "Exposure", "Candidacy", "Answer", "Sequencing",
        "Lanes", "LaneTrack", "EntryHistory", "Executor", "Status", "Memory", "VoteRun", "Cut", "Entry", "Position",
        "StatusNumber", "Ballot", "Retry", "VainWait", "CoreRandom", "Vow", "FastRound", "FastProposals",
        "VoteMarks",
    ]

    private var core: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/TriremeCore").resolvingSymlinksInPath()
    }
    private func sources() throws -> [String] {
        let files = FileManager.default.enumerator(at: core, includingPropertiesForKeys: nil)!
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            .map { try String(contentsOf: $0, encoding: .utf8) }
    }

    /// (type, name) of each stored property: a declaration one level below its type that has no body of its own. The sources are
    /// formatted, so that levels are four blanks each.
    private func storedProperties(_ source: String) -> [(String, String)] {
        var types: [(level: Int, name: String)] = []
        var found: [(String, String)] = []
        for line in source.split(separator: "\n") {
            let level = line.prefix { $0 == " " }.count / 4
            let words = line.split { " :({<=".contains($0) }.map(String.init)
            if let place = words.firstIndex(where: { $0 == "struct" || $0 == "enum" || $0 == "extension" }),
                line.hasSuffix("{"), !line.contains("//"), place + 1 < words.count
            {
                types.removeAll { $0.level >= level }
                types.append((level, words[place + 1]))
                continue
            }
            guard let place = words.firstIndex(where: { $0 == "var" || $0 == "let" }), !words.contains("static"),
                !line.contains("func "), let type = types.last(where: { $0.level == level - 1 }),
                !types.contains(where: { $0.level >= level }), !line.hasSuffix("{"), !line.contains(" { ")
            else {
                types.removeAll { $0.level >= level && line.contains("}") }
                continue
            }
            found.append((type.name, words[place + 1]))
        }
        return found
    }

    /// Everything that walks a type: its own `walk`, and for plain values the visit that takes it.
    private func walks(of type: String) throws -> String {
        var text = ""
        for source in try sources() where source.contains("StateWalk") {
            for part in source.components(separatedBy: "\nextension ").dropFirst() {
                let isOwn = part.prefix { $0.isLetter || $0 == "." }.split(separator: ".").last.map(String.init) == type
                if isOwn, part.contains("walk(_ w: inout StateWalk") { text += part }
                for function in part.components(separatedBy: "mutating func visit(_ value: inout ").dropFirst()
                where function.hasPrefix("\(type))") { text += function }
            }
        }
        return text
    }
    private func mentions(_ text: String, _ property: String) -> Bool {
        text.split { !$0.isLetter && !$0.isNumber }.contains(Substring(property))
    }
}
