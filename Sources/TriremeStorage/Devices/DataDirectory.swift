// A replica's data directory: `lock`, `superblock`, `log/NNNNNNNN.segment`, `snapshot/0`, `snapshot/1`. Start only.
import CTrireme
import Glibc
import TriremeCore

/// The open files of a data directory. As long as it lives no other process can open the same one.
package struct DataDirectory: ~Copyable {
    package let path: String
    package let geometry: LogGeometry
    /// In the order of ``index(of:)``: what the reactor registers with its ring.
    package let descriptors: [Int32]
    private let lock: Int32

    package static func index(of file: StorageFile) -> Int {
        switch file {
        case .superblock: 0
        case .snapshot(let i): 1 + i
        case .segment(let i): 3 + i
        }
    }
    static func path(_ directory: String, _ file: StorageFile) -> String {
        switch file {
        case .superblock: return "\(directory)/superblock"
        case .snapshot(let i): return "\(directory)/snapshot/\(i)"
        case .segment(let i):
            let number = String(i)
            return "\(directory)/log/\(String(repeating: "0", count: 8 - number.count))\(number).segment"
        }
    }
    private static func files(_ geometry: LogGeometry) -> [StorageFile] {
        [.superblock, .snapshot(0), .snapshot(1)] + (0..<geometry.segments).map { .segment($0) }
    }

    // MARK: creating

    /// Makes the files of a new identity in an absent or empty directory: real zeros, so that no later write changes a
    /// file's size or an extent's state (RELIABILITY, storage rule 3). ``Log/format(_:identity:geometry:epoch:)`` comes
    /// after it; before that the directory is not formatted.
    package static func create(at path: String, geometry: LogGeometry) throws(StorageError) {
        try geometry.check()
        try requireNew(path)
        let lock = try takeLock(path, 0)
        defer { close(lock) }
        let needed = geometry.totalBytes + UInt64(4 * Limits.pageBytes)
        var free: UInt64 = 0
        if trm_free_bytes(path, &free) == 0, free < needed {
            throw StorageError(
                .full,
                "data directory \(path): \(needed >> 20) MiB needed for the log, \(free >> 20) MiB free; free some, or lower "
                    + "log.segments or log.segmentMebibytes")
        }
        for name in ["log", "snapshot"] { _ = try makeDirectory("\(path)/\(name)") }
        // The superblock last: without it the directory counts as not formatted.
        for file in files(geometry).reversed() {
            let opened = try open(Self.path(path, file), create: true)
            defer { close(opened.descriptor) }
            let bytes: UInt64 =
                switch file {
                case .superblock: UInt64(4 * Limits.pageBytes)
                case .segment: UInt64(geometry.segmentBytes)
                case .snapshot: 0
                }
            if bytes > 0 { try call { trm_file_fill_zero(opened.descriptor, bytes, $0, $1) } }
        }
        try syncDirectories(path)
        try syncDirectory("\(path)/..")
    }

    // MARK: opening

    /// Opens and locks what was created, and makes durable what a dead process may have left in flight.
    package init(at path: String, geometry: LogGeometry, patienceMilliseconds: UInt32 = 2_000) throws(StorageError) {
        guard access("\(path)/superblock", F_OK) == 0 else {
            throw StorageError(
                .unformatted,
                "data directory \(path): not formatted; for a new identity start once with --format, a lost one has to be "
                    + "replaced through a configuration change")
        }
        let lock = try Self.takeLock(path, patienceMilliseconds)
        var descriptors: [Int32] = []
        do throws(StorageError) {
            for file in Self.files(geometry) {
                let opened = try Self.open(Self.path(path, file), create: false)
                descriptors.append(opened.descriptor)
                if case .segment = file, opened.size_bytes != UInt64(geometry.segmentBytes) {
                    throw StorageError(
                        .unsupported,
                        "\(Self.path(path, file)): \(opened.size_bytes) bytes, the configuration says \(geometry.segmentBytes) "
                            + "(log.segmentMebibytes); set it back")
                }
            }
            try Self.syncDirectories(path)
        } catch {
            for descriptor in descriptors { close(descriptor) }
            close(lock)
            throw error
        }
        self.path = path
        self.geometry = geometry
        self.descriptors = descriptors
        self.lock = lock
    }
    deinit {
        for descriptor in descriptors { close(descriptor) }
        close(lock)
    }

    func sync() throws(StorageError) {
        for descriptor in descriptors {
            let result = trm_file_sync(descriptor)
            guard result == 0 else { throw failedSync(result) }
        }
    }
    func failedSync(_ result: Int32) -> StorageError {
        StorageError(.io, "data directory \(path): fsync failed (\(reason(result))); it is not retried")
    }

    // MARK: pieces

    /// Makes an absent directory; refuses one that is not empty.
    static func requireNew(_ path: String) throws(StorageError) {
        var isNew = try makeDirectory(path)
        if !isNew { isNew = try isEmpty(path) }
        guard isNew else {
            throw StorageError(
                .alreadyFormatted,
                "data directory \(path): not empty; a new identity needs an absent or empty one (or start without --format)"
            )
        }
    }
    static func takeLock(_ path: String, _ patienceMilliseconds: UInt32) throws(StorageError) -> Int32 {
        // A process that has just died keeps it until its ring is gone.
        var result: Int32 = 0
        let text = sentence { result = trm_lock_file("\(path)/lock", patienceMilliseconds, $0, $1) }
        if result < 0 { throw StorageError(result == -EWOULDBLOCK ? .locked : .io, text) }
        return result
    }
    private static func open(_ path: String, create: Bool) throws(StorageError) -> trm_direct_file {
        var file = trm_direct_file()
        try call { trm_direct_open(path, create, &file, $0, $1) }
        guard file.memory_alignment <= Limits.pageBytes, file.offset_alignment <= Limits.pageBytes else {
            close(file.descriptor)
            throw StorageError(
                .unsupported,
                "\(path): direct I/O needs an alignment of \(max(file.memory_alignment, file.offset_alignment)) bytes here, at "
                    + "most \(Limits.pageBytes) can be had; put the data directory on another file system")
        }
        return file
    }
    /// True where it was made, false where it was there.
    private static func makeDirectory(_ path: String) throws(StorageError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw StorageError(.io, "directory \(path): cannot be made (\(reason(-errno)))") }
        return false
    }
    private static func isEmpty(_ path: String) throws(StorageError) -> Bool {
        guard let directory = opendir(path) else {
            throw StorageError(.io, "directory \(path): cannot be read (\(reason(-errno)))")
        }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        return entries <= 2
    }
    private static func syncDirectories(_ path: String) throws(StorageError) {
        for directory in ["\(path)/log", "\(path)/snapshot", path] { try syncDirectory(directory) }
    }
    private static func syncDirectory(_ path: String) throws(StorageError) {
        let result = trm_directory_sync(path)
        guard result == 0 else { throw StorageError(.io, "directory \(path): fsync failed (\(reason(result)))") }
    }
}

/// What the C library says of −errno.
func reason(_ result: Int32) -> String { String(cString: strerror(-result)) }

/// Calls a function of the shim that leaves a sentence, and returns that sentence.
func sentence(_ body: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
        text.initialize(repeating: 0)
        body(text.baseAddress!, text.count)
        return String(cString: text.baseAddress!)
    }
}
private func call(_ body: (UnsafeMutablePointer<CChar>, Int) -> Int32) throws(StorageError) {
    var result: Int32 = 0
    let text = sentence { result = body($0, $1) }
    guard result < 0 else { return }
    let code: StorageError.Code =
        switch -result {
        case ENOSPC, EDQUOT: .full
        case EINVAL, EOPNOTSUPP: .unsupported
        default: .io
        }
    throw StorageError(code, text.isEmpty ? reason(result) : text)
}
