// Snapshots beside the log: written in blocks, durable before the superblock names them (PROTOCOL §8 ◆).
import Glibc
import TriremeCore

extension Log where Device: ~Copyable {
    private var unnamedSnapshotFile: Int { snapshotDescription.map { 1 - $0.file } ?? 0 }
    /// Why there is no room on the disk for a snapshot of so many bytes; nil where there is. One system call.
    package func snapshotRefusal(lengthBytes: UInt64) -> StorageError? {
        device.refusal(
            of: .snapshot(unnamedSnapshotFile),
            bytes: SnapshotFile.bytes(ofContent: lengthBytes, blockBytes: snapshotBlockBytes))
    }
    /// From ``beginSnapshot(name:cut:)`` until the superblock names it, or it was given up.
    package var isWritingSnapshot: Bool { snapshot.isActive }

    /// Starts to write a snapshot into the file that the superblock does not name, in blocks beside the log's writes. Its bytes
    /// come through ``snapshotRoom`` and ``fillSnapshot(_:)``, or as whole blocks of another replica's through
    /// ``snapshotBlock`` and ``takeSnapshotBlock(contentBytes:)``. One at a time.
    package mutating func beginSnapshot(name: SnapshotName, cut: Cut) {
        let file = unnamedSnapshotFile
        if formerSnapshot?.description.file == file { formerSnapshot = nil }
        snapshot.start(file: file, name: name, cut: cut)
    }
    /// Where the next bytes go; nil while both blocks wait for the disk.
    package var snapshotRoom: UnsafeMutableRawBufferPointer? { snapshot.room }
    /// So many bytes were put into ``snapshotRoom``. A full block is written at once.
    package mutating func fillSnapshot(_ bytes: Int) {
        snapshot.fill(bytes)
        pumpSnapshot()
    }
    /// The memory of the next whole block, header included; nil while both wait for the disk.
    package var snapshotBlock: UnsafeMutableRawBufferPointer? { snapshot.block }
    /// ``snapshotBlock`` holds another replica's block. False, and nothing happens, if it is not whole or not the next one.
    package mutating func takeSnapshotBlock(contentBytes: Int) -> Bool {
        guard snapshot.take(contentBytes: contentBytes, isStored: false) else { return false }
        pumpSnapshot()
        return true
    }
    /// ``snapshotBlock`` was read from the file itself, where an earlier start had put it.
    package mutating func keepSnapshotBlock(contentBytes: Int) -> Bool {
        snapshot.take(contentBytes: contentBytes, isStored: true)
    }
    /// What has been taken so far: its length and checksum.
    package var writtenSnapshot: SnapshotFile { snapshot.file }
    /// Blocks that are filled, and those of them that are durable.
    package var snapshotBlocks: (taken: UInt64, durable: UInt64) { (snapshot.sealed, snapshot.durable) }
    /// Everything has come: the rest is written, then the header, then the superblock names the file:
    /// ``LogEvent/snapshotDurable(slot:)``.
    package mutating func finishSnapshot() {
        snapshot.finish()
        pumpSnapshot()
    }
    /// Gives it up before ``finishSnapshot()``. ``isWritingSnapshot`` until what is under way has ended.
    package mutating func abandonSnapshot() { snapshot.abandon() }

    mutating func pumpSnapshot() {
        while stream.failure == nil {
            switch snapshot.next(stream.options) {
            case .none: return
            case .block(let file, let offset, let bytes):
                let number = UInt32(truncatingIfNeeded: snapshot.begun - 1)
                write(
                    .snapshot(file), at: offset, bytes,
                    LogToken(.snapshot, number, pages: bytes.count / Limits.pageBytes))
            case .header(let file):
                SnapshotHeader.encode(file, stream.identity, to: stream.memory.snapshotHeader)
                write(
                    .snapshot(file.description.file), at: 0,
                    UnsafeRawBufferPointer(start: stream.memory.snapshotHeader, count: Limits.pageBytes),
                    LogToken(.snapshot, 0))
            }
        }
    }
    /// A short write says nothing of its reason.
    private var isDiskFull: Bool {
        let file = snapshot.file
        return device.refusal(of: .snapshot(file.description.file), bytes: file.offset(snapshot.begun)) != nil
    }
    mutating func snapshotWritten(_ result: Int, _ token: LogToken) {
        guard stream.failure == nil else { return }
        let isHeader = token.pages == 0
        let bytes = isHeader ? Limits.pageBytes : Int(token.pages) * Limits.pageBytes
        guard result == bytes else {
            // A file that nothing names yet: where the disk is full the snapshot is given up and the replica goes on. Nothing that
            // was durable has changed.
            guard result == -Int(ENOSPC) || result >= 0 && isDiskFull else {
                return stream.fail(
                    StorageError(.io, "snapshot: a write of \(bytes) bytes ended with \(result); it is not retried"))
            }
            if snapshot.gaveUp(block: isHeader ? nil : token.number) {
                untoldRefusal = StorageError(
                    .full,
                    "snapshot: there was no room on the disk for the one of slot \(snapshot.file.name.slot); it was given up after "
                        + "\(snapshot.file.description.lengthBytes >> 20) MiB and is tried again; free some, or no command is taken "
                        + "any more once the log is full")
            }
            return pumpSnapshot()
        }
        guard snapshot.written(block: isHeader ? nil : token.number) else { return pumpSnapshot() }
        let description = snapshot.file.description
        superblock.want { $0.snapshot = description }
        beginSuperblock()
    }
    /// A superblock is durable: if it names the snapshot that was written, the one before is the former.
    mutating func snapshotNamed() {
        guard snapshot.named(superblock.current.snapshot) else { return }
        formerSnapshot = currentSnapshot
        currentSnapshot = snapshot.file
        untoldSnapshot = snapshot.file.name.slot
    }

    // MARK: reading

    /// Starts to read a block of a snapshot into page-aligned memory of a block's size: ``LogEvent/snapshotRead(token:ok:)``.
    package mutating func readSnapshotBlock(
        _ block: UInt64, of file: SnapshotFile, into memory: UnsafeMutableRawPointer, token: UInt32
    ) {
        let bytes = roundedToPages(file.bytes(block))
        device.read(
            .snapshot(file.description.file), at: file.offset(block),
            into: UnsafeMutableRawBufferPointer(start: memory, count: bytes),
            token: LogToken(.snapshotRead, token, pages: bytes / Limits.pageBytes).rawValue)
    }
    /// The content of a block that was read, if it is this snapshot's block of that number and whole.
    package func content(
        ofBlock block: UInt64, of file: SnapshotFile, in memory: UnsafeRawPointer
    ) -> UnsafeRawBufferPointer? {
        let bytes = file.contentBytes(block)
        guard SnapshotBlock.checked(memory, file.name, number: block, contentBytes: bytes) != nil else { return nil }
        return UnsafeRawBufferPointer(start: memory + SnapshotBlock.headerBytes, count: bytes)
    }

    /// Reads the snapshot that the superblock names, at the start, block by block: `body` gets the content of each once its
    /// checksum holds, and whether it is the last. Nothing happens where there is no snapshot.
    ///
    /// - Throws: `damaged` where the file, or a block of it, is not what the superblock names; what `body` throws.
    package mutating func readSnapshotNow(
        _ body: (UnsafeRawBufferPointer, _ isLast: Bool) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard let snapshot = snapshotDescription else { return }
        guard let file = currentSnapshot else {
            throw snapshot.unreadableHeader
        }
        try device.readSnapshot(file, body)
    }
}

extension SnapshotDescription {
    var unreadableHeader: StorageError {
        unreadable("its header is not that of the snapshot which the superblock names")
    }
    func unreadable(_ what: String) -> StorageError {
        StorageError(
            .damaged,
            "snapshot: file snapshot/\(file) of slot \(slot): \(what), and the log before it is recycled; "
                + "replace this replica under a new identity through a configuration change")
    }
}

extension StorageDevice where Self: ~Copyable {
    /// The file of the snapshot that the superblock names, if its header is that snapshot's.
    mutating func snapshotFile(
        _ snapshot: SnapshotDescription, identity: LogIdentity
    ) throws(StorageError) -> SnapshotFile? {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { page.deallocate() }
        let got = try readNow(.snapshot(snapshot.file), at: 0, into: page)
        return got == page.count ? SnapshotHeader.read(page.baseAddress!, snapshot, identity) : nil
    }
    mutating func readSnapshot(
        _ file: SnapshotFile, _ body: (UnsafeRawBufferPointer, Bool) throws(StorageError) -> Void
    ) throws(StorageError) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: file.blockBytes, alignment: Limits.pageBytes)
        defer { memory.deallocate() }
        var checksum: UInt32 = 0
        for block in 0..<file.blocks {
            let content = file.contentBytes(block)
            let bytes = roundedToPages(SnapshotBlock.headerBytes + content)
            let got = try readNow(
                .snapshot(file.description.file), at: file.offset(block),
                into: UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes]))
            guard got == bytes else { throw file.description.unreadable("it ends early") }
            guard
                let sum = SnapshotBlock.checked(memory.baseAddress!, file.name, number: block, contentBytes: content)
            else { throw file.description.unreadable("block \(block) is not its checksum's") }
            checksum = SnapshotBlock.chain(checksum, sum)
            let isLast = block + 1 == file.blocks
            // The whole is checked before the last piece is believed.
            if isLast, checksum != file.description.checksum {
                throw file.description.unreadable("its blocks are not its checksum's")
            }
            try body(
                UnsafeRawBufferPointer(start: memory.baseAddress! + SnapshotBlock.headerBytes, count: content), isLast)
        }
        if file.blocks == 0 { try body(UnsafeRawBufferPointer(start: memory.baseAddress, count: 0), true) }
    }
}
