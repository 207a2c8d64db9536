// Votes on a disk, found by reading all of it: asked rarely, where what was reported does not explain a decision.
import TriremeCore
import TriremeStorage

extension DiskImage {
    /// Whether some record of the log, wherever it lies, is a vote for `slot` in a half of `ballot`.
    func holdsVote(_ slot: UInt64, _ ballot: Ballot, _ half: Half) -> Bool {
        for file in files[3...] {
            let found = file.bytes.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: Limits.pageBytes).contains { at in
                    let base = bytes.baseAddress! + at
                    guard RecordHeader.hasMagic(base), let header = RecordHeader(base), header.kind == .items,
                        header.payloadHolds(base)
                    else { return false }
                    return header.items(base).contains { item in
                        if case .vote(slot: slot, ballot: ballot, half: half, entry: _) = item {
                            true
                        } else {
                            false
                        }
                    }
                }
            }
            if found { return true }
        }
        return false
    }
}

extension RecordHeader {
    /// The items of an items record at `base` whose payload is whole.
    func items(_ base: UnsafeRawPointer) -> [LogItem] {
        var rest = UnsafeRawBufferPointer(start: base + Limits.headerBytes, count: Int(content.payloadBytes))
        var items: [LogItem] = []
        for _ in 0..<content.count {
            guard let (item, bytes) = LogItem.decode(rest, members: Int(content.stride)) else { return items }
            items.append(item)
            rest = UnsafeRawBufferPointer(rebasing: rest[bytes...])
        }
        return items
    }
}
