// How commands lie in a batch's payload, and replies in a reply buffer. Whoever fills one and whoever reads it use this.

/// Commands of one length (the batch's stride) lie one after another without headers. Others carry a header each:
///
///     +0  u32, little-endian: bytes of the command
///     +4  the command, padded with zeros to a multiple of four
///
/// so that every command starts at a multiple of four bytes of the payload, which is page-aligned. Replies are laid out the
/// same way. An empty command (or reply) is a header alone.
package enum CommandLayout {
    /// Bytes of the header before a command or reply.
    package static let headerBytes = 4

    /// Bytes that a command (or reply) of `length` bytes takes, header and padding included.
    package static func footprint(_ length: Int) -> Int { commandFootprint(length) }

    /// Writes one command with its header at `target`, which has room for its ``footprint(_:)``, and returns that.
    package static func store(
        _ command: UnsafeRawBufferPointer, at target: UnsafeMutableRawPointer
    ) -> Int {
        let footprint = footprint(command.count)
        // The last word first: the copy overwrites all of it but the padding.
        target.storeBytes(of: 0, toByteOffset: footprint - 4, as: UInt32.self)
        target.storeBytes(of: UInt32(command.count).littleEndian, as: UInt32.self)
        if let base = command.baseAddress {
            (target + headerBytes).copyMemory(from: base, byteCount: command.count)
        }
        return footprint
    }

    /// Whether `payload` holds exactly `count` commands. Cost: O(1) with a stride, else about 1 ns a command.
    ///
    /// A replica checks this once for each batch that it receives, so that no state machine sees half a command.
    package static func isWellFormed(_ payload: UnsafeRawBufferPointer, count: Int, stride: Int) -> Bool {
        guard count >= 0, stride >= 0 else { return false }
        if stride > 0 {
            let (bytes, overflow) = stride.multipliedReportingOverflow(by: count)
            return !overflow && bytes == payload.count
        }
        var offset = 0
        for _ in 0..<count {
            guard payload.count - offset >= headerBytes else { return false }
            let length = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let step = footprint(Int(length))
            guard payload.count - offset >= step else { return false }
            offset += step
        }
        return offset == payload.count
    }
}

/// ``CommandLayout/footprint(_:)`` for the public code that is inlined into services.
@inlinable func commandFootprint(_ length: Int) -> Int { (length + 7) & ~3 }
