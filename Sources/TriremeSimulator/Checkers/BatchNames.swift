// (lane, generation, sequence) names one content for ever; a generation names one start of its owner (PROTOCOL §2, §3).
import TriremeCore

package final class BatchNames {
    private struct Name: Hashable {
        var lane: ReplicaID
        var generation: Generation
        var sequence: UInt64
    }
    private struct Content: Equatable {
        var digest: UInt64
        var hash: UInt64
        var count: UInt32
    }
    private let referee: Referee
    private var contents: [Name: Content] = [:]
    /// Per lane, the generations that have ever run, and the highest sequence sent in the last of them.
    private var generations: [Generation]
    private var sequences: [UInt64]

    package init(referee: Referee) {
        self.referee = referee
        generations = [Generation](repeating: .zero, count: Limits.members)
        sequences = [UInt64](repeating: 0, count: Limits.members)
    }

    /// Whether no start of `replica` has had this generation or a later one.
    package func isNew(_ generation: Generation, of replica: ReplicaID) -> Bool {
        generations[replica.index] < generation
    }
    /// `replica` has started and may send from now on.
    package func started(_ replica: ReplicaID, generation: Generation) {
        referee.demand(
            generations[replica.index] < generation,
            "replica \(replica) starts with generation \(generation) after \(generations[replica.index]): a generation is reused"
        )
        generations[replica.index] = generation
        sequences[replica.index] = 0
    }

    /// A batch is sent; `again` to one member only, as a repair.
    package func sent(_ batch: BatchDescriptor, _ payload: UnsafeRawBufferPointer, from: ReplicaID, again: Bool) {
        let name = Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence)
        let content = Content(digest: batch.digest, hash: hashed(payload), count: batch.count)
        if let known = contents[name] {
            referee.demand(
                known == content, "replica \(from) sends batch \(batch.name) with another content than it had before")
            return
        }
        referee.demand(
            batch.lane == from, "replica \(from) sends batch \(batch.name), which its owner never sent")
        referee.demand(batch.sequence > 0, "replica \(from) sends batch \(batch.name): no batch has sequence 0")
        let current = generations[from.index]
        referee.demand(
            batch.generation <= current, "replica \(from) sends batch \(batch.name) in a generation that it has not")
        if batch.generation == current, batch.lane == from {
            referee.demand(
                batch.sequence == sequences[from.index] + 1,
                "replica \(from) sends batch \(batch.name) after sequence \(sequences[from.index]): a gap in its lane")
            sequences[from.index] = batch.sequence
        }
        contents[name] = content
    }
    package var count: Int { contents.count }
}
