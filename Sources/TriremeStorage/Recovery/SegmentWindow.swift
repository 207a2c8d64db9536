// Reading the stream in large pieces at the start, without holding it in memory.
import TriremeCore

/// A piece of one segment in memory, moved along as the scan goes.
struct SegmentWindow: ~Copyable {
    static let bytes = 1 << 20
    private let memory: UnsafeMutableRawBufferPointer = .allocate(byteCount: Self.bytes, alignment: Limits.pageBytes)
    private let geometry: LogGeometry
    private var start: UInt64 = 0
    private var count = 0

    init(_ geometry: LogGeometry) { self.geometry = geometry }
    deinit { memory.deallocate() }

    /// `count` bytes of the stream at `offset`, which do not cross a segment.
    mutating func bytes<Device: StorageDevice & ~Copyable>(
        at offset: UInt64, count needed: Int, of device: inout Device
    ) throws(StorageError) -> UnsafeRawPointer {
        if offset < start || offset + UInt64(needed) > start + UInt64(count) {
            let length = min(Self.bytes, geometry.room(offset))
            count = 0
            let file = geometry.file(offset)
            let got = try device.readNow(
                .segment(file), at: geometry.place(offset),
                into: UnsafeMutableRawBufferPointer(rebasing: memory[..<length]))
            guard got == length else {
                throw StorageError(
                    .damaged,
                    "log: segment file \(file) ends \(length - got) bytes early; the configuration says "
                        + "\(geometry.segmentBytes) bytes (log.segmentMebibytes)")
            }
            start = offset
            count = length
        }
        return UnsafeRawPointer(memory.baseAddress! + Int(offset - start))
    }
}
