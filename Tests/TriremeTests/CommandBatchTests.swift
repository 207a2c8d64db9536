// The layout of commands in a batch, from both sides.
import Testing
import Trireme

/// The payload that `commands` have when each carries its length.
func uneven(_ commands: [[UInt8]]) -> [UInt8] {
    var payload: [UInt8] = []
    for command in commands {
        let start = payload.count
        payload += [UInt8](repeating: 0xEE, count: CommandLayout.footprint(command.count))
        payload.withUnsafeMutableBytes { payload in
            command.withUnsafeBytes { command in
                let stored = CommandLayout.store(command, at: payload.baseAddress! + start)
                #expect(stored == CommandLayout.footprint(command.count))
            }
        }
    }
    return payload
}

/// Calls `body` with a batch over a copy of `payload` at an aligned address.
func withBatch<R>(
    _ payload: [UInt8], count: Int, stride: Int, isOwn: Bool = true, _ body: (borrowing CommandBatch) throws -> R
) rethrows -> R {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(payload.count, 1), alignment: 4096)
    defer { memory.deallocate() }
    memory.copyBytes(from: payload)
    let bytes = UnsafeRawBufferPointer(start: memory.baseAddress, count: payload.count)
    return try body(CommandBatch(payload: bytes, count: count, stride: stride, slot: 7, timestamp: 9, isOwn: isOwn))
}

func commands(_ batch: borrowing CommandBatch) -> [[UInt8]] {
    var all: [[UInt8]] = []
    var commands = batch.commands
    while let command = commands.next() { all.append(command.withUnsafeBytes { Array($0) }) }
    return all
}

@Suite struct CommandBatchTests {
    static let lengths: [[Int]] = [[0], [1], [3, 0, 4, 5, 8], [64, 64], [1000, 1, 2, 3]]

    @Test(arguments: lengths) func unevenCommandsComeBack(_ lengths: [Int]) {
        let given = lengths.enumerated().map { index, length in
            (0..<length).map { UInt8(truncatingIfNeeded: $0 + index * 7) }
        }
        let payload = uneven(given)
        #expect(payload.count % 4 == 0)
        #expect(payload.withUnsafeBytes { CommandLayout.isWellFormed($0, count: given.count, stride: 0) })
        withBatch(payload, count: given.count, stride: 0) { batch in
            #expect(commands(batch) == given)
            for index in given.indices { #expect(batch[index].withUnsafeBytes { Array($0) } == given[index]) }
        }
    }

    @Test func paddingIsZero() {
        #expect(uneven([[1, 2, 3, 4, 5]]) == [5, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0])
        #expect(uneven([[]]) == [0, 0, 0, 0])
    }

    @Test(arguments: [1, 3, 32, 64]) func evenCommandsCarryNoHeader(_ stride: Int) {
        let given = (0..<9).map { index in [UInt8](repeating: UInt8(index), count: stride) }
        withBatch(given.flatMap { $0 }, count: 9, stride: stride) { batch in
            #expect(commands(batch) == given)
            #expect(batch.bytes.byteCount == 9 * stride)
            for index in given.indices { #expect(batch[index].withUnsafeBytes { Array($0) } == given[index]) }
            #expect(batch.slot == 7 && batch.timestamp == 9 && batch.isOwn)
        }
    }

    @Test func malformedPayloadsAreSeen() {
        let good = uneven([[1, 2, 3], [], [4, 5, 6, 7, 8]])
        func wellFormed(_ payload: [UInt8], _ count: Int, _ stride: Int = 0) -> Bool {
            payload.withUnsafeBytes { CommandLayout.isWellFormed($0, count: count, stride: stride) }
        }
        #expect(wellFormed(good, 3))
        #expect(!wellFormed(good, 2))
        #expect(!wellFormed(good, 4))
        #expect(!wellFormed(good + [0], 3))
        for length in 0..<good.count { #expect(!wellFormed(Array(good[..<length]), 3)) }
        var overrun = good
        overrun[3] = 0xFF
        #expect(!wellFormed(overrun, 3))
        #expect(wellFormed([UInt8](repeating: 0, count: 96), 3, 32))
        #expect(!wellFormed([UInt8](repeating: 0, count: 95), 3, 32))
        #expect(!wellFormed([], .max, .max))
    }

    @Test func aLengthThatOverrunsEndsThePass() {
        var payload = uneven([[1, 2, 3], [4]])
        payload[8] = 200
        withBatch(payload, count: 2, stride: 0) { #expect(commands($0) == [[1, 2, 3]]) }
    }

    @Test func loadsAreLittleEndianAtAnyAlignment() {
        let bytes: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        let span = bytes.span.bytes
        #expect(span.load(UInt64.self, at: 1) == 0x0807_0605_0403_0201)
        #expect(span.load(UInt16.self, at: 8) == 0x0908)
        #expect(span.load(Int8.self, at: 9) == 9)
        func has(_ offset: Int, _ count: Int) -> Bool {
            if let slice = bytes.span.bytes.slice(at: offset, count: count) { slice.byteCount == count } else { false }
        }
        #expect(has(9, 1))
        #expect(has(10, 0))
        #expect(!has(9, 2))
        #expect(!has(-1, 2))
        #expect(!has(11, 0))
        #expect(!has(3, .max))
    }
}
