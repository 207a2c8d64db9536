// Where a run keeps its files: the replicas' directories on a disk, the shared pages in memory. Nothing is left behind.
import CTrireme
import FoundationEssentials
import Glibc
import Trireme

package struct BenchWorkspace {
    /// The cluster file and a directory for each replica.
    package let directory: String
    /// Pages that processes share: on tmpfs where there is one, since the kernel writes back a disk file's pages now and then.
    package let pages: String

    package init(parent: String?) throws(BenchError) {
        let parents = parent.map { [$0] } ?? Self.candidates
        if let parent { mkdir(parent, 0o700) }
        var made: String?
        for parent in parents where made == nil { made = Self.make(parent) }
        guard let directory = made else {
            throw BenchError(
                "no directory for the replicas' files could be made in \(parents.joined(separator: ", ")) "
                    + "(\(String(cString: strerror(errno)))); give a writable one on a disk with --data")
        }
        self.directory = directory
        pages = Self.make("/dev/shm") ?? directory
    }

    /// The usual places, those in memory last: a log wants a disk.
    private static var candidates: [String] {
        let places = [getenv("TMPDIR").map { String(cString: $0) }, "/tmp", "/var/tmp", "."].compactMap { $0 }
        return places.filter { !trm_path_is_in_memory($0) } + places.filter { trm_path_is_in_memory($0) }
    }

    private static func make(_ parent: String) -> String? {
        var template = Array("\(parent)/trireme-bench-XXXXXX".utf8CString)
        return template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) }.map { String(cString: $0) }
    }

    package func replica(_ id: Int) -> String { "\(directory)/\(id)" }
    package func page(_ id: Int) -> String { "\(pages)/page-\(id)" }
    package func counters(_ id: Int) -> String { "\(pages)/counters-\(id)" }
    package var clusterFile: String { "\(directory)/cluster.json" }

    /// Refuses to begin what the disk has no room for: the logs, and two snapshots of a replica at most.
    package func checkRoom(_ configuration: Configuration, stateBytes: Int) throws(BenchError) {
        guard configuration.durability == .disk else { return }
        let log = UInt64(configuration.segmentMebibytes * configuration.segments) << 20
        let needed = UInt64(configuration.members.count) * (log + 2 * UInt64(stateBytes))
        var free: UInt64 = 0
        guard trm_free_bytes(directory, &free) == 0, free < needed else { return }
        throw BenchError(
            "\(directory) has \(free >> 20) MiB left on its disk; \(configuration.members.count) replicas need "
                + "\(needed >> 20) MiB: free some, or choose another disk with --data")
    }

    package func remove() {
        for path in Set([directory, pages]) { try? FileManager.default.removeItem(atPath: path) }
    }
}
