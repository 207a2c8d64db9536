// The old images of records that changed while a snapshot is written: a queue of bytes whose memory does not move.
import Glibc

/// A queue of bytes in pieces of one size. Adding to it never copies what is there, however much that is, and a piece that has
/// been handed out goes back to the system by itself. One is kept, so that a short queue takes no memory anew.
package struct KeyValueImages: ~Copyable {
    package static let pieceBytes = 256 << 10

    private var pieces: [UnsafeMutableRawPointer] = []
    private var spare: UnsafeMutableRawPointer?
    /// Bytes of the first piece that were handed out, and bytes in the last one.
    private var given = 0
    private var filled = KeyValueImages.pieceBytes
    /// Bytes that are there and were not handed out.
    package private(set) var count = 0

    package init() {}
    deinit {
        for piece in pieces { free(piece) }
        free(spare)
    }

    /// Where the bytes lie, oldest first: for tests.
    package var addresses: [UnsafeRawPointer] { pieces.map { UnsafeRawPointer($0) } }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while let source = rest.baseAddress, rest.count > 0 {
            if filled == Self.pieceBytes { addPiece() }
            let part = min(rest.count, Self.pieceBytes - filled)
            (pieces[pieces.count - 1] + filled).copyMemory(from: source, byteCount: part)
            filled += part
            count += part
            rest = UnsafeRawBufferPointer(rebasing: rest[part...])
        }
    }
    private mutating func addPiece() {
        if let spare {
            pieces.append(spare)
            self.spare = nil
        } else {
            guard let piece = malloc(Self.pieceBytes) else {
                fatalError("no memory for \(Self.pieceBytes) bytes of a snapshot's images")
            }
            pieces.append(piece)
        }
        filled = 0
    }

    /// Hands out up to `limit` bytes, in order, in one part or more.
    package mutating func take<E>(_ limit: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        var left = min(limit, count)
        while left > 0 {
            let end = pieces.count == 1 ? filled : Self.pieceBytes
            let part = min(left, end - given)
            try body(UnsafeRawBufferPointer(start: pieces[0] + given, count: part))
            given += part
            count -= part
            left -= part
            if given == end { dropFirst() }
        }
    }
    private mutating func dropFirst() {
        release(pieces.removeFirst())
        given = 0
        if pieces.isEmpty { filled = Self.pieceBytes }
    }
    private mutating func release(_ piece: UnsafeMutableRawPointer) {
        if spare == nil { spare = piece } else { free(piece) }
    }

    /// Forgets one piece. Returns whether more is there. Whoever gives a long queue up spreads that over many calls.
    package mutating func removePiece() -> Bool {
        guard !pieces.isEmpty else { return false }
        count -= (pieces.count == 1 ? filled : Self.pieceBytes) - given
        dropFirst()
        return !pieces.isEmpty
    }
}
