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
                "\"catchUpPercent\": 25",
                "\"allowSingleCopy\": true"))
        #expect(configuration.group == .init(address: "239.1.2.3", port: 9_000))
        #expect(configuration.quorums == .init(phase1: 2, classic: 2, fast: 3))
        #expect(configuration.durability == .memory)
        #expect(configuration.segmentMebibytes == 8 && configuration.segments == 32)
        #expect(configuration.batchBytes == 16_384 && configuration.windowBatches == 4)
        #expect(configuration.sealAfterMicroseconds == 100 && configuration.allowSingleCopy)
        #expect(configuration.catchUpPercent == 25)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var configuration = try parse(Self.file("\"quorums\": [2, 2, 3]", "\"windowBatches\": 5"))
        configuration.durability = .memory
        #expect(try parse(ClusterFileText.json(configuration).text) == configuration)
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
