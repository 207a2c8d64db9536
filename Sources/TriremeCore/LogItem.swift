// What the core asks the log to remember besides batches (PROTOCOL §4, §8).

/// The ordinal of an appended record or item since the log was opened: 1, 2, 3 … Both the core and the log count, so
/// the number names the same thing in both; recovered records are at or below 0 and durable.
package typealias LogIndex = UInt64

/// A small fact that must be durable before it is reported (PROTOCOL §2 ◆).
package enum LogItem: Equatable, Sendable {
    /// The acceptor takes no part in a lower ballot.
    case promise(Ballot)
    /// What the acceptor knows of who may have decided in ballots below its promise (PROTOCOL §14 ◆).
    case outstanding(Outstanding)
    /// The acceptor's vote. A cut's batches lie ahead of it in the same log (PROTOCOL §4, possession ◆).
    case vote(slot: UInt64, ballot: Ballot, half: Half, entry: Entry)
    /// The acceptor votes for nothing in half 0 of a fast ballot at this slot any more (PROTOCOL §7 ◆).
    case closed(slot: UInt64, ballot: Ballot)
    /// The slots first … last are decided as this replica's last votes for them say (PROTOCOL §8).
    case decided(first: UInt64, last: UInt64)
    /// A decided entry where this replica's own vote is missing or differs.
    case decidedEntry(slot: UInt64, entry: Entry)
}
