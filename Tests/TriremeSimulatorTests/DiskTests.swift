// The simulated disk: what completed stays, what was in flight is lost or torn, what is not flushed is not believed.
import Testing
import TriremeCore
import TriremeSimulator
import TriremeStorage

@Suite struct DiskTests {
    static let page = 4_096

    final class Machine {
        let queue = EventQueue()
        let referee: Referee
        let image: DiskImage
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 16 * page, alignment: page)
        init(seed: UInt64 = 1) {
            referee = Referee(seed: seed, queue: queue)
            image = DiskImage(
                replica: ReplicaID(0), queue: queue, random: CoreRandom(seed: seed), referee: referee, segments: 2,
                segmentBytes: 65_536)
            image.start(incarnation: 1)
        }
        deinit { memory.deallocate() }
        func fill(_ i: Int, _ byte: UInt8) -> UnsafeRawBufferPointer {
            (memory + i * page).initializeMemory(as: UInt8.self, repeating: byte, count: page)
            return UnsafeRawBufferPointer(start: memory + i * page, count: page)
        }
        func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int, token: UInt64) {
            var disk = SimulatedDisk(image)
            pieces.withUnsafeBufferPointer { disk.write(.segment(1), at: UInt64(offset), $0, token: token) }
        }
        func settle() {
            while let event = queue.pop() { _ = image.finish(event.index, incarnation: Int(event.incarnation)) }
        }
        /// The first byte of each sector of a page of segment 1.
        func sectors(_ offset: Int) throws -> [UInt8] {
            var disk = SimulatedDisk(image)
            let into = UnsafeMutableRawBufferPointer(start: memory + 15 * page, count: page)
            #expect(try disk.readNow(.segment(1), at: UInt64(offset), into: into) == page)
            return stride(from: 0, to: page, by: 512).map { into[$0] }
        }
        func tokens() -> [UInt64] {
            var disk = SimulatedDisk(image)
            var tokens: [UInt64] = []
            while let completion = disk.next() { tokens.append(completion.token) }
            return tokens
        }
    }

    @Test func writesCompleteInAnyOrderAndStay() throws {
        let machine = Machine(seed: 3)
        for i in 0..<8 { machine.write([machine.fill(i, UInt8(i + 1))], at: i * Self.page, token: UInt64(i)) }
        #expect(machine.image.inFlight == 8)
        machine.settle()
        let tokens = machine.tokens()
        #expect(tokens.sorted() == Array(0..<8))
        #expect(tokens != Array(0..<8))
        machine.image.crash(.power)
        machine.image.start(incarnation: 2)
        for i in 0..<8 { #expect(try machine.sectors(i * Self.page) == [UInt8](repeating: UInt8(i + 1), count: 8)) }
    }
    @Test func piecesLieOneBehindTheOther() throws {
        let machine = Machine()
        machine.write([machine.fill(0, 7), machine.fill(3, 9)], at: 2 * Self.page, token: 1)
        machine.settle()
        #expect(try machine.sectors(2 * Self.page)[0] == 7)
        #expect(try machine.sectors(3 * Self.page)[7] == 9)
        var disk = SimulatedDisk(machine.image)
        disk.read(
            .segment(1), at: UInt64(3 * Self.page),
            into: UnsafeMutableRawBufferPointer(start: machine.memory + 8 * Self.page, count: Self.page), token: 5)
        machine.settle()
        #expect(machine.tokens() == [1, 5])
        #expect((machine.memory + 8 * Self.page).load(as: UInt8.self) == 9)
    }
    @Test func aLossOfPowerKeepsAnySubsetOfSectors() throws {
        var seen = Set<String>()
        for seed in 1...200 {
            let machine = Machine(seed: UInt64(seed))
            machine.write([machine.fill(0, 1)], at: 0, token: 1)
            machine.image.crash(.power)
            machine.image.start(incarnation: 2)
            let sectors = try machine.sectors(0)
            #expect(sectors.allSatisfy { $0 < 2 })
            seen.insert(sectors.map { $0 == 0 ? "-" : "x" }.joined())
            machine.settle()
            #expect(machine.tokens() == [], "a completion for a former life")
            #expect(try machine.sectors(0) == sectors, "a write of a former life went on")
        }
        #expect(seen.contains("--------") && seen.contains("xxxxxxxx") && seen.contains("xxx-----"))
        #expect(seen.count > 30)
    }
    @Test func whatADeadProcessLeftIsSettledByAFlush() throws {
        var changedByFlush = 0
        var lostWithoutFlush = 0
        for seed in 1...200 {
            let machine = Machine(seed: UInt64(seed))
            machine.write([machine.fill(0, 1)], at: 0, token: 1)
            machine.image.crash(.process)
            machine.image.start(incarnation: 2)
            let before = try machine.sectors(0)
            if seed % 2 == 0 {
                var disk = SimulatedDisk(machine.image)
                try disk.flushNow()
                let flushed = try machine.sectors(0)
                if flushed != before { changedByFlush += 1 }
                machine.image.crash(.power)
                machine.image.start(incarnation: 3)
                #expect(try machine.sectors(0) == flushed)
            } else {
                machine.image.crash(.power)
                machine.image.start(incarnation: 3)
                if try machine.sectors(0) != before { lostWithoutFlush += 1 }
            }
        }
        #expect(changedByFlush > 5)
        #expect(lostWithoutFlush > 5)
    }
    @Test func anOverwrittenSectorDoesNotComeBack() throws {
        for seed in 1...50 {
            let machine = Machine(seed: UInt64(seed))
            machine.write([machine.fill(0, 1)], at: 0, token: 1)
            machine.image.crash(.process)
            machine.image.start(incarnation: 2)
            machine.write([machine.fill(0, 2)], at: 0, token: 1)
            machine.settle()
            var disk = SimulatedDisk(machine.image)
            if seed % 2 == 0 { try disk.flushNow() } else { machine.image.crash(.power) }
            machine.image.start(incarnation: 3)
            #expect(try machine.sectors(0) == [UInt8](repeating: 2, count: 8))
        }
    }
    @Test func aMachineStopsInTheMidstOfAWaitingWrite() throws {
        let machine = Machine()
        machine.image.waitingWritesUntilStop = 2
        var disk = SimulatedDisk(machine.image)
        try disk.writeNow(.snapshot(0), at: 0, machine.fill(0, 1))
        #expect(throws: StorageError.self) { try disk.writeNow(.snapshot(0), at: 4_096, machine.fill(0, 2)) }
        #expect(throws: StorageError.self) { try disk.flushNow() }
        #expect(machine.image.isStopped)
    }
    @Test func aFileEndsWhereItWasWritten() throws {
        let machine = Machine()
        var disk = SimulatedDisk(machine.image)
        try disk.writeNow(.snapshot(1), at: 0, machine.fill(0, 1))
        let into = UnsafeMutableRawBufferPointer(start: machine.memory + 8 * Self.page, count: 2 * Self.page)
        #expect(try disk.readNow(.snapshot(1), at: 0, into: into) == Self.page)
        #expect(try disk.readNow(.snapshot(1), at: 8_192, into: into) == 0)
    }
    @Test func memoryTouchedBeforeTheCompletionIsFound() {
        let machine = Machine()
        machine.write([machine.fill(0, 1)], at: 0, token: 1)
        _ = machine.fill(0, 2)
        machine.settle()
        #expect(machine.referee.violation?.sentence.contains("memory was touched while it was being written") == true)
    }
    @Test func overlappingWritesAreFound() {
        let machine = Machine()
        machine.write([machine.fill(0, 1), machine.fill(1, 1)], at: 0, token: 1)
        machine.write([machine.fill(2, 1)], at: Self.page, token: 2)
        #expect(machine.referee.violation?.sentence.contains("two writes in flight overlap at 4096") == true)
    }
    @Test func aStalledDiskAnswersLater() {
        let machine = Machine()
        machine.image.stalledUntil = 90_000_000
        machine.write([machine.fill(0, 1)], at: 0, token: 1)
        machine.settle()
        #expect(machine.tokens() == [1])
        #expect(machine.queue.now >= 90_000_000)
    }
}

/// What a disk does wrong while its machine runs on.
@Suite struct DiskFaultTests {
    private static let page = DiskTests.page

    private func results(_ machine: DiskTests.Machine) -> [UInt64: Int] {
        var disk = SimulatedDisk(machine.image)
        var results: [UInt64: Int] = [:]
        while let completion = disk.next() { results[completion.token] = completion.result }
        return results
    }
    @Test func theNthWriteFailsAndOthersDoNot() throws {
        let machine = DiskTests.Machine(seed: 5)
        machine.image.trouble.failure = .ioError
        machine.image.trouble.operationsUntilFailure = 3
        for i in 0..<6 { machine.write([machine.fill(i, 9)], at: i * Self.page, token: UInt64(i)) }
        machine.settle()
        let results = results(machine)
        #expect(results.values.filter { $0 == -5 }.count == 1)
        #expect(results.values.filter { $0 == Self.page }.count == 5)
        #expect(machine.image.hasFailed && machine.image.wasToldOfFailure)
        #expect(machine.image.counts.failedWrites == 1)
        #expect(machine.referee.violation == nil)
        // Whoever was told writes no more.
        machine.write([machine.fill(7, 1)], at: 7 * Self.page, token: 9)
        #expect(machine.referee.violation?.sentence.contains("a write after one that failed") == true)
    }
    @Test func aShortWriteLeavesItsBeginning() throws {
        let machine = DiskTests.Machine(seed: 2)
        machine.image.trouble.failure = .short
        machine.write([machine.fill(0, 3), machine.fill(1, 3)], at: 0, token: 1)
        machine.settle()
        let length = try #require(results(machine)[1])
        #expect(length >= 0 && length < 2 * Self.page && length % 512 == 0)
        let sectors = try machine.sectors(0) + machine.sectors(Self.page)
        #expect(sectors == (0..<16).map { $0 < length / 512 ? 3 : 0 })
    }
    @Test func aFullDiskTakesWhatIsPreallocated() throws {
        let machine = DiskTests.Machine()
        machine.image.trouble.isFull = true
        machine.write([machine.fill(0, 3)], at: 0, token: 1)
        var disk = SimulatedDisk(machine.image)
        let piece = machine.fill(1, 4)
        withUnsafePointer(to: piece) {
            disk.write(.snapshot(0), at: 0, UnsafeBufferPointer(start: $0, count: 1), token: 2)
        }
        machine.settle()
        let results = results(machine)
        #expect(results[1] == Self.page)
        #expect(results[2] == -28)
    }
    @Test(arguments: [true, false]) func whatADiskBeganIsDoneSoonWhenItIsMended(wasStalled: Bool) {
        let machine = DiskTests.Machine()
        if wasStalled {
            machine.image.stalledUntil = .max / 4
        } else {
            machine.image.trouble.latencyFactor = 1_000_000
        }
        machine.write([machine.fill(0, 3)], at: 0, token: 1)
        // It may have been better for a while before it was mended.
        machine.image.trouble = DiskTrouble()
        machine.image.mend()
        while let event = machine.queue.pop(), event.time < 1_000_000_000 {
            _ = machine.image.finish(event.index, incarnation: Int(event.incarnation))
        }
        #expect(results(machine)[1] == Self.page)
    }
    /// Exactly what a pattern names is kept.
    @Test func aCrashKeepsWhatItsPatternSays() throws {
        for pattern in CrashPattern.all(writes: 2) {
            let machine = DiskTests.Machine()
            for i in 0..<2 { machine.write([machine.fill(i, 8)], at: i * Self.page, token: UInt64(i)) }
            machine.image.crash(.exactly(pattern))
            machine.image.start(incarnation: 2)
            for i in 0..<2 {
                let kept = try machine.sectors(i * Self.page).filter { $0 == 8 }.count
                if let torn = pattern.torn, torn.write == i {
                    #expect(kept > 0 && kept < 8)
                } else {
                    #expect(kept == (pattern.whole >> UInt32(i) & 1 != 0 ? 8 : 0))
                }
            }
        }
    }
}
