// What a quorum system does to a cluster, computed over every set of members: nothing is sampled.
import TriremeCore

package struct QuorumAnalysis {
    /// Failures that still leave a quorum: whichever they are, and with luck.
    package struct Tolerance: Equatable {
        package let worst: Int
        package let best: Int
        package init(worst: Int, best: Int) {
            self.worst = worst
            self.best = best
        }
    }

    /// Quorums of one kind.
    package struct Kind {
        package let name: String
        package let family: QuorumFamily
        package let minimal: [MemberSet]
        /// Share of the minimal quorums that each replica is in: the part of the work that it has where all are used equally.
        package let load: [Double]
        package let tolerance: Tolerance

        init(_ name: String, _ family: QuorumFamily) {
            self.name = name
            self.family = family
            let minimal = family.minimal
            self.minimal = minimal
            load = (0..<family.members).map { member in
                Double(minimal.count { $0.contains(ReplicaID(member)) }) / Double(minimal.count)
            }
            tolerance = QuorumAnalysis.tolerance(family)
        }
        var smallest: Int { minimal.reduce(family.members) { min($0, $1.count) } }
    }

    package let quorums: Quorums
    package let phase1: Kind
    package let classic: Kind
    package let fast: Kind
    /// A `Q1` and a `Q2` in one set: what a new sequencer must hear (PROTOCOL §4, election).
    package let electing: QuorumFamily
    package let electingTolerance: Tolerance

    package init(_ quorums: Quorums) {
        self.quorums = quorums
        phase1 = Kind("Q1", quorums.phase1Family)
        classic = Kind("Q2", quorums.classicFamily)
        fast = Kind("QF", quorums.fastFamily)
        electing = QuorumFamily(members: quorums.members) { quorums.isPhase1($0) && quorums.isClassic($0) }
        electingTolerance = Self.tolerance(electing)
    }

    static func tolerance(_ family: QuorumFamily) -> Tolerance {
        let n = family.members
        // The largest set that is no quorum, and one failure less than leaves it.
        var largest = -1
        for bits in 0..<1 << n where !family.contains(MemberSet(bits: UInt16(bits))) {
            largest = max(largest, bits.nonzeroBitCount)
        }
        return Tolerance(worst: n - largest - 1, best: n - family.leastSize)
    }

    // MARK: Delays

    /// One-way delays from an origin's multicast of a batch until it knows the batch decided: batch → cut → votes (PROTOCOL §4),
    /// on links of one length, with disks and processors that take no time.
    package func delays(origin: Int, sequencer: Int) -> Int {
        let n = quorums.members
        func hop(_ from: Int, _ to: Int) -> Int { from == to ? 0 : 1 }
        let proposed = hop(origin, sequencer)
        let known = (0..<n).map { voter in
            // A vote follows when both the proposal and the batch are there; its status takes one more hop.
            max(proposed + hop(sequencer, voter), hop(origin, voter)) + hop(voter, origin)
        }
        let times = Set(known).sorted()
        return times.first { time in
            quorums.isClassic(MemberSet((0..<n).filter { known[$0] <= time }))
        } ?? times.last!
    }

    /// Of every origin, for every sequencer.
    package var delays: [[Int]] {
        (0..<quorums.members).map { origin in
            (0..<quorums.members).map { delays(origin: origin, sequencer: $0) }
        }
    }

    // MARK: Availability

    /// The probability that those who live are a quorum, when each replica is down with the given probability, independently.
    package static func availability(_ family: QuorumFamily, failureRate: Double) -> Double {
        1 - unavailability(family, failureRate: failureRate)
    }

    /// Summed over the sets that are none, so that small probabilities keep their digits.
    package static func unavailability(_ family: QuorumFamily, failureRate: Double) -> Double {
        let n = family.members
        // Probability of one particular set by its size.
        let bySize = (0...n).map { up in
            (0..<n).reduce(1.0) { product, place in product * (place < up ? 1 - failureRate : failureRate) }
        }
        var sum = 0.0
        for bits in 0..<1 << n where !family.contains(MemberSet(bits: UInt16(bits))) {
            sum += bySize[bits.nonzeroBitCount]
        }
        return sum
    }
}
