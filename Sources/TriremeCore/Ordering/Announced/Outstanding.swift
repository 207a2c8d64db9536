// Who may have decided in lower ballots, where ballots name who decides in them (PROTOCOL §14).

/// What an acceptor knows of ballots below its promise: those who may have decided in them, as far as that is not over. A plain value of
/// 28 bytes.
package struct Outstanding: Equatable, Sendable, CustomStringConvertible {
    /// All whom any of these ballots named, and a place that no member has where one of them named nobody.
    package var named = MemberSet()
    /// The highest of these ballots.
    package var top = Ballot.none
    /// Whatever was decided below this ballot is known here as decided, durably.
    package var ended = Ballot.none

    package init() {}

    /// Bytes at most, in messages and records.
    package static var byteCount: Int { 2 + 2 * Ballot.byteCount }
    package var byteCount: Int { 2 + top.byteCount + ended.byteCount }

    /// Stands for any quorum of a ballot, a fast one's too: no member has this number.
    private static let everyone = MemberSet(bits: 1 << 15)

    package var description: String {
        let named = mayBeAnyone ? "any quorum" : "\(named)"
        return "up to ballot \(top) \(top.isNone ? "nobody" : named) may have decided, below \(ended) all is known"
    }

    /// Whether one of the ballots named nobody, so that any quorum may have decided in it.
    package var mayBeAnyone: Bool { named.bits & Self.everyone.bits != 0 }

    /// A higher ballot than `ballot` was promised.
    mutating func passed(_ ballot: Ballot) {
        guard !ballot.isNone else { return }
        named.bits |= ballot.announced.isEmpty ? Self.everyone.bits : ballot.announced.bits
        top = ballot
    }

    /// Takes up another's account. What lies below ``ended`` is over, whoever remembers it.
    mutating func join(_ other: Outstanding) {
        if other.top >= ended { named.bits |= other.named.bits }
    }

    /// Whether a majority has a member in every `Q2` that may have decided ◆. Where any quorum may, a `Q1` is needed. Cost: an evaluation.
    func areMet(by set: MemberSet, _ quorums: Quorums) -> Bool {
        if quorums.isPhase1(set) { return true }
        guard set.count * 2 > quorums.members, !mayBeAnyone else { return false }
        return !quorums.isClassic(MemberSet(bits: named.bits & ~set.bits))
    }
}

extension Quorums {
    /// Whether ballots may name who decides in them: any two `Q1` meet whatever else is known of them, since each is more than half of
    /// the members ◆.
    package var mayAnnounce: Bool { phase1 * 2 > members }

    /// Whether these decide in a classic half of a ballot: where it names members, only a `Q2` among those (PROTOCOL §14 ◆).
    @inlinable package func isClassic(_ voters: MemberSet, in ballot: Ballot) -> Bool {
        isClassic(ballot.announced.isEmpty ? voters : voters.intersection(ballot.announced))
    }
}

extension WireWriter {
    package mutating func put(_ outstanding: Outstanding) {
        put(outstanding.named.bits)
        put(outstanding.top)
        put(outstanding.ended)
    }
}
extension WireReader {
    package mutating func takeOutstanding(members: Int) -> Outstanding {
        var outstanding = Outstanding()
        outstanding.named = MemberSet(bits: take())
        outstanding.top = takeBallot(members: members)
        outstanding.ended = takeBallot(members: members)
        return outstanding
    }
}
extension Outstanding {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&named)
        w.visit(&top)
        w.visit(&ended)
    }
}
