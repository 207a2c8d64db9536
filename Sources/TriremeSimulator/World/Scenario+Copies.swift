// Clients that want more copies than a quorum's (PROTOCOL §5).
import TriremeCore

extension Scenario {
    /// In every run of a cluster that has members beside its smallest `Q2`, half of the batches want from one more copy to all.
    mutating func drawCopies() {
        guard quorums.classic < members else { return }
        workload.copies = quorums.classic + 1...members
    }
}
