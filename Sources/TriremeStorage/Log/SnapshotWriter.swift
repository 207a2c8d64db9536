// A snapshot on its way to one of the two files that take turns: one header page, then the payload in chunks. The
// header is written last, so that it is there only when the payload is.
import CTrireme
import TriremeCore

/// The first page of a snapshot file. It says what the superblock says, and whose it is.
package enum SnapshotHeader {
    package static let magic: UInt32 = 0x534D_5254  // "TRMS"
    package static let version: UInt32 = 1

    package static func encode(_ snapshot: SnapshotDescription, _ identity: LogIdentity, to page: UnsafeMutableRawPointer) {
        page.initializeMemory(as: UInt8.self, repeating: 0, count: Limits.pageBytes)
        var out = WireWriter(UnsafeMutableRawBufferPointer(start: page, count: Limits.pageBytes))
        out.put(magic)
        out.put(version)
        out.put(UInt32(0))  // checksum
        out.put(UInt32(identity.group))
        out.put(identity.clusterLow)
        out.put(identity.clusterHigh)
        out.put(UInt64(identity.replica.rawValue))
        out.put(snapshot.slot)
        out.put(snapshot.lengthBytes)
        out.put(snapshot.checksum)
        out.put(Entry(snapshot.cut), members: Limits.members)
        page.put(trm_crc32c(0, page, Limits.pageBytes), at: 8)
    }
    /// Whether the page is the header of exactly this snapshot.
    static func matches(_ page: UnsafeRawPointer, _ snapshot: SnapshotDescription, _ identity: LogIdentity) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Limits.pageBytes, alignment: 16) { expected in
            encode(snapshot, identity, to: expected.baseAddress!)
            return UnsafeRawBufferPointer(expected).elementsEqual(
                UnsafeRawBufferPointer(start: page, count: Limits.pageBytes))
        }
    }
}

struct SnapshotWriter {
    enum Step {
        /// Write these bytes at this offset of the file.
        case chunk(file: Int, offset: UInt64, UnsafeRawBufferPointer)
        case header(file: Int)
        case none
    }
    private(set) var isActive = false
    private(set) var description = SnapshotDescription(file: 0, slot: 0, cut: Cut(), lengthBytes: 0, checksum: 0)
    private var memory = UnsafeRawBufferPointer(start: nil, count: 0)
    private var begun = 0
    private var inFlight = 0
    private var hasHeader = false

    mutating func start(_ description: SnapshotDescription, memory: UnsafeRawBufferPointer) {
        precondition(!isActive, "two snapshots at once")
        self.description = description
        self.memory = memory
        begun = 0
        inFlight = 0
        hasHeader = false
        isActive = true
    }
    /// What to write next beside what is under way. The checksum grows chunk by chunk, each at the time of its write.
    mutating func next(_ options: LogOptions) -> Step {
        guard isActive, inFlight < options.snapshotWritesInFlight else { return .none }
        if begun < memory.count {
            let bytes = min(options.snapshotChunkBytes, memory.count - begun)
            let chunk = UnsafeRawBufferPointer(rebasing: memory[begun..<begun + bytes])
            let content = min(bytes, Int(description.lengthBytes) - begun)
            description.checksum = trm_crc32c(description.checksum, chunk.baseAddress!, content)
            let offset = UInt64(Limits.pageBytes + begun)
            begun += bytes
            inFlight += 1
            return .chunk(file: description.file, offset: offset, chunk)
        }
        guard inFlight == 0, !hasHeader else { return .none }
        hasHeader = true
        inFlight = 1
        return .header(file: description.file)
    }
    /// A chunk or the header is durable. Returns true when the whole file is.
    mutating func stepWritten() -> Bool {
        inFlight -= 1
        return hasHeader
    }
    /// The superblock names this snapshot, durably.
    mutating func named(_ named: SnapshotDescription?) {
        if isActive, named?.slot == description.slot { isActive = false }
    }
}
