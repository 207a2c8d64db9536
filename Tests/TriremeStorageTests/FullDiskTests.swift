// A disk that fills up while a snapshot is written: that one is given up, and nothing else is harmed.
import Glibc
import Testing
import TriremeCore
import TriremeStorage

@Suite("§8: a full disk")
struct FullDiskTests {
    let frames = Frames()
    /// Five blocks of two pages and the header's page.
    private let length = 4 * (2 * 4_096 - 64) + 100
    private func options() -> LogOptions {
        var options = smallOptions()
        options.snapshotBlockBytes = 2 * 4_096
        return options
    }
    /// Writes it as far as it comes. What was refused, if it was.
    private func write(_ slot: UInt64, _ log: inout ScriptedLog) -> StorageError? {
        let bytes = (0..<length).map { patternByte(slot, $0) }
        return bytes.withUnsafeBytes {
            var feed = log.writeSnapshot(slot: slot, $0)
            var refusal: StorageError?
            while log.isWritingSnapshot, log.failure == nil {
                log.device.disk.completeAll()
                while let event = log.next() { if case .snapshotRefused(let error) = event { refusal = error } }
                log.pump()
                if refusal == nil { feed.feed(&log) }
            }
            return refusal
        }
    }

    @Test("wherever it fills up, the former snapshot stays the named one, the log goes on, and a later one is written")
    func everyPlace() throws {
        // Nine pages of blocks, and the header's, which lies in front of them and needs none of its own then.
        for pages in 0...10 {
            let disk = try formatted()
            var log = try open(disk, options: options())
            #expect(write(7, &log) == nil)
            _ = log.append(frames.batch(1))
            log.settle()
            disk.room = pages * 4_096
            let refusal = log.snapshotRefusal(lengthBytes: UInt64(length))
            let found = write(9, &log)
            #expect((found != nil) == (pages < 10), "\(pages) pages")
            #expect((refusal != nil) == (found != nil), "what is asked before is what is found: \(pages) pages")
            #expect(log.failure == nil && !log.isWritingSnapshot)
            #expect(log.snapshotDescription?.slot == (found == nil ? 9 : 7))
            _ = log.append(frames.batch(2))
            log.settle()
            #expect(log.durableIndex == log.appendedIndex)
            var again = try open(disk.afterCrash(), options: options())
            #expect(try again.snapshotBytes() == (0..<length).map { patternByte(found == nil ? 9 : 7, $0) })
            disk.room = 64 * 4_096
            #expect(write(11, &log) == nil && log.snapshotDescription?.slot == 11)
        }
    }

    @Test("any other error of a snapshot's write is final")
    func others() throws {
        for result in [-Int(EIO), 512] {
            let disk = try formatted()
            var log = try open(disk, options: options())
            let bytes = [UInt8](repeating: 1, count: 100)
            bytes.withUnsafeBytes { log.writeSmallSnapshot(slot: 7, $0) }
            disk.complete(0, result: result)
            while log.next() != nil {}
            #expect(log.failure?.code == .io)
        }
    }
}
