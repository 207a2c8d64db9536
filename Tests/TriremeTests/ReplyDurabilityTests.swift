// Replies that wait for more copies than a quorum's, through the public API: real files and sockets.
import Foundation
import Synchronization
import Testing
import Trireme
import TriremeCore
import TriremeRuntime

@Suite(.serialized) struct ReplyDurabilityTests {
    private func add(_ amount: Int64 = 1) -> [UInt8] {
        withUnsafeBytes(of: (UInt64(7).littleEndian, amount.littleEndian)) { Array($0) }
    }
    private func waits(_ cluster: TestCluster, _ id: Int) throws -> UInt64 {
        try #require(try CountersReader(path: "\(cluster.directory)/\(id)/counters")["batchesAwaitingCopies"])
    }
    /// Whether something comes about within some seconds.
    private func soon(_ condition: () throws -> Bool) async rethrows -> Bool {
        for _ in 0..<2_000 {
            if try condition() { return true }
            try? await Task.sleep(nanoseconds: 5_000_000)
        }
        return false
    }

    @Test(arguments: [Configuration.Durability.disk, .memory])
    func allCopiesAreHadWhereAllAreUp(durability: Configuration.Durability) async throws {
        let cluster = TestCluster(durability: durability)
        for id in 0..<3 { try await cluster.start(id, format: true) }
        for round in 1...50 {
            let reply = try await cluster.replicas[round % 3]!.submit(add(), durability: .quorumPlus(1))
            #expect(reply.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) } == Int64(round))
        }
    }

    /// One is down: what wants its copy waits, is executed, and is told of by the counters; others go on. It is answered when the one
    /// is back.
    @Test func aReplyWaitsForTheOneThatIsDown() async throws {
        let cluster = TestCluster()
        for id in 0..<3 { try await cluster.start(id, format: true) }
        let replica = cluster.replicas[0]!
        _ = try await replica.submit(add(), durability: .quorumPlus(1))
        cluster.stop(2)
        let answer = Mutex<[UInt8]?>(nil)
        let patient = Task {
            let reply = try await replica.submit(add(10), durability: .quorumPlus(1))
            answer.withLock { $0 = reply }
        }
        #expect(try await soon { try waits(cluster, 0) == 1 })
        for _ in 0..<20 { _ = try await replica.submit(add()) }
        // It was executed long ago.
        let reply = try await replica.submit(add(0))
        #expect(reply.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) } == 31)
        #expect(answer.withLock { $0 } == nil)
        #expect(try waits(cluster, 0) == 1)
        try await cluster.start(2)
        #expect(await soon { answer.withLock { $0 } != nil })
        try await patient.value
        #expect(try await soon { try waits(cluster, 0) == 0 })
    }

    /// The replica ends before the copies are there: nobody knows what became of the command.
    @Test func whatWaitsAtTheEndIsUnknown() async throws {
        let cluster = TestCluster()
        for id in 0..<3 { try await cluster.start(id, format: true) }
        let replica = cluster.replicas[0]!
        var client = try replica.client(outstanding: 16, durability: .quorumPlus(1))
        cluster.stop(2)
        for tag in 0..<3 as Range<UInt64> {
            try add().withUnsafeBytes { try client.submitWaiting($0, tag: tag) { _, _ in } }
        }
        let task = Task { () -> TriremeError.Code? in
            do throws(TriremeError) {
                _ = try await replica.submit(add(), durability: .quorumPlus(1))
                return nil
            } catch { return error.code }
        }
        #expect(try await soon { try waits(cluster, 0) >= 2 })
        cluster.stop(0)
        #expect(await task.value == .outcomeUnknown)
        let isStopped = client.isStopped
        let replies = client.poll { _, _ in }
        let unanswered = client.outstanding
        #expect(isStopped && replies == 0 && unanswered == 3)
    }

    @Test func copiesThatNobodyHasAreRefused() async throws {
        let cluster = TestCluster(durability: .memory)
        for id in 0..<3 { try await cluster.start(id, format: true) }
        let replica = cluster.replicas[0]!
        for more in [2, -1, 14] {
            let refusal = #expect(throws: TriremeError.self) { _ = try replica.client(durability: .quorumPlus(more)) }
            #expect(refusal?.code == .unattainableDurability)
            #expect(
                refusal?.message
                    == "a reply after \(more) copies beyond a quorum's was asked for; with 3 members, of which the smallest quorum has 2, "
                    + "0 to 1 are possible: ask for fewer, or add members")
            // It would wait for ever.
            guard refusal != nil else { continue }
            await #expect(throws: TriremeError.self) {
                _ = try await replica.submit(add(), durability: .quorumPlus(more))
            }
        }
        // None more is the quorum's own.
        _ = try await replica.submit(add(), durability: .quorumPlus(0))
    }
}

/// The gateway alone: batches go in and are executed by hand.
@Suite struct HeldReplyTests {
    private let pool = BufferPool(batchBytes: 4_096, own: 64, receive: 4, reserve: 4)
    private let gateway: ClientGateway
    init() { gateway = ClientGateway(pool: pool, windowBatches: 16, wake: {}) }

    private func reach(_ sequences: UInt64...) -> CopyReach {
        var reach = CopyReach()
        for sequence in sequences { reach.add(sequence) }
        return reach
    }
    /// One batch with `count` commands, sealed.
    private func seal(_ port: ClientPort, _ count: Int = 1) throws {
        // Buffers are lent when the gateway is polled.
        _ = gateway.poll(now: 1, mustSeal: false, pool: pool)
        for _ in 0..<count { #expect([1, 2, 3].withUnsafeBytes { port.append($0) }) }
        let submission = try #require(gateway.poll(now: 1, mustSeal: true, pool: pool))
        #expect(submission.count == count)
        _ = pool.drop(submission.buffer, .filling)
    }
    private func execute(_ values: UInt32...) {
        var replies: [UInt8] = []
        for value in values {
            withUnsafeBytes(of: UInt32(4).littleEndian) { replies.append(contentsOf: $0) }
            withUnsafeBytes(of: value.littleEndian) { replies.append(contentsOf: $0) }
        }
        replies.withUnsafeBytes { gateway.executed(count: values.count, replies: $0) }
    }
    /// What has come, nil for an unknown outcome.
    private func drain(_ port: ClientPort) -> [UInt32?] {
        var all: [UInt32?] = []
        _ = port.drain(limit: .max) { all.append($0?.loadUnaligned(as: UInt32.self)) }
        return all
    }

    @Test func repliesComeWithTheirCopiesAndInOrder() throws {
        let plain = try #require(gateway.makePort(capacity: 16))
        let patient = try #require(gateway.makePort(capacity: 16, copies: 3))
        try seal(patient, 2)
        try seal(plain)
        try seal(patient)
        execute(1, 2)
        execute(3)
        execute(4)
        #expect(gateway.batchesAwaitingCopies == 2)
        #expect(drain(plain) == [3] && drain(patient) == [])
        // Two members have all of it, the third nothing.
        gateway.copied(reach(3, 3))
        #expect(drain(patient) == [] && gateway.batchesAwaitingCopies == 2)
        gateway.copied(reach(3, 2, 3))
        #expect(drain(patient) == [1, 2] && gateway.batchesAwaitingCopies == 1)
        gateway.copied(reach(3, 3, 3))
        #expect(drain(patient) == [4] && gateway.batchesAwaitingCopies == 0)
    }

    /// A batch that others executed has no replies here: its client hears so in its turn.
    @Test func anUnknownOutcomeWaitsForThoseBeforeItAlone() throws {
        let patient = try #require(gateway.makePort(capacity: 16, copies: 3))
        for _ in 0..<3 { try seal(patient) }
        execute(1)
        gateway.skipped(batches: 1)
        #expect(drain(patient) == [] && gateway.batchesAwaitingCopies == 2)
        execute(3)
        gateway.copied(reach(9, 1, 1))
        #expect(drain(patient) == [1, nil] && gateway.batchesAwaitingCopies == 1)
        gateway.copied(reach(9, 3, 3))
        #expect(drain(patient) == [3] && gateway.batchesAwaitingCopies == 0)
    }

    /// Nobody waits for whoever is gone.
    @Test func aClientThatGoesWaitsForNothing() throws {
        let patient = try #require(gateway.makePort(capacity: 16, copies: 3))
        try seal(patient)
        try seal(patient)
        execute(1)
        #expect(gateway.batchesAwaitingCopies == 1)
        patient.leave()
        _ = gateway.poll(now: 1, mustSeal: true, pool: pool)
        #expect(gateway.batchesAwaitingCopies == 0)
        execute(2)
        #expect(gateway.batchesAwaitingCopies == 0)
    }

    /// More replies than the ring holds at once, released together.
    @Test func manyRepliesAreReleasedTogether() throws {
        let patient = try #require(gateway.makePort(capacity: 64, copies: 2, replyBytes: 64))
        for _ in 0..<40 {
            try seal(patient)
            execute(7)
            gateway.copied(reach(0))
        }
        #expect(gateway.batchesAwaitingCopies == 40 && drain(patient) == [])
        gateway.copied(reach(40, 40))
        var count = 0
        for _ in 0..<40 {
            count += drain(patient).count
            gateway.turnEnded()
        }
        #expect(count == 40 && gateway.batchesAwaitingCopies == 0)
    }
}
