// Pacing over a model of one full link: senders with a pacer each, a queue, and the receiver's advisor. Time is moved by hand.
import Testing
import TriremeCore
import TriremeTransport

/// A first-in, first-out queue before a link of a fixed rate. Senders send whenever they may.
private struct Link {
    static let frameBytes = 61_440
    static let tick: UInt64 = 50_000

    var bytesPerSecond: UInt64
    var pacers: [Pacer]
    var advisor = RateAdvisor(now: 0)
    var now: UInt64 = 0
    /// The receiver's clock less the senders'.
    var offset: Int64
    private var queue: [(sender: Int, sentAt: UInt64)] = []
    private var freeAt: UInt64 = 0
    var mostQueued = 0
    var delivered: [Int]
    var advices = 0

    init(bytesPerSecond: UInt64, senders: Int, offset: Int64 = 0) {
        self.bytesPerSecond = bytesPerSecond
        self.offset = offset
        pacers = (0..<senders).map { _ in Pacer() }
        delivered = Array(repeating: 0, count: senders)
    }

    var queuedBytes: Int { queue.count * Self.frameBytes }

    /// Lets `seconds` pass. A sender has at most `window` frames in the queue, which is unbounded.
    mutating func run(seconds: Double, window: Int = 64) {
        let end = now + UInt64(seconds * 1e9)
        while now < end {
            now += Self.tick
            for sender in pacers.indices {
                pacers[sender].tick(now: now)
                while pacers[sender].mayLeave(now: now), queue.count(where: { $0.sender == sender }) < window {
                    pacers[sender].left(bytes: Self.frameBytes, now: now)
                    if queue.isEmpty { freeAt = max(freeAt, now) }
                    queue.append((sender, now))
                }
            }
            mostQueued = max(mostQueued, queuedBytes)
            let each = UInt64(Self.frameBytes) * 1_000_000_000 / bytesPerSecond
            while let first = queue.first, freeAt + each <= now {
                freeAt += each
                queue.removeFirst()
                delivered[first.sender] += Self.frameBytes
                advisor.arrived(
                    from: ReplicaID(first.sender), bytes: Self.frameBytes, sentAt: first.sentAt + 1_000_000_000_000,
                    arrivedAt: UInt64(Int64(freeAt) + 1_000_000_000_000 + offset), now: now)
            }
            guard let advice = advisor.tick(now: now) else { continue }
            advices += 1
            for sender in pacers.indices {
                pacers[sender].advised(advice.rates[sender], by: ReplicaID(14), now: now)
            }
        }
    }
}

@Suite struct PacingTests {
    @Test(arguments: [(12_500_000, 2), (125_000_000, 1), (125_000_000, 2), (125_000_000, 6), (1_250_000_000, 2)])
    func aFullLinkIsSharedAndItsQueueStaysShort(bytesPerSecond: Int, senders: Int) {
        // Clocks that differ by minutes.
        var link = Link(bytesPerSecond: UInt64(bytesPerSecond), senders: senders, offset: -90_000_000_000)
        link.run(seconds: 4)
        #expect(link.advices > 0)
        link.mostQueued = 0
        link.delivered = link.delivered.map { _ in 0 }
        link.run(seconds: 10)
        let used = Double(link.delivered.reduce(0, +)) / 10 / Double(bytesPerSecond)
        #expect(used > 0.95, "of the link: \(used)")
        #expect(link.mostQueued < 1_000_000, "queued: \(link.mostQueued)")
        let least = Double(link.delivered.min()!)
        let most = Double(link.delivered.max()!)
        #expect(most / least < 1.1, "shares: \(link.delivered)")
    }

    @Test func aStartDoesNotRunAQueueOver() {
        var link = Link(bytesPerSecond: 125_000_000, senders: 2)
        link.run(seconds: 1)
        #expect(link.mostQueued < 1_200_000, "queued: \(link.mostQueued)")
    }

    @Test func aLinkThatCarriesEverythingIsLeftAlone() {
        var link = Link(bytesPerSecond: 40_000_000_000, senders: 2)
        link.run(seconds: 2, window: 1)
        #expect(link.advices == 0)
        #expect(link.pacers.allSatisfy { $0.bytesPerSecond == 0 }, "the ramp ended")
    }

    /// Senders below their share of a link build no queue and hear nothing, however late the processor looks.
    @Test func latenessOfTheReceiverIsNoQueue() {
        var advisor = RateAdvisor(now: 0)
        var now: UInt64 = 0
        for batch in 0..<20_000 {
            let sentAt = UInt64(1_000_000_000 + batch * 1_000_000)
            // Read in lumps of ten, up to ten milliseconds late; the kernel's stamp is 30 µs after the sender's.
            now = UInt64((batch / 10 + 1) * 10_000_000)
            advisor.arrived(
                from: ReplicaID(1), bytes: 61_440, sentAt: sentAt, arrivedAt: sentAt + 30_000, now: now)
            #expect(advisor.tick(now: now) == nil)
        }
    }

    @Test func aLinkThatIsFullNoMoreIsGivenFree() {
        var link = Link(bytesPerSecond: 125_000_000, senders: 2)
        link.run(seconds: 3)
        #expect(link.pacers[0].bytesPerSecond > 0)
        link.bytesPerSecond = 12_500_000_000
        link.run(seconds: 3, window: 1)
        #expect(!link.advisor.isAdvising)
        #expect(link.pacers[0].bytesPerSecond == 0 || link.pacers[0].bytesPerSecond > 500_000_000)
    }

    @Test func theLowestAdviceHoldsUntilItRunsOut() {
        var pacer = Pacer(ramps: false)
        #expect(pacer.mayLeave(now: 0) && pacer.bytesPerSecond == 0)
        pacer.advised(50_000_000, by: ReplicaID(1), now: 1_000)
        pacer.advised(20_000_000, by: ReplicaID(2), now: 2_000)
        #expect(pacer.bytesPerSecond == 20_000_000)
        // A frame of 60,000 bytes takes 3 ms at that rate, of which 2 may be made up for.
        pacer.left(bytes: 60_000, now: 1_000_000_000)
        #expect(!pacer.mayLeave(now: 1_000_000_000) && pacer.deadline == 1_001_000_000)
        #expect(pacer.mayLeave(now: 1_001_000_000))
        pacer.advised(60_000_000, by: ReplicaID(1), now: 300_000_000)
        pacer.tick(now: 2_000 + Pacer.validNanoseconds)
        #expect(pacer.bytesPerSecond == 60_000_000, "replica 2 has fallen silent")
        pacer.advised(0, by: ReplicaID(1), now: 400_000_000)
        #expect(pacer.bytesPerSecond == 60_000_000, "from there it rises")
        for _ in 0..<1_000 { pacer.left(bytes: 60_000, now: 1_000_000_000) }
        #expect(pacer.bytesPerSecond == 0)
    }

    @Test func adviceGoesOverTheWireWhole() {
        var advice = RateAdvice()
        for peer in 0..<Limits.members { advice.rates[peer] = UInt64(peer) << 40 | 7 }
        withUnsafeTemporaryAllocation(byteCount: RateAdvice.bytes, alignment: 8) { bytes in
            advice.write(to: bytes.baseAddress!)
            #expect(RateAdvice(reading: UnsafeRawBufferPointer(bytes)) == advice)
            #expect(RateAdvice(reading: UnsafeRawBufferPointer(rebasing: bytes.dropLast())) == nil)
        }
    }

    @Test func aStampedHeaderIsStillSealed() {
        let origin = DatagramOrigin(cluster: ClusterID(low: 1, high: 2), group: 0, me: ReplicaID(0))
        let batch = BatchDescriptor(
            lane: ReplicaID(0), generation: Generation(epoch: 0, counter: 1), sequence: 1, payloadBytes: 0,
            payloadChecksum: 0, count: 0, stride: 0, digest: 0)
        withUnsafeTemporaryAllocation(byteCount: Limits.headerBytes, alignment: 8) { bytes in
            let header = bytes.baseAddress!
            BatchHeader.write(to: header, batch, from: origin)
            #expect(BatchHeader.sentAt(header) == 0)
            BatchHeader.stamp(header, sentAt: 123_456_789)
            #expect(BatchHeader.sentAt(header) == 123_456_789)
            #expect(DatagramHeader.isSealed(header, count: Limits.headerBytes))
            #expect(BatchHeader.read(header) == batch)
        }
    }
}
