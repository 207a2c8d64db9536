// Clients of one life that want more copies than a quorum's: what they are told waits, as a gateway's replies do (PROTOCOL §5).
import TriremeCore

package final class HeldAnswers {
    private struct Answer {
        var sequence: UInt64
        var members: Int
        var give: () -> Void
    }
    /// Members that an own batch wants before it is answered, by its sequence; those that want none are left out.
    private var wanted: [UInt64: Int] = [:]
    private var answers: [Answer] = []
    /// Batches whose answers had to wait for others than their quorum.
    package private(set) var held = 0

    var isImpatient = false

    /// Batches that wait at present.
    package var count: Int { answers.count }

    /// An own batch is sealed, whose clients want so many members to hold it.
    func sealed(_ sequence: UInt64, members: Int) { wanted[sequence] = members }

    /// An own batch was executed: calls `give` with the members that are to hold it, now or when they do.
    func executed(_ sequence: UInt64, _ give: @escaping (Int) -> Void) {
        guard let members = wanted.removeValue(forKey: sequence) else { return give(0) }
        guard !isImpatient else { return give(members) }
        answers.append(Answer(sequence: sequence, members: members) { give(members) })
        held += 1
    }

    /// The life is over: nobody is answered any more.
    func forget() { answers.removeAll() }

    func copied(_ reach: CopyReach) {
        answers.removeAll { answer in
            guard answer.sequence <= reach.reached(by: answer.members) else { return false }
            answer.give()
            return true
        }
    }
}
