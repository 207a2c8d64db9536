// Every bound of the engine, with its unit and its reason (ARCHITECTURE, principle 7).

/// Bounds that hold in every configuration. What a configuration may choose is checked against them when it is loaded.
package enum Limits {
    /// Most members of a configuration. One lane index each; a member set is a 16-bit map.
    package static let members = 15
    /// The lane in whose frames pieces of snapshots travel: no member has it.
    package static let snapshotLane = 15
    /// Bytes of a batch's frame header and of a log record's header. They are equal, so that a received frame becomes a
    /// record in place (ARCHITECTURE, principle 6).
    package static let headerBytes = 128
    /// Unit of log writes: the alignment that O_DIRECT needs on every disk in use.
    package static let pageBytes = 4096
    /// Bytes of every datagram's common prefix.
    package static let datagramHeaderBytes = 40
    /// Most bytes of one batch on the wire, header included: fifteen pages, the largest whole number of pages that
    /// fits into one UDP datagram of 65,507 bytes.
    package static let batchBytesMaximum = 15 * pageBytes
    /// Least bytes of one batch: one page.
    package static let batchBytesMinimum = pageBytes
    /// Bytes of a control message's body that fit one datagram on any usual path, tunnels included (MTU 1,400 − 28 − 40 and
    /// some room for a seal), and hold the largest status (1,234 at fifteen members, marks aside).
    package static let controlBodyBytes = 1_280
    /// Slots that a sequencer may have proposed and not seen decided. 32 cuts cover what is under way on the wire and in
    /// two log writes; a cut covers any number of batches, so more only makes phase 1 longer.
    package static let undecidedSlots = 32
    /// Slots for which an acceptor keeps proposals and votes: ``votesAheadSlots`` above its commit index and, below it,
    /// those that are not yet noted in the log as decided (half of this at most). A power of two.
    package static let votingWindowSlots = 1_024
    /// Slots above its own commit index that an acceptor votes for: four pipelines, so that it need not wait for news of
    /// decisions; few enough that the votes of a promise fit into 255 datagrams at fifteen members.
    package static let votesAheadSlots = 128
    /// No slot is higher: sums of slots never overflow, whatever a message says.
    package static let slotMaximum: UInt64 = 1 << 62
    /// Slots above its commit index for which a replica keeps proposals of half 0: two pipelines. A power of two.
    package static let fastWindowSlots = 64
    /// Generations of one lane that a replica holds batches of: those above its last snapshot, since a start reads and executes
    /// them again; one that has gone through ``generationsBeforeSnapshot`` of them takes a new one. An owner that
    /// restarts more often meanwhile waits until older generations are decided or abandoned.
    package static let generationsPerLane = 16
    package static let generationsBeforeSnapshot = 4
    /// How deep the rules of a quorum may be nested, and of how many parts they may consist: what a person can read, and a load
    /// that takes seconds at most (each part is looked at for each of 2¹⁵ sets).
    package static let quorumRuleDepth = 8
    package static let quorumRuleParts = 4_096
    /// Most weight of one member: sums stay far from overflow.
    package static let quorumWeight = 1_000_000
}
