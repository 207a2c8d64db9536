// The cluster file: what it may hold, and one clear sentence for what it may not.
import Foundation
import Testing
import Trireme
import TriremeCLI
import TriremeService

@Suite struct ClusterFileTests {
    private static let identity = "\"clusterID\": \"5f0d2c1ab3e4495f8877665544332211\""
    private static let members = """
        "members": [{"id": 0, "address": "10.0.0.1", "respPort": 6401}, {"id": 1, "address": "10.0.0.2"},
                    {"id": 2, "address": "10.0.0.3"}]
        """
    private static let interface = "\"interface\": \"eth1\""

    private static func file(_ more: String...) -> String {
        "{" + ([identity, members, interface] + more).joined(separator: ", ") + "}"
    }
    private func parse(_ text: String) throws -> Configuration { try ClusterFile.parse(Data(text.utf8)) }
    private func refusal(_ text: String) -> String {
        do {
            _ = try parse(text)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func defaultsAreThoseOfTheOperatingContract() throws {
        let configuration = try parse(Self.file())
        #expect(configuration.members.map(\.address) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(configuration.members.map(\.respPort) == [6_401, nil, nil])
        #expect(configuration.group == .init(address: "239.77.1.1", port: 7_400))
        #expect(configuration.durability == .disk)
        #expect(configuration.segmentMebibytes == 64 && configuration.segments == 16)
        #expect(!configuration.allowSingleCopy)
        #expect(Configuration.defaultQuorums(members: 3) == .init(phase1: 2, classic: 2, fast: 3))
        #expect(Configuration.defaultQuorums(members: 5) == .init(phase1: 3, classic: 3, fast: 4))
    }

    @Test func everySettingIsTaken() throws {
        let configuration = try parse(
            Self.file(
                "\"group\": {\"address\": \"239.1.2.3\", \"port\": 9000}", "\"quorums\": [2, 2, 3]",
                "\"durability\": \"memory\"", "\"log\": {\"segmentMebibytes\": 8, \"segments\": 32}",
                "\"batchBytes\": 16384", "\"windowBatches\": 4", "\"sealAfterMicroseconds\": 100",
                "\"catchUpPercent\": 25", "\"announcedMembers\": 2",
                "\"allowSingleCopy\": true"))
        #expect(configuration.group == .init(address: "239.1.2.3", port: 9_000))
        #expect(configuration.quorums == .init(phase1: 2, classic: 2, fast: 3))
        #expect(configuration.durability == .memory)
        #expect(configuration.segmentMebibytes == 8 && configuration.segments == 32)
        #expect(configuration.batchBytes == 16_384 && configuration.windowBatches == 4)
        #expect(configuration.sealAfterMicroseconds == 100 && configuration.allowSingleCopy)
        #expect(configuration.catchUpPercent == 25 && configuration.announcedMembers == 2)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var configuration = try parse(Self.file("\"quorums\": [2, 2, 3]", "\"windowBatches\": 5"))
        configuration.durability = .memory
        configuration.announcedMembers = 3
        #expect(try parse(ClusterFileText.json(configuration).text) == configuration)
    }

    @Test func whoeverNamesMembersNeedsLargeQ1() {
        func refusal(_ quorums: String, _ announced: Int, _ ordering: String = "classic") -> String {
            self.refusal(
                file(members: 5, "\(quorums), \"announcedMembers\": \(announced), \"ordering\": \"\(ordering)\""))
        }
        for announced in [0, 2, 3, 5] { #expect(refusal("[4, 2, 4]", announced).isEmpty) }
        #expect(
            refusal("[2, 4, 5]", 4)
                == "announcedMembers is 4, and a Q1 may have 2 of 5 members; two Q1 need to meet, so each needs more than half of "
                + "them: raise |Q1| to 3, or leave announcedMembers out")
        #expect(
            refusal("[4, 2, 4]", 1)
                == "announcedMembers is 1; it must lie in 2 ... 5, from the smallest Q2 to all members, or be 0")
        #expect(refusal("[4, 2, 4]", 6).hasPrefix("announcedMembers is 6; it must lie in 2 ... 5"))
        #expect(
            refusal("[4, 2, 4]", 2, "fast")
                == "announcedMembers is 2, and ordering is \"fast\", whose rounds name nobody: set ordering to \"classic\" or "
                + "\"adaptive\", or leave announcedMembers out")
    }

    /// A file with so many members and these quorums.
    private func file(members n: Int, _ quorums: String) -> String {
        let list = (0..<n).map { "{\"id\": \($0), \"address\": \"10.0.0.\($0 + 1)\"}" }.joined(separator: ", ")
        return "{\(Self.identity), \(Self.interface), \"members\": [\(list)], \"quorums\": \(quorums)}"
    }

    @Test func everyFormOfQuorumsIsTakenAndWrittenBack() throws {
        let cases: [(Int, String, Configuration.QuorumSystem)] = [
            (12, "{\"grid\": [3, 4]}", .grid(rows: 3, columns: 4)),
            (12, "{\"groups\": [4, 3]}", .groups(4, of: 3)),
            (12, "{\"groups\": [4, 3], \"ofEach\": 2}", .groups(4, of: 3, ofEach: 2)),
            (5, "{\"groups\": [[0, 3, 4], [1, 2]]}", .groups([[0, 3, 4], [1, 2]], ofEach: 1)),
            (
                4, "{\"weights\": [2, 1, 1, 1], \"phase1\": 3, \"classic\": 3, \"fast\": 4}",
                .weighted([2, 1, 1, 1], phase1: 3, classic: 3, fast: 4)
            ),
            (
                3, "{\"classic\": [[0, 1], [0, 2]]}",
                .rules(phase1: nil, classic: .sets([[0, 1], [0, 2]]), fast: nil)
            ),
            (
                5,
                "{\"phase1\": 4, \"classic\": {\"atLeast\": 2, \"of\": [0, {\"atLeast\": 1, \"of\": [1, 2, 3, 4]}]}}",
                .rules(
                    phase1: .atLeast(4, of: [0, 1, 2, 3, 4]),
                    classic: .some(2, of: [.atLeast(1, of: [0]), .atLeast(1, of: [1, 2, 3, 4])]), fast: nil)
            ),
            (
                3, "{\"classic\": {\"atLeast\": 3, \"weights\": [2, 1, 1]}, \"fast\": 3}",
                .rules(phase1: nil, classic: .weight(3, of: [2, 1, 1]), fast: .atLeast(3, of: [0, 1, 2]))
            ),
        ]
        for (n, text, system) in cases {
            let configuration = try parse(file(members: n, text))
            #expect(configuration.quorums == system, "\(text)")
            #expect(try parse(ClusterFileText.json(configuration).text) == configuration, "\(text)")
        }
    }

    @Test func wrongQuorumsAreRefusedInOneSentence() {
        let cases: [(Int, String, [String])] = [
            (3, "\"2,2,3\"", ["quorums is \"2,2,3\"", "[Q1, Q2, QF]"]),
            (3, "{}", ["quorums has nothing", "\"grid\""]),
            (3, "{\"gird\": [1, 3]}", ["quorums has \"gird\"", "\"grid\""]),
            (4, "{\"grid\": [2, 2], \"ofEach\": 1}", ["quorums.ofEach", "beside \"grid\"", "nothing else"]),
            (4, "{\"grid\": [2]}", ["quorums.grid is [2]", "[rows, columns]"]),
            (5, "{\"grid\": [2, 2]}", ["a grid of 2 × 2 has 4 members", "the cluster has 5"]),
            (4, "{\"groups\": [2, \"a\"]}", ["quorums.groups", "[groups, size]"]),
            (4, "{\"groups\": [[0, 1], [1, 2]]}", ["{0, 1} {1, 2}", "once"]),
            (4, "{\"groups\": [2, 2], \"ofEach\": 3}", ["3 of each group", "1 to 2"]),
            (3, "{\"weights\": [1, 1, 1], \"classic\": 2}", ["quorums.phase1 is missing"]),
            (3, "{\"weights\": [1, 1, 1], \"phase1\": 1, \"classic\": 2}", ["Q1 {2}", "Q2 {0, 1}", "do not meet"]),
            (3, "{\"classic\": [[0, 1], [1, 7]]}", ["[1, 7] names member 7", "0 to 2"]),
            (3, "{\"classic\": [[0, 0], [1, 2]]}", ["member 0 twice"]),
            (3, "{\"classic\": {\"atLeast\": 2}}", ["quorums.classic needs \"of\""]),
            (3, "{\"classic\": {\"atMost\": 2, \"of\": [0]}}", ["quorums.classic.atLeast is missing"]),
            (3, "{\"classic\": [[0]]}", ["the Q2 {0}", "only copy"]),
            (
                4, "{\"phase1\": [[0, 1]], \"classic\": [[0, 2]], \"fast\": [[0, 1, 3], [1, 2, 3]]}",
                ["accepted"]
            ),
            (
                4, "{\"phase1\": [[0, 2]], \"classic\": [[0, 2]], \"fast\": [[0, 1, 3], [1, 2, 3]]}",
                ["Q1 {0, 2} misses what the fast quorums {0, 1, 3} and {1, 2, 3} share"]
            ),
        ]
        for (n, text, parts) in cases {
            let found = refusal(file(members: n, text))
            let sentence = found.isEmpty ? "accepted" : found
            for part in parts { #expect(sentence.contains(part), "\(sentence) should say \(part)") }
        }
    }

    @Test func unknownSettingsAreRefusedWithTheNearestKnown() {
        #expect(
            refusal(Self.file("\"durabilty\": \"disk\"")).contains(
                "\"durabilty\" is not known; the nearest is \"durability\""))
        #expect(
            refusal(Self.file("\"log\": {\"segmentMegabytes\": 64}")).contains("nearest is \"log.segmentMebibytes\""))
        let misspelt = Self.file().replacingOccurrences(of: "respPort", with: "resp_port")
        #expect(
            refusal(misspelt).contains("\"members.0.resp_port\" is not known; the nearest is \"members[…].respPort\""))
    }

    @Test func refusalsNameTheSettingTheValueFoundAndTheValueNeeded() {
        let cases: [(String, [String])] = [
            ("{\"a\": ", ["not JSON"]),
            ("[1]", ["no JSON object"]),
            ("{}", ["members is missing"]),
            (Self.file("\"durability\": \"tape\""), ["\"tape\"", "\"disk\" or \"memory\""]),
            (Self.file("\"batchBytes\": \"many\""), ["batchBytes is \"many\"", "a whole number"]),
            (Self.file("\"batchBytes\": 5000"), ["batchBytes is 5000", "4096"]),
            (Self.file("\"quorums\": [2, 2]"), ["[2, 2]", "three sizes"]),
            (Self.file("\"quorums\": [1, 2, 3]"), ["do not meet", "must exceed n = 3"]),
            (Self.file("\"quorums\": [3, 1, 2]"), ["|Q2| = 1", "allowSingleCopy"]),
            (Self.file("\"group\": {\"address\": \"10.1.1.1\"}"), ["10.1.1.1", "multicast"]),
            (Self.file("\"group\": {\"port\": 65530}"), ["group.port is 65530"]),
            (Self.file("\"log\": {\"segments\": 1}"), ["log.segments is 1"]),
            (Self.file().replacingOccurrences(of: "\"id\": 2", with: "\"id\": 3"), ["place 2", "id 3", "set it to 2"]),
            (Self.file().replacingOccurrences(of: "10.0.0.3", with: "10.0.0"), ["member 2", "\"10.0.0\""]),
            (Self.file().replacingOccurrences(of: "5f0d", with: "5g0d"), ["clusterID", "32 hexadecimal digits"]),
            (
                Self.file().replacingOccurrences(of: Self.interface, with: "\"windowBatches\": 3"),
                ["interface is missing"]
            ),
        ]
        for (text, parts) in cases {
            let sentence = refusal(text)
            for part in parts { #expect(sentence.contains(part), "\(sentence) should say \(part)") }
        }
    }

    @Test func oneMemberNeedsTheOperatorsWord() {
        let single = "{\(Self.identity), \(Self.interface), \"members\": [{\"id\": 0, \"address\": \"127.0.0.1\"}]"
        #expect(refusal(single + "}").contains("allowSingleCopy"))
        #expect(refusal(single + ", \"allowSingleCopy\": true}") == "")
    }

    @Test func aFileThatIsNotThereIsNamed() {
        #expect(throws: TriremeError.self) { try ClusterFile.load("/nonexistent/cluster.json") }
        do {
            _ = try ClusterFile.load("/nonexistent/cluster.json")
        } catch {
            #expect(error.message.contains("/nonexistent/cluster.json cannot be read"))
        }
    }
}
