// Replies that were made and are not given yet: their batches lie on too few members (PROTOCOL §5). The reactor's thread.

/// One client's batches that wait for copies, in the order of their execution, with their replies.
///
/// Takes memory for as many replies as wait, and the client bounds these: they are unanswered commands. Nothing is allocated by a
/// client that never waits. Cost: one copy of a batch's replies in, and one move of what is left for each time some are released.
struct HeldReplies {
    private struct Batch {
        /// Its place in the own lane; 0: nothing has to be waited for but those before it.
        var sequence: UInt64
        var count: Int
        var bytes: Int
        var isUnknown: Bool
    }
    private var batches: [Batch] = []
    private var bytes: [UInt8] = []

    var count: Int { batches.count }

    mutating func add(_ sequence: UInt64, count: Int, replies: UnsafeRawBufferPointer) {
        batches.append(Batch(sequence: sequence, count: count, bytes: replies.count, isUnknown: false))
        bytes.append(contentsOf: replies)
    }
    /// A batch whose replies nobody here has: its client hears so after those before it.
    mutating func addUnknown(count: Int) {
        batches.append(Batch(sequence: 0, count: count, bytes: 0, isUnknown: true))
    }

    /// Hands out the batches up to a sequence of the own lane: how many commands, and their replies, nil for an unknown outcome.
    /// - Returns: how many batches there were.
    mutating func release(upTo sequence: UInt64, _ body: (Int, UnsafeRawBufferPointer?) -> Void) -> Int {
        var released = 0
        var offset = 0
        bytes.withUnsafeBytes { held in
            while released < batches.count, batches[released].sequence <= sequence {
                let batch = batches[released]
                let replies = UnsafeRawBufferPointer(rebasing: held[offset..<offset + batch.bytes])
                body(batch.count, batch.isUnknown ? nil : replies)
                offset += batch.bytes
                released += 1
            }
        }
        batches.removeFirst(released)
        bytes.removeFirst(offset)
        return released
    }

    /// The client is gone.
    mutating func removeAll() {
        guard !batches.isEmpty else { return }
        batches = []
        bytes = []
    }
}
