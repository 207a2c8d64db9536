// Durable sequential writes, as the log makes them: into the segments that the replicas leave behind, through the same device.
import CTrireme
import Glibc
import TriremeCore
import TriremeStorage

enum DiskLimit {
    private static let seconds = 1.5

    /// Bytes a second that so many logs together can write, each with the log's write size and number of writes in flight.
    ///
    /// - Parameters:
    ///   - directories: data directories of replicas that have ended; what their segments hold is overwritten.
    ///   - geometry: of their logs.
    static func measure(_ directories: [String], _ geometry: LogGeometry, batchBytes: Int) throws -> Double {
        let rates = try Workers.run(directories.count) { index -> Result<Double, any Error> in
            Result { try write(directories[index], geometry, batchBytes: batchBytes) }
        }
        return try rates.reduce(0) { try $0 + $1.get() }
    }

    private static func write(_ path: String, _ geometry: LogGeometry, batchBytes: Int) throws -> Double {
        var device = RingDevice(try DataDirectory(at: path, geometry: geometry))
        let options = LogOptions()
        // As many batches as a log write takes, one after another in memory.
        let batch = roundedToPages(batchBytes)
        let pieces = max(1, min(options.batchesPerWrite, options.bytesPerWrite / batch))
        let bytes = pieces * batch
        let ring = try LimitRing(bytes: options.writesInFlight * bytes, files: device.directory.descriptors)
        device.attach(ring: ring.ring, firstFile: 0)
        for offset in 0..<options.writesInFlight * bytes {
            (ring.memory + offset).storeBytes(of: UInt8(truncatingIfNeeded: offset * 7), as: UInt8.self)
        }
        let perSegment = geometry.segmentBytes / bytes
        var begun = 0
        func begin(_ slot: Int, on device: inout RingDevice) {
            let memory = ring.memory + slot * bytes
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: pieces) { list in
                for piece in 0..<pieces {
                    (list.baseAddress! + piece).initialize(
                        to: UnsafeRawBufferPointer(start: memory + piece * batch, count: batch))
                }
                device.write(
                    .segment(begun / perSegment % geometry.segments), at: UInt64(begun % perSegment * bytes),
                    UnsafeBufferPointer(list), token: UInt64(slot))
            }
            begun += 1
        }
        let start = trm_monotonic_nanoseconds()
        let end = start + UInt64(seconds * 1e9)
        for slot in 0..<options.writesInFlight { begin(slot, on: &device) }
        var written = 0
        var underWay = options.writesInFlight
        var now = start
        while underWay > 0 {
            ring.wait(milliseconds: 1_000)
            ring.completions { device.complete(token: $0.token, result: $0.result) }
            now = trm_monotonic_nanoseconds()
            while let completion = device.next() {
                guard completion.result == bytes else {
                    throw BenchError(
                        "a write of \(bytes) bytes to \(path) ended with \(completion.result): the disk of --data is failing"
                    )
                }
                written += bytes
                underWay -= 1
                guard now < end else { continue }
                begin(Int(completion.token), on: &device)
                underWay += 1
            }
        }
        return Double(written) / (Double(now - start) / 1e9)
    }
}
