// Snapshot bytes: what is written comes back, what is cut short is refused.
import Testing
import Trireme

@Suite struct SnapshotTests {
    @Test func roundTrip() throws {
        var writer = SnapshotWriter(capacity: 1)
        let long = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        try writer.write(UInt64(0x0102_0304_0506_0708))
        try writer.writeBytes(long.span.bytes)
        try writer.write(Int8(-3))
        try writer.write([UInt8](repeating: 7, count: 3).span.bytes)
        #expect(writer.byteCount == 8 + 8 + 10_000 + 1 + 3)
        try writer.withBytes { bytes throws in
            #expect(bytes[0] == 8, "little-endian")
            var reader = SnapshotReader(bytes)
            let first = try reader.read(UInt64.self)
            let second = try reader.readBytes().withUnsafeBytes { Array($0) }
            let third = try reader.read(Int8.self)
            let fourth = try reader.read(bytes: 3).withUnsafeBytes { Array($0) }
            #expect(first == 0x0102_0304_0506_0708 && second == long && third == -3 && fourth == [7, 7, 7])
            #expect(reader.leftBytes == 0)
            #expect(throws: SnapshotError.truncated(neededBytes: 1, leftBytes: 0)) { try reader.read(UInt8.self) }
        }
        writer.withPages { pages in
            #expect(pages.count == 12_288)
            #expect(Int(bitPattern: pages.baseAddress) % 4096 == 0)
            #expect(pages[10_020...].allSatisfy { $0 == 0 })
        }
    }

    @Test func truncatedInputIsRefusedEverywhere() throws {
        var writer = SnapshotWriter()
        try writer.write(UInt32(1))
        try writer.writeBytes([1, 2, 3].span.bytes)
        writer.withBytes { bytes in
            for length in 0..<bytes.count {
                #expect(throws: SnapshotError.self) {
                    var reader = SnapshotReader(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
                    _ = try reader.read(UInt32.self)
                    _ = try reader.readBytes()
                }
            }
        }
    }

    @Test func aLengthBeyondAllMemoryIsRefused() {
        [UInt8](repeating: 0xFF, count: 16).withUnsafeBytes { bytes in
            var reader = SnapshotReader(bytes)
            #expect(throws: SnapshotError.truncated(neededBytes: .max, leftBytes: 8)) { _ = try reader.readBytes() }
        }
    }

    @Test func theLimitHolds() throws {
        var writer = SnapshotWriter(capacity: 1, limitBytes: 10_000)
        let page = [UInt8](repeating: 1, count: 5_000)
        try writer.write(page.span.bytes)
        try writer.write(page.span.bytes)
        #expect(throws: SnapshotError.tooLarge(limitBytes: 10_000)) { try writer.write(page.span.bytes) }
        #expect(writer.byteCount == 10_000)
        writer.removeAll()
        try writer.write(page.span.bytes)
    }
}
