// How many members hold a command when its reply is given: the class of one request.
import TriremeCore

/// When a command is answered: once it is executed, which its quorum's copies allow, or not before more members hold it.
///
/// A command is ordered and executed when its slot is decided, whatever its class: the class delays the reply alone (PROTOCOL
/// §5), and nobody else's. So a command whose reply is outstanding may well have been executed, and others may have seen
/// what it did.
///
/// A copy is what ``Configuration/durability`` says: on a member's disk (in its log, or under its durable snapshot), or in its
/// memory. It counts where the member's status tells of it (PROTOCOL §3.3), this replica's own included.
public enum ReplyDurability: Hashable, Sendable {
    /// The members of the deciding quorum hold it, which any decision implies.
    case quorum
    /// As many members as the smallest `Q2` has, and so many more, hold it. At most all: n − |Q2|.
    ///
    /// Costs the time until the last of them has it, and until its status has come: up to 0.3 ms more where nothing else sends
    /// one. While too few members are up the reply waits, for ever if they stay down; nothing gives up in its place. Commands of
    /// other clients go on meanwhile. `trireme status` counts what waits as `batchesAwaitingCopies`.
    case quorumPlus(Int)

    /// How many copies beyond those of a quorum.
    var more: Int {
        switch self {
        case .quorum: 0
        case .quorumPlus(let more): more
        }
    }

    /// Members that hold a batch before it is answered; 0: whoever decides is enough.
    ///
    /// - Throws: ``TriremeError/Code/unattainableDurability`` when there are not so many.
    func copies(_ quorums: Quorums) throws(TriremeError) -> Int {
        let most = quorums.members - quorums.classic
        guard (0...most).contains(more) else {
            throw TriremeError(
                .unattainableDurability,
                "a reply after \(more) copies beyond a quorum's was asked for; with \(quorums.members) members, of which the smallest "
                    + "quorum has \(quorums.classic), 0 to \(most) are possible: ask for fewer, or add members")
        }
        return more == 0 ? 0 : quorums.classic + more
    }
}
