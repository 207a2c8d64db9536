// Three replicas in one process over loopback multicast, through the public API.
import Foundation
import Testing
import Trireme

/// A cluster in temporary directories, on ports of its own.
final class TestCluster {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var used: UInt16 = 0
    let configuration: Configuration
    let directory: String
    var replicas: [Int: Replica] = [:]

    init(members: Int = 3, durability: Configuration.Durability = .disk) {
        let number = Self.lock.withLock {
            Self.used += 1
            return Self.used
        }
        let port = TestPorts.cluster(number)
        var configuration = Configuration(
            clusterID: .random(), members: (0..<members).map { .init(id: $0, address: "127.0.0.1") }, interface: "lo",
            group: .init(address: "239.77.2.1", port: port), durability: durability)
        configuration.segmentMebibytes = 1
        configuration.segments = 8
        configuration.batchBytes = 16_384
        configuration.windowBatches = 4
        self.configuration = configuration
        directory = NSTemporaryDirectory() + "trireme-test-\(UUID().uuidString)"
    }
    deinit {
        for replica in replicas.values { replica.stop() }
        try? FileManager.default.removeItem(atPath: directory)
    }
    func start(_ id: Int, format: Bool = false) async throws {
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        replicas[id] = try await Replica(
            configuration, id: id, dataDirectory: "\(directory)/\(id)", format: format, stateMachine: Ledger())
    }
    func stop(_ id: Int) { replicas.removeValue(forKey: id)?.stop() }
}

private func command(_ account: UInt64, _ amount: Int64) -> [UInt8] {
    withUnsafeBytes(of: (account.littleEndian, amount.littleEndian)) { Array($0) }
}
private func balance(_ reply: [UInt8]) -> Int64 {
    reply.withUnsafeBytes { $0.count == 8 ? Int64(littleEndian: $0.loadUnaligned(as: Int64.self)) : .min }
}

@Suite(.serialized) struct ReplicaTests {
    @Test func commandsOfAllReplicasAreOrderedAlike() async throws {
        let cluster = TestCluster()
        for id in 0..<3 { try await cluster.start(id, format: true) }
        for round in 1...20 {
            for id in 0..<3 {
                let reply = try await cluster.replicas[id]!.submit(command(7, 1))
                #expect(balance(reply) == Int64((round - 1) * 3 + id + 1))
            }
        }
    }

    @Test func whatWasAcknowledgedSurvivesTheEndOfAll() async throws {
        let cluster = TestCluster()
        for id in 0..<3 { try await cluster.start(id, format: true) }
        // More than the log holds, so that snapshots are taken and segments used again.
        for _ in 0..<3 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for id in 0..<3 {
                    let replica = cluster.replicas[id]!
                    for account in 0..<400 {
                        group.addTask { _ = try await replica.submit(command(UInt64(account), 1)) }
                    }
                }
                try await group.waitForAll()
            }
            for id in 0..<3 { cluster.stop(id) }
            for id in 0..<3 { try await cluster.start(id) }
        }
        for account in 0..<400 {
            #expect(balance(try await cluster.replicas[account % 3]!.submit(command(UInt64(account), 0))) == 9)
        }
    }

    @Test func twoOfThreeGoOnAndTheThirdCatchesUp() async throws {
        let cluster = TestCluster()
        for id in 0..<3 { try await cluster.start(id, format: true) }
        _ = try await cluster.replicas[0]!.submit(command(1, 1))
        for victim in 0..<3 {
            cluster.stop(victim)
            for i in 0..<200 {
                _ = try await cluster.replicas[(victim + 1 + i % 2) % 3]!.submit(command(1, 1))
            }
            try await cluster.start(victim)
            #expect(balance(try await cluster.replicas[victim]!.submit(command(1, 0))) == Int64(1 + 200 * (victim + 1)))
        }
    }

    @Test func clientSubmitsAndPolls() async throws {
        let cluster = TestCluster(durability: .memory)
        for id in 0..<3 { try await cluster.start(id, format: true) }
        var client = try cluster.replicas[1]!.client(outstanding: 512)
        var next: UInt64 = 0
        var answered: UInt64 = 0
        var inOrder = true
        func take(_ tag: UInt64, _ reply: UnsafeRawBufferPointer) {
            if tag != answered || reply.count != 8 || reply.loadUnaligned(as: Int64.self) != Int64(tag) + 1 {
                inOrder = false
            }
            answered += 1
        }
        while next < 50_000 {
            try command(3, 1).withUnsafeBytes { try client.submitWaiting($0, tag: next, take) }
            next += 1
        }
        let deadline = Date().addingTimeInterval(20)
        while answered < next, Date() < deadline { if client.poll(take) == 0 { usleep(100) } }
        #expect(answered == next)
        #expect(inOrder)
    }

    /// Clients come and go: what one has submitted is carried out, its place and its buffers are the next one's.
    @Test func clientsThatGoGiveTheirPlacesBack() async throws {
        let cluster = TestCluster(durability: .memory)
        for id in 0..<3 { try await cluster.start(id, format: true) }
        let replica = cluster.replicas[0]!
        func one() async throws -> Bool {
            for _ in 0..<400 {
                do {
                    var client = try replica.client(outstanding: 16)
                    try command(7, 1).withUnsafeBytes { try client.submitWaiting($0, tag: 0) { _, _ in } }
                    return true
                } catch let error as TriremeError where error.code == .overloaded {
                    // All places are taken by clients whose last command is under way.
                    try await Task.sleep(nanoseconds: 5_000_000)
                }
            }
            return false
        }
        var served = 0
        while served < 300, try await one() { served += 1 }
        #expect(served == 300)
        for _ in 0..<400 where balance(try await replica.submit(command(7, 0))) < 300 {
            try await Task.sleep(nanoseconds: 5_000_000)
        }
        #expect(balance(try await replica.submit(command(7, 0))) == 300)
    }

    @Test func moreClientsThanPlacesAreRefused() async throws {
        let cluster = TestCluster(durability: .memory)
        for id in 0..<3 { try await cluster.start(id, format: true) }
        let replica = cluster.replicas[0]!
        final class Held {
            let client: Client
            init(_ client: consuming Client) { self.client = client }
        }
        var held: [Held] = []
        var refusal: TriremeError?
        while held.count < 80, refusal == nil {
            do { held.append(Held(try replica.client(outstanding: 1))) } catch { refusal = error }
        }
        #expect(refusal?.code == .overloaded)
        // One is the replica's own, for `submit`.
        #expect(held.count == 63)
    }

    @Test func refusalsSayWhatToDo() async throws {
        let cluster = TestCluster()
        await #expect(throws: TriremeError.self) { try await cluster.start(0) }  // Not formatted.
        try await cluster.start(0, format: true)
        // A second process (here: a second replica) on one directory.
        await #expect(throws: TriremeError.self) {
            _ = try await Replica(
                cluster.configuration, id: 0, dataDirectory: "\(cluster.directory)/0", stateMachine: Ledger())
        }
        let replica = cluster.replicas[0]!
        await #expect(throws: TriremeError.self) { try await replica.submit([UInt8](repeating: 0, count: 20_000)) }
        cluster.stop(0)
        await #expect(throws: TriremeError.self) { try await cluster.start(0, format: true) }  // Already formatted.
        var foreign = cluster.configuration
        foreign.clusterID = .random()
        await #expect(throws: TriremeError.self) {
            _ = try await Replica(foreign, id: 0, dataDirectory: "\(cluster.directory)/0", stateMachine: Ledger())
        }
        await #expect(throws: TriremeError.self) { try await replica.submit(command(1, 1)) }
    }
}
