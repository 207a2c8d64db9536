// Counters that a process publishes for others to read while it runs: one small file, mapped by both sides.
//
//     +0   "TRMC"            +16  u64 process id          +64 + 64·i  name, 48 bytes, padded with zeros
//     +4   u32 version       +24  u64 start, ns since 1970            8 bytes reserved
//     +8   u32 entries       +32  reserved                            u64 value
//
// Little-endian. Values are written one by one, so a reader sees each of them whole but not all of one moment.
import CTrireme
import Glibc

/// Shape of the file, the same for all.
package enum CountersLayout {
    package static let magic: UInt32 = 0x434D_5254  // "TRMC"
    package static let version: UInt32 = 1
    package static let headerBytes = 64
    package static let entryBytes = 64
    package static let nameBytes = 48
    static let valueOffset = 56
    /// Entries at most: the file has one size, so that a reader may map it before the writer has filled it.
    package static let entriesMaximum = 255
    package static let fileBytes = headerBytes + entriesMaximum * entryBytes
}

/// Why a counters page cannot be made or read, in one sentence.
package struct CountersPageError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// The writing side. One thread sets values; a store costs as much as any other.
package final class CountersPage {
    private let base: UnsafeMutableRawPointer
    package let count: Int

    /// Makes the file, or takes over the one of a process that has ended.
    package init(path: String, names: [String]) throws(CountersPageError) {
        precondition(names.count <= CountersLayout.entriesMaximum, "more counters than the page holds")
        precondition(names.allSatisfy { $0.utf8.count < CountersLayout.nameBytes }, "a counter's name is too long")
        var error: Int32 = 0
        guard let page = trm_shared_page_map(path, CountersLayout.fileBytes, true, &error) else {
            throw CountersPageError(
                description: "the counters page \(path) cannot be made (\(String(cString: strerror(-error)))): the "
                    + "directory must be there and writable")
        }
        base = page
        count = names.count
        let words = base.assumingMemoryBound(to: UInt64.self)
        // No entries until all of them stand: a reader of this moment finds an empty page.
        trm_store_release_u64(words + 1, 0)
        memset(base + CountersLayout.headerBytes, 0, CountersLayout.fileBytes - CountersLayout.headerBytes)
        for (index, name) in names.enumerated() {
            let entry = base + Self.offset(index)
            for (place, byte) in name.utf8.enumerated() {
                entry.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
            }
        }
        words[2] = UInt64(getpid()).littleEndian
        words[3] = trm_realtime_nanoseconds().littleEndian
        trm_store_release_u64(
            words, (UInt64(CountersLayout.version) << 32 | UInt64(CountersLayout.magic)).littleEndian)
        trm_store_release_u64(words + 1, UInt64(names.count).littleEndian)
    }
    deinit { trm_shared_page_unmap(base, CountersLayout.fileBytes) }

    private static func offset(_ index: Int) -> Int {
        CountersLayout.headerBytes + index * CountersLayout.entryBytes
    }

    /// Publishes the value of the counter at the place that its name had in the list.
    package func set(_ index: Int, _ value: UInt64) {
        precondition(index >= 0 && index < count)
        let word = (base + (Self.offset(index) + CountersLayout.valueOffset)).assumingMemoryBound(to: UInt64.self)
        trm_store_relaxed_u64(word, value.littleEndian)
    }
}

/// The reading side, in any process.
package final class CountersReader {
    private let base: UnsafeMutableRawPointer

    package init(path: String) throws(CountersPageError) {
        var error: Int32 = 0
        guard let page = trm_shared_page_map(path, CountersLayout.fileBytes, false, &error) else {
            throw CountersPageError(
                description: "there is no counters page at \(path) (\(String(cString: strerror(-error)))); a replica "
                    + "makes it in its data directory when it starts")
        }
        let word = UInt64(littleEndian: trm_load_acquire_u64(page.assumingMemoryBound(to: UInt64.self)))
        guard UInt32(truncatingIfNeeded: word) == CountersLayout.magic, word >> 32 == UInt64(CountersLayout.version)
        else {
            trm_shared_page_unmap(page, CountersLayout.fileBytes)
            throw CountersPageError(
                description:
                    "\(path) is no counters page of version \(CountersLayout.version): read it with the trireme "
                    + "that wrote it")
        }
        base = page
    }
    deinit { trm_shared_page_unmap(base, CountersLayout.fileBytes) }

    private func word(_ byteOffset: Int) -> UInt64 {
        UInt64(littleEndian: trm_load_acquire_u64((base + byteOffset).assumingMemoryBound(to: UInt64.self)))
    }

    package var processID: Int32 { Int32(truncatingIfNeeded: word(16)) }
    /// Nanoseconds since 1970.
    package var startNanoseconds: UInt64 { word(24) }
    /// Whether the process that writes the page is there (a process that reused its number would be mistaken for it).
    package var isLive: Bool { kill(processID, 0) == 0 || errno == EPERM }

    /// Names and values, in the writer's order.
    package var entries: [(name: String, value: UInt64)] {
        let count = min(Int(truncatingIfNeeded: word(8) & 0xFFFF_FFFF), CountersLayout.entriesMaximum)
        return (0..<count).map { index in
            let offset = CountersLayout.headerBytes + index * CountersLayout.entryBytes
            let bytes = UnsafeRawBufferPointer(start: base + offset, count: CountersLayout.nameBytes)
            let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            return (name, word(offset + CountersLayout.valueOffset))
        }
    }

    package subscript(name: String) -> UInt64? { entries.first { $0.name == name }?.value }
}
