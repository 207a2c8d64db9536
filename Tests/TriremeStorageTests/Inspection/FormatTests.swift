// docs/DISK_FORMAT.md and the code say the same: its tables of offsets, its numbers of versions and its examples in hex.
import CTrireme
import Foundation
import Testing
import TriremeCore
import TriremeStorage

/// The document, taken apart.
struct FormatDocument {
    let text: String
    init() throws {
        let root = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/").dropFirst()
        text = try String(contentsOfFile: "\(root)/docs/DISK_FORMAT.md", encoding: .utf8)
    }
    /// Rows of the table below a heading.
    func table(_ heading: String) throws -> [[String]] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let start = try #require(lines.firstIndex(of: heading), "no heading \(heading)")
        return lines[(start + 1)...].prefix { !$0.hasPrefix("#") }.filter { $0.hasPrefix("| ") }.dropFirst(2).map {
            $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }
    func hex(_ name: String) throws -> String {
        let parts = text.components(separatedBy: "```hex \(name)\n")
        try #require(parts.count == 2, "no example \(name)")
        return try #require(parts[1].components(separatedBy: "```").first).filter(\.isHexDigit)
    }
}

private let example = LogIdentity(
    clusterLow: 0x090a_0b0c_0d0e_0f10, clusterHigh: 0x0102_0304_0506_0708, replica: ReplicaID(1), group: 3)

private func dump(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }.joined()
}
/// Sixteen bytes a line, as the document has them.
private func lines(_ hex: String) -> String {
    var out = ""
    for (i, digit) in hex.enumerated() {
        out += (i > 0 && i % 32 == 0 ? "\n" : i > 0 && i % 8 == 0 ? " " : "") + String(digit)
    }
    return out
}

@Suite("docs/DISK_FORMAT.md is what the code does")
struct FormatTests {
    let document = try! FormatDocument()

    private func compare(_ name: String, _ bytes: [UInt8]) throws {
        let found = dump(bytes)
        #expect(try document.hex(name) == found, "the example \(name) is\n\(lines(found))")
    }
    private static var cut: Cut {
        var cut = Cut(epoch: 1)
        cut.timestamp = 1_000_000
        cut[0] = Position(Generation(epoch: 1, counter: 5), 7, digest: 8)
        cut[2] = Position(Generation(epoch: 1, counter: 4), 3, digest: 2)
        return cut
    }

    /// A header in which every field has a value of its own.
    private func batchPage() -> [UInt8] {
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4_096, alignment: 4_096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 0, count: 4_096)
        for i in 0..<16 { page.storeBytes(of: UInt8(i), toByteOffset: 128 + i, as: UInt8.self) }
        let batch = BatchDescriptor(
            lane: ReplicaID(2), generation: Generation(epoch: 1, counter: 5), sequence: 7, payloadBytes: 16,
            payloadChecksum: trm_crc32c(0, page + 128, 16), count: 2, stride: 8, digest: 0x1122_3344_5566_7788)
        RecordHeader(
            kind: .batch, identity: example, content: batch, writer: Generation(epoch: 1, counter: 6), offset: 69_632,
            geometry: small
        ).write(to: page)
        _ = RecordHeader.seal(page, predecessor: 0xa1b2_c3d4, durableMark: 65_536)
        return Array(UnsafeRawBufferPointer(start: page, count: 144))
    }
    private func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> UInt64 {
        (0..<size).reduce(0) { $0 | UInt64(bytes[at + $1]) << (8 * UInt64($1)) }
    }
    /// The rows leave no byte out, and what the code has written at each offset is what `expected` says of the field's name.
    private func check(_ heading: String, _ bytes: [UInt8], length: Int, _ expected: [(prefix: String, value: UInt64)])
        throws
    {
        let rows = try document.table(heading)
        var at = 0
        var seen = Set<String>()
        for row in rows {
            let offset = try #require(Int(row[0]))
            let size = try #require(Int(row[1]))
            #expect(offset == at, "\(heading): \(row[2]) is said to be at \(offset), the field before it ends at \(at)")
            at = offset + size
            guard size <= 8, let field = expected.first(where: { row[2].hasPrefix($0.prefix) }) else { continue }
            seen.insert(field.prefix)
            #expect(number(bytes, offset, size) == field.value, "\(heading), offset \(offset): \(row[2])")
        }
        #expect(at == length, "\(heading): the table ends at \(at)")
        #expect(seen.count == expected.count, "\(heading): of \(expected.map(\.prefix)) only \(seen.sorted())")
    }

    @Test("record header: table and example")
    func record() throws {
        let page = batchPage()
        let header = try #require(page.withUnsafeBytes { RecordHeader($0.baseAddress!) })
        try compare("batch", page)
        try check(
            "## Record header", page, length: 128,
            [
                ("magic", UInt64(RecordHeader.magic)), ("version", UInt64(RecordHeader.version)),
                ("kind", UInt64(RecordKind.batch.rawValue)), ("replica", 1), ("lane", 2),
                ("cluster, low", example.clusterLow), ("cluster, high", example.clusterHigh), ("group", 3),
                ("reserved, zero", 0), ("payload bytes", 16), ("CRC of these 128", UInt64(header.checksum)),
                ("CRC of the payload", UInt64(header.content.payloadChecksum)), ("generation of a batch", 1 << 32 | 5),
                ("sequence", 7), ("count", 2), ("stride", 8), ("digest", 0x1122_3344_5566_7788),
                ("generation of the start", 1 << 32 | 6), ("stream segment", 1),
                ("CRC of the header before", 0xa1b2_c3d4),
                ("stream offset", 69_632), ("durable low-water mark", 65_536),
            ])
    }

    @Test("kinds and versions")
    func numbers() throws {
        let kinds = try document.table("## Record header").first { $0[2].hasPrefix("kind") }
        #expect(kinds?[2] == "kind: 1 batch, 2 items, 3 empty, 4 filler")
        #expect([RecordKind.batch, .items, .empty, .filler].map(\.rawValue) == [1, 2, 3, 4])
        let versions = try document.table("## Versions")
        let numbers = [UInt64(Superblock.version), UInt64(RecordHeader.version), UInt64(SnapshotHeader.version)]
        #expect(versions.map { UInt64($0[2]) } == numbers)
    }

    @Test("items: tags, sizes, examples")
    func items() throws {
        func encode(_ items: [LogItem]) -> [UInt8] {
            items.flatMap { item in
                let memory = UnsafeMutableRawPointer.allocate(byteCount: 512, alignment: 16)
                defer { memory.deallocate() }
                return Array(UnsafeRawBufferPointer(start: memory, count: item.encode(to: memory, members: 3)))
            }
        }
        let ballot = Ballot(epoch: 1, round: 9, owner: ReplicaID(2))
        let vote = LogItem.vote(slot: 12, ballot: ballot, half: .classic, entry: Entry(Self.cut))
        try compare("items", encode([.promise(ballot), vote]))
        try compare("notes", encode([.decided(first: 3, last: 12), .decidedEntry(slot: 13, entry: .nothing)]))
        let rows = try document.table("### Items")
        #expect(rows.map { UInt8($0[0]) } == [1, 2, 3, 4, 5, 6])
        let empty = LogItem.vote(slot: 12, ballot: ballot, half: .classic, entry: .nothing)
        let note = LogItem.decidedEntry(slot: 1, entry: Entry(Self.cut))
        var naming = ballot
        naming.announced = MemberSet([0, 2])
        func size(_ item: LogItem) -> Int { item.encodedBytes(members: 3) - 3 }
        var outstanding = Outstanding()
        let least = size(.outstanding(outstanding))
        outstanding.top = naming
        outstanding.ended = naming
        let sizes = [
            "\(size(.promise(ballot))) or \(size(.promise(naming)))",
            "\(empty.encodedBytes(members: 3) - 3) or \(vote.encodedBytes(members: 0) - 3) + 24 × lanes, and 2 if the ballot names members",
            "\(LogItem.decided(first: 1, last: 2).encodedBytes(members: 3) - 3)",
            "\(LogItem.decidedEntry(slot: 1, entry: .nothing).encodedBytes(members: 3) - 3) or "
                + "\(note.encodedBytes(members: 0) - 3) + 24 × lanes",
            "\(size(.closed(slot: 1, ballot: ballot)))", "\(least) to \(size(.outstanding(outstanding)))",
        ]
        #expect(rows.map { $0[1] } == sizes)
        #expect(vote.encodedBytes(members: 3) - vote.encodedBytes(members: 0) == 72)
        // The kind on the disk, then who is named.
        #expect(encode([.promise(naming)])[3...] == [1, 0, 0, 0, 9, 0, 0, 0, 2, 2, 5, 0])
        #expect(document.text.contains("(3,968 bytes)") && LogItem.capacityBytes == 3_968)
    }

    @Test("superblock and snapshot header: tables and examples")
    func superblock() throws {
        var superblock = Superblock(identity: example, geometry: small, generation: Generation(epoch: 1, counter: 6))
        superblock.sequence = 9
        superblock.logStart = 65_536
        superblock.durableMark = 69_632
        let snapshot = SnapshotDescription(file: 1, slot: 12, cut: Self.cut, lengthBytes: 5_000, checksum: 0x0102_0304)
        superblock.snapshot = snapshot
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4_096, alignment: 4_096)
        defer { page.deallocate() }
        func bytes(_ encode: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
            encode(page)
            return Array(UnsafeRawBufferPointer(start: page, count: 4_096))
        }
        let whole = bytes(superblock.encode)
        try compare("superblock", Array(whole[..<160]))
        let owner: [(String, UInt64)] = [
            ("group", 3), ("cluster, low", example.clusterLow), ("cluster, high", example.clusterHigh), ("replica", 1),
        ]
        try check(
            "## Superblock", whole, length: 484,
            owner + [
                ("magic", UInt64(Superblock.magic)), ("version", UInt64(Superblock.version)),
                ("CRC of the page", number(whole, 8, 4)), ("number of the update", 9), ("generation", 1 << 32 | 6),
                ("bytes of a segment", 65_536), ("segments", 4), ("log start", 65_536), ("durable", 69_632),
                ("1: forgetful", 0), ("1: a snapshot", 1), ("its file", 1), ("its slot", 12),
                ("bytes of its payload", 5_000), ("checksum of the snapshot", 0x0102_0304),
            ])
        // The page's checksum is that of the page without it.
        var without = whole
        for i in 8..<12 { without[i] = 0 }
        #expect(without.withUnsafeBytes { UInt64(trm_crc32c(0, $0.baseAddress!, 4_096)) } == number(whole, 8, 4))
        #expect(whole[484...].allSatisfy { $0 == 0 })

        let file = SnapshotFile(description: snapshot, name: Self.name, blockBytes: 1_048_576)
        let header = bytes { SnapshotHeader.encode(file, example, to: $0) }
        try compare("snapshot", Array(header[..<112]))
        try check(
            "## Snapshot file", header, length: 453,
            owner + [
                ("magic", UInt64(SnapshotHeader.magic)), ("version", UInt64(SnapshotHeader.version)),
                ("CRC of the page", number(header, 8, 4)), ("slot", 12), ("bytes of the payload", 5_000),
                ("checksum of the snapshot", 0x0102_0304), ("bytes of a block", 1_048_576), ("origin", 2),
                ("generation of the origin", 1 << 32 | 4),
            ])
        #expect(header[453...].allSatisfy { $0 == 0 })
    }
    private static let name = SnapshotName(origin: ReplicaID(2), generation: Generation(epoch: 1, counter: 4), slot: 12)

    @Test("a snapshot's block: table, example, and the checksum of the whole")
    func block() throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4_096, alignment: 4_096)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 4_096)
        for i in 0..<16 { memory.storeBytes(of: UInt8(i), toByteOffset: 64 + i, as: UInt8.self) }
        let checksum = SnapshotBlock.seal(memory, Self.name, number: 5, contentBytes: 16)
        let block = Array(UnsafeRawBufferPointer(start: memory, count: 4_096))
        try compare("block", Array(block[..<80]))
        try check(
            "### Block", block, length: 64,
            [
                ("magic", UInt64(SnapshotBlock.magic)), ("CRC", UInt64(checksum)), ("slot", 12),
                ("generation of the origin", 1 << 32 | 4), ("number of the block", 5), ("bytes of content", 16),
                ("origin", 2),
            ])
        #expect(checksum == trm_crc32c(0, memory + 8, 56 + 16))
        #expect(block[37..<64].allSatisfy { $0 == 0 } && block[80...].allSatisfy { $0 == 0 })
        var two: [UInt8] = []
        for value in [checksum, 0x0102_0304] { withUnsafeBytes(of: value.littleEndian) { two += Array($0) } }
        #expect(SnapshotBlock.chain(SnapshotBlock.chain(0, checksum), 0x0102_0304) == trm_crc32c(0, two, 8))
    }
}
