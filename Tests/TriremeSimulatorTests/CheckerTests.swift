// Each checker is fed a history that breaks its promise, and one that does not.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct CheckerTests {
    let queue = EventQueue()
    let referee: Referee
    let book = CommandBook()
    let ledger: Ledger
    let one = ReplicaID(0)
    let two = ReplicaID(1)

    init() {
        referee = Referee(seed: 1, queue: queue)
        ledger = Ledger(referee: referee, commands: book)
    }
    var finding: String { referee.violation?.sentence ?? "none" }

    func batch(_ lane: Int, _ sequence: UInt64, bytes: Int = 0, count: Int = 0) -> BatchDescriptor {
        BatchDescriptor(
            lane: ReplicaID(lane), generation: Generation(epoch: 1, counter: 1), sequence: sequence,
            payloadBytes: UInt32(bytes), payloadChecksum: 0, count: UInt32(count), stride: 16, digest: sequence)
    }
    func execute(_ lane: Int, _ sequence: UInt64, slot: UInt64, chain: UInt64, count: Int, by: ReplicaID) {
        ledger.executed(
            batch(lane, sequence), UnsafeRawBufferPointer(start: nil, count: 0), slot: slot, timestamp: slot,
            chain: chain,
            count: count, by: by)
    }

    /// A decided slot needs a Q2 of reported durable votes for its entry in one ballot.
    @Test func aSlotDecidedWithoutVotes() throws {
        let quorums = try Quorums.standard(members: 3)
        let witness = Witness(referee: referee, members: 3)
        let ballot = Ballot(epoch: 1, round: 1, owner: one)
        let other = Ballot(epoch: 1, round: 2, owner: two)
        let entry = Entry(Cut(epoch: 1))
        send(witness, .propose, from: one) {
            Propose(ballot: ballot, half: .classic, slot: 1, first: 1, entry: entry).encode(into: &$0, members: 3)
        }
        send(witness, .propose, from: two) {
            Propose(ballot: other, half: .classic, slot: 1, first: 1, entry: entry).encode(into: &$0, members: 3)
        }
        vote(witness, ballot, from: one)
        vote(witness, other, from: two)
        // Two voted for it, each in another ballot; one's own vote counts when it is on the disk.
        witness.checkDecided(1, entry, by: ReplicaID(2), quorums: quorums) { ballot, _ in ballot == other }
        #expect(finding == "none")
        witness.checkDecided(1, entry, by: ReplicaID(2), quorums: quorums) { _, _ in false }
        #expect(finding.contains("in no ballot more than"))
    }
    private func vote(_ witness: Witness, _ ballot: Ballot, from: ReplicaID) {
        var status = Status()
        status.number = StatusNumber(Generation(epoch: 1, counter: 1), 1)
        status.epoch = 1
        status.votes = VoteRun(ballot: ballot, first: 1, last: 1)
        status.highestVoted = 1
        send(witness, .status, from: from) { status.encode(into: &$0, members: 3) }
    }
    private func send(
        _ witness: Witness, _ kind: DatagramKind, from: ReplicaID, _ encode: (inout WireWriter) -> Void
    ) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        defer { bytes.deallocate() }
        var writer = WireWriter(bytes)
        encode(&writer)
        witness.sent(kind, writer.bytes, from: from)
    }

    @Test func equalOrdersAreFine() {
        for replica in [one, two] {
            execute(0, 1, slot: 1, chain: 11, count: 0, by: replica)
            execute(1, 1, slot: 2, chain: 22, count: 1, by: replica)
            ledger.observe(slot: 2, count: 2, digest: 22, by: replica)
        }
        #expect(finding == "none")
    }
    @Test func anotherBatchInOnePlace() {
        execute(0, 1, slot: 1, chain: 11, count: 0, by: one)
        execute(1, 1, slot: 1, chain: 11, count: 0, by: two)
        #expect(
            finding.contains("replica 1 executes batch 1/g1.1:1")
                && finding.contains("where replica 0 executed batch 0"))
    }
    @Test func anotherSlotForOneBatch() {
        execute(0, 1, slot: 1, chain: 11, count: 0, by: one)
        execute(0, 1, slot: 2, chain: 11, count: 0, by: two)
        #expect(finding.contains("where replica 0 executed"))
    }
    @Test func anotherState() {
        execute(0, 1, slot: 1, chain: 11, count: 0, by: one)
        execute(0, 1, slot: 1, chain: 12, count: 0, by: two)
        #expect(finding.contains("where replica 0 executed"))
    }
    @Test func anotherDigestAfterASlot() {
        ledger.observe(slot: 3, count: 0, digest: 5, by: one)
        ledger.observe(slot: 3, count: 0, digest: 6, by: two)
        #expect(finding.contains("another state after slot 3"))
    }
    @Test func aSlotGrowsAfterwards() {
        ledger.observe(slot: 3, count: 0, digest: 0, by: one)
        execute(0, 1, slot: 3, chain: 11, count: 0, by: two)
        #expect(finding.contains("another was done with slot 3 without it"))
    }
    @Test func aBatchIsLeftOut() {
        execute(0, 1, slot: 1, chain: 11, count: 0, by: one)
        ledger.observe(slot: 1, count: 0, digest: 0, by: two)
        #expect(finding.contains("replica 1 reports slot 1 executed without batch 0/g1.1:1"))
    }
    @Test func timeGoesBack() {
        execute(0, 1, slot: 4, chain: 11, count: 0, by: one)
        execute(0, 2, slot: 3, chain: 12, count: 1, by: one)
        #expect(finding.contains("order or time goes back"))
    }
    @Test func timeLeaps() {
        for (sequence, timestamp) in [(1, 10_000_000_000), (2, 10_120_000_000), (3, 10_180_000_001)]
            as [(UInt64, UInt64)]
        {
            #expect(finding == "none")
            ledger.executed(
                batch(0, sequence), UnsafeRawBufferPointer(start: nil, count: 0),
                slot: sequence == 1 ? 1 : sequence + 1,
                timestamp: timestamp, chain: sequence, count: Int(sequence - 1), by: one)
        }
        #expect(finding.contains("time leaps by 60000001 µs within 1 slots"))
    }
    @Test func aSnapshotThatIsNoPrefix() {
        execute(0, 1, slot: 1, chain: 11, count: 0, by: one)
        ledger.restored(count: 1, chain: 11, by: two)
        #expect(finding == "none")
        ledger.restored(count: 1, chain: 12, by: two)
        #expect(finding.contains("no prefix of the order"))
    }
    @Test func twoEntriesInOneSlot() {
        let entries = DecidedEntries(referee: referee)
        var cut = Cut(epoch: 1)
        cut[0] = Position(Generation(epoch: 1, counter: 1), 4, digest: 1)
        entries.decided(Entry(cut), slot: 1, by: one)
        entries.decided(Entry(cut), slot: 1, by: two)
        #expect(finding == "none")
        entries.decided(.nothing, slot: 1, by: two)
        #expect(finding == "slot 1 is decided twice: cut [0/g1.1:4] at 0 at replica 0, nothing at replica 1")
    }
    @Test func aDigestIsPartOfAnEntry() {
        let entries = DecidedEntries(referee: referee)
        for digest: UInt64 in [1, 2] {
            var cut = Cut(epoch: 1)
            cut[0] = Position(Generation(epoch: 1, counter: 1), 4, digest: digest)
            entries.decided(Entry(cut), slot: 1, by: one)
        }
        #expect(finding.contains("slot 1 is decided twice"))
    }
    @Test func namesOfBatches() {
        let names = BatchNames(referee: referee)
        func sent(_ sequence: UInt64, _ byte: UInt8, from: ReplicaID = ReplicaID(0)) {
            withUnsafeBytes(of: byte) { names.sent(batch(0, sequence), $0, from: from, again: false) }
        }
        names.started(one, generation: Generation(epoch: 1, counter: 1))
        sent(1, 7)
        sent(2, 8)
        sent(1, 7, from: two)
        #expect(finding == "none")
        sent(2, 9)
        #expect(finding.contains("sends batch 0/g1.1:2 with another content"))
    }
    @Test func aBatchThatItsOwnerNeverSent() {
        let names = BatchNames(referee: referee)
        names.started(two, generation: Generation(epoch: 1, counter: 1))
        names.sent(batch(0, 1), UnsafeRawBufferPointer(start: nil, count: 0), from: two, again: true)
        #expect(finding.contains("which its owner never sent"))
    }
    @Test func aGapInALane() {
        let names = BatchNames(referee: referee)
        names.started(one, generation: Generation(epoch: 1, counter: 1))
        names.sent(batch(0, 2), UnsafeRawBufferPointer(start: nil, count: 0), from: one, again: false)
        #expect(finding.contains("a gap in its lane"))
    }
    @Test func generationsRise() {
        let names = BatchNames(referee: referee)
        names.started(one, generation: Generation(epoch: 1, counter: 2))
        names.started(two, generation: Generation(epoch: 1, counter: 2))
        #expect(finding == "none")
        names.started(one, generation: Generation(epoch: 1, counter: 2))
        #expect(finding.contains("a generation is reused"))
    }
    @Test func theFirstFindingStays() {
        referee.report("first")
        referee.report("second")
        #expect(finding == "first")
    }

    // MARK: the witness

    let witnessed = ReplicaID(2)
    func say(_ witness: Witness, _ change: (inout Status) -> Void) {
        var status = Status()
        status.number = StatusNumber(Generation(epoch: 1, counter: 1), 1)
        change(&status)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        defer { bytes.deallocate() }
        var writer = WireWriter(bytes)
        status.encode(into: &writer, members: 3)
        witness.sent(.status, writer.bytes, from: witnessed)
    }
    static let lower = Ballot(epoch: 1, round: 1, owner: ReplicaID(0))
    static let higher = Ballot(epoch: 1, round: 2, owner: ReplicaID(1))

    @Test func aPromiseIsTakenBack() {
        let witness = Witness(referee: referee, members: 3)
        say(witness) { $0.promise = Self.higher }
        say(witness) {
            $0.number.counter = 2
            $0.promise = .none
        }
        #expect(finding == "none")
        say(witness) {
            $0.number.counter = 3
            $0.promise = Self.lower
        }
        #expect(finding == "replica 2 reports promise 1.0 after it reported 2.1")
    }
    @Test func aVoteInALowerBallot() {
        let witness = Witness(referee: referee, members: 3)
        for (counter, ballot) in [(1, Self.higher), (2, Self.lower)] {
            say(witness) {
                $0.number.counter = UInt64(counter)
                $0.highestVoted = 5
                $0.votes = VoteRun(ballot: ballot, first: 4, last: 5)
            }
        }
        #expect(finding == "replica 2 reports votes in ballot 1.0 after votes in 2.1")
    }
    /// A later generation is no possession of an earlier one, unless a decided slot below has passed that.
    @Test(arguments: [false, true]) func aVoteWithoutPossession(isPassed: Bool) {
        let witness = Witness(referee: referee, members: 3)
        var cut = Cut(epoch: 1)
        cut[1] = Position(Generation(epoch: 1, counter: 1), 5, digest: 1)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        defer { bytes.deallocate() }
        var writer = WireWriter(bytes)
        Propose(ballot: Self.lower, slot: 3, first: 1, entry: Entry(cut)).encode(into: &writer, members: 3)
        witness.sent(.propose, writer.bytes, from: ReplicaID(0))
        let later = Position(Generation(epoch: 1, counter: 2), 9, digest: 1)
        say(witness) {
            $0.highestVoted = 3
            $0.durable[1] = later
            $0.votes = VoteRun(ballot: Self.lower, first: 3, last: 3)
        }
        var passed = Cut(epoch: 1)
        if isPassed { passed[1] = later }
        witness.checkPossession(
            of: ReplicaID(2), passed: { _ in passed }, isDurable: { $1.generation == later.generation })
        #expect(finding.contains("and does not hold that") == !isPassed)
    }
    /// One datagram: the answer to a prepare of `ballot` with votes in the lower ballot for these slots.
    func answer(_ ballot: Ballot, commitIndex: UInt64 = 0, votes slots: [UInt64]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Limits.controlBodyBytes)
        let length = bytes.withUnsafeMutableBytes {
            var writer = WireWriter($0)
            PromiseHeader(
                ballot: ballot, from: 1, commitIndex: commitIndex, part: 0, parts: 1, votes: UInt8(slots.count)
            ).encode(into: &writer)
            for slot in slots {
                ReportedVote(slot: slot, ballot: Self.lower, half: .classic, entry: .nothing)
                    .encode(into: &writer, members: 3)
            }
            return writer.count
        }
        return Array(bytes[..<length])
    }
    func vote(_ witness: Witness, counter: UInt64, through last: UInt64) {
        say(witness) {
            $0.number.counter = counter
            $0.highestVoted = last
            $0.votes = VoteRun(ballot: Self.lower, first: 4, last: last)
        }
    }
    @Test func aStartThatForgotItsPromise() {
        let witness = Witness(referee: referee, members: 3)
        say(witness) { $0.promise = Self.higher }
        witness.started(witnessed, promise: Self.higher, answer: [answer(Self.higher, votes: [])])
        #expect(finding == "none")
        witness.started(witnessed, promise: .none, answer: [])
        #expect(finding == "replica 2 starts with promise none after it promised 2.1")
    }
    @Test func aStartThatForgotAVote() {
        let witness = Witness(referee: referee, members: 3)
        vote(witness, counter: 1, through: 5)
        // What is known to be decided needs no vote.
        witness.started(witnessed, promise: Self.lower, answer: [answer(Self.lower, commitIndex: 4, votes: [5])])
        #expect(finding == "none")
        witness.started(witnessed, promise: Self.lower, answer: [answer(Self.lower, commitIndex: 3, votes: [5])])
        #expect(finding == "replica 2 reported a vote for slot 4 in ballot 1.0, and knows of none any more")
    }
    /// Whoever has forgotten what it said may follow, and no more.
    @Test(arguments: [DatagramKind.promise, .prepare, .status]) func anObserverThatActs(kind: DatagramKind) {
        let witness = Witness(referee: referee, members: 3)
        vote(witness, counter: 1, through: 5)
        #expect(witness.hasTold(witnessed, more: .none, [], { _ in .empty }))
        #expect(
            !witness.hasTold(witnessed, more: .none, [answer(Self.lower, commitIndex: 4, votes: [5])], { _ in .empty }))
        witness.observes(witnessed)
        say(witness) { $0.number.counter = 2 }
        #expect(finding == "none")
        switch kind {
        case .promise: answer(Self.higher, votes: []).withUnsafeBytes { witness.sent(.promise, $0, from: witnessed) }
        case .prepare: [UInt8](repeating: 0, count: 18).withUnsafeBytes { witness.sent(.prepare, $0, from: witnessed) }
        default: vote(witness, counter: 3, through: 6)
        }
        #expect(finding.contains("replica 2 has forgotten what it said, and"))
    }
    @Test func aVoteBelowAPromiseThatWasGiven() {
        let witness = Witness(referee: referee, members: 3)
        answer(Self.higher, votes: [4, 5]).withUnsafeBytes { witness.sent(.promise, $0, from: witnessed) }
        vote(witness, counter: 1, through: 5)
        #expect(finding == "none")
        vote(witness, counter: 2, through: 6)
        #expect(finding == "replica 2 reports a vote for slot 6 in ballot 1.0, which was not in its promise of 2.1")
    }
    @Test func aStatusNumberIsReused() {
        let witness = Witness(referee: referee, members: 3)
        say(witness) { _ in }
        say(witness) { _ in }
        #expect(finding.contains("replica 2 sends status"))
    }
    @Test func whatWasDurableIsNot() {
        let witness = Witness(referee: referee, members: 3)
        for (counter, sequence) in [(1, 7), (2, 6)] {
            say(witness) {
                $0.number.counter = UInt64(counter)
                $0.durable[1] = Position(Generation(epoch: 1, counter: 1), UInt64(sequence), digest: 1)
            }
        }
        #expect(finding == "replica 2 reports lane 1 durable to g1.1:6 after g1.1:7")
    }
    @Test func twoProposalsInOneBallot() {
        let witness = Witness(referee: referee, members: 3)
        for timestamp: UInt64 in [1, 2] {
            var cut = Cut(epoch: 1)
            cut.timestamp = timestamp
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
            defer { bytes.deallocate() }
            var writer = WireWriter(bytes)
            Propose(ballot: Self.lower, slot: 3, first: 1, entry: Entry(cut)).encode(into: &writer, members: 3)
            witness.sent(.propose, writer.bytes, from: one)
        }
        #expect(finding.contains("for slot 3 in ballot 1.0, where cut [] at 1 was proposed before"))
    }
}
