import Foundation
import Testing
import Trireme
import TriremeBench
import TriremeCLI
import TriremeRuntime

@Suite struct CommandLineTests {
    private func refusal(_ arguments: String...) -> String { refusal(arguments) }
    private func refusal(_ arguments: [String]) -> String {
        do {
            _ = try TriremeCommand.parseAsRoot(arguments)
            return ""
        } catch {
            return TriremeCommand.message(for: error)
        }
    }

    @Test func theOptionsOfTheContractAreTaken() {
        let message = refusal(
            "bench", "--replicas", "5", "--durability", "memory", "--command-bytes", "128", "--batch-bytes", "16384",
            "--window", "4", "--service", "kv", "--clients", "inprocess", "--rate", "30000", "--lanes", "one",
            "--quorums", "3,3,4", "--seconds", "2", "--warmup", "1", "--data", "/tmp", "--interface", "lo", "--group",
            "239.1.1.1:9000", "--kill", "sequencer@1", "--seal", "off", "--json", "out.json", "--limits", "--sweep",
            "--report", "out.html", "--hgrm",
            "out.hgrm")
        #expect(message == "")
    }

    @Test(arguments: [
        ["--seal", "on"], ["--clients", "remote"],
    ])
    func whatComesLaterIsRefusedInOneSentence(option: [String]) {
        let sentence = refusal(["bench"] + option)
        #expect(sentence.hasPrefix(option[0]) && sentence.hasSuffix(" is not part of this version yet: leave it out"))
    }

    @Test func wrongValuesAreNamed() {
        #expect(refusal("bench", "--rate", "fast").contains("--rate is \"fast\""))
        #expect(refusal("bench", "--quorums", "2,2").contains("2,2,3"))
        #expect(refusal("bench", "--grid", "3").contains("--grid is \"3\""))
        #expect(refusal("bench", "--grid", "4x4").contains("1 to 15"))
        #expect(refusal("cluster", "--data", "x", "--groups", "4").contains("4x3:2"))
        #expect(refusal("cluster", "--data", "x", "--grid", "2x2", "--groups", "2x2").contains("give one of them"))
        #expect(refusal("quorums", "--failure-rate", "2").contains("0 ... 1"))
        #expect(refusal("quorums", "cluster.json", "--grid", "2x2").contains("stand in it"))
        #expect(refusal("bench", "--group", "239.1.1.1").contains("ADDRESS:PORT"))
        #expect(refusal("bench", "--kill", "someone@1").contains("follower@SECONDS"))
        #expect(refusal("bench", "--service", "sql").contains("counter, kv"))
        #expect(refusal("cluster", "--data", "x", "--restart", "1", "--replicas", "3").contains("--data alone"))
    }
}

@Suite struct ClusterDirectoryTests {
    private func temporary() -> String {
        FileManager.default.temporaryDirectory.path + "/trireme-cli-\(UUID().uuidString.prefix(8))"
    }

    @Test func aClusterHasTheQuorumsThatWereAskedFor() throws {
        let path = temporary()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let grid = Configuration.QuorumSystem.grid(rows: 2, columns: 2)
        let first = try ClusterDirectory(path, replicas: nil, respPort: nil, durability: nil, quorums: grid)
        #expect(first.configuration.members.count == 4 && first.configuration.quorums == grid)
        let second = try ClusterDirectory(path, replicas: nil, respPort: nil, durability: nil, quorums: grid)
        #expect(!second.isNew && second.configuration.quorums == grid)
        #expect(throws: BenchError.self) {
            try ClusterDirectory(
                path, replicas: nil, respPort: nil, durability: nil, quorums: .init(phase1: 3, classic: 2, fast: 3))
        }
    }

    @Test func aClusterIsMadeOnceAndFoundAgain() throws {
        let path = temporary()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = try ClusterDirectory(path, replicas: 5, respPort: 7_001, durability: nil)
        #expect(first.isNew && first.configuration.members.map(\.respPort) == [7_001, 7_002, 7_003, 7_004, 7_005])
        let second = try ClusterDirectory(path, replicas: nil, respPort: nil, durability: nil)
        #expect(!second.isNew && second.configuration == first.configuration)
        #expect(throws: BenchError.self) { try ClusterDirectory(path, replicas: 3, respPort: nil, durability: nil) }
    }

    @Test func aForeignDirectoryIsRefused() throws {
        let path = temporary()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(FileManager.default.createFile(atPath: path + "/something", contents: nil))
        #expect(throws: BenchError.self) { try ClusterDirectory(path, replicas: nil, respPort: nil, durability: nil) }
    }

    @Test func theControlSocketAnswersAndRefuses() async throws {
        let path = temporary()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: BenchError.self) { try ControlSocket.ask("restart 1", in: path) }
        let socket = try ControlSocket(in: path)
        // Asked from a thread of its own: one that waits for an answer must not take a thread of the tests' pool.
        let asked = Asking("restart 1", in: path)
        while asked.outcome == nil { socket.serve(milliseconds: 100) { "\($0) done" } }
        #expect(try asked.outcome?.get() == "restart 1 done")
        let refused = Asking("restart 9", in: path)
        while refused.outcome == nil {
            socket.serve(milliseconds: 100) { _ in throw BenchError("there is no replica 9") }
        }
        #expect(throws: BenchError.self) { try refused.outcome?.get() }
        #expect(throws: BenchError.self) { try ControlSocket(in: path) }
    }
}

/// One question to a control socket, asked on another thread.
private final class Asking: @unchecked Sendable {
    private let lock = NSLock()
    private var result: Result<String, any Error>?
    var outcome: Result<String, any Error>? { lock.withLock { result } }
    init(_ question: String, in path: String) {
        Thread.detachNewThread {
            let result = Result { try ControlSocket.ask(question, in: path) }
            self.lock.withLock { self.result = result }
        }
    }
}

@Suite struct CountersPageTests {
    @Test func whatIsWrittenIsReadByName() throws {
        let path = FileManager.default.temporaryDirectory.path + "/trireme-counters-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: CountersPageError.self) { try CountersReader(path: path) }
        let page = try CountersPage(path: path, names: ["commitIndex", "stateHash"])
        page.set(0, 17)
        page.set(1, .max)
        let reader = try CountersReader(path: path)
        #expect(reader["commitIndex"] == 17 && reader["stateHash"] == .max && reader["other"] == nil)
        #expect(reader.entries.map(\.name) == ["commitIndex", "stateHash"])
        #expect(reader.isLive && reader.processID == ProcessInfo.processInfo.processIdentifier)
        page.set(0, 18)
        #expect(reader["commitIndex"] == 18)
    }
}
