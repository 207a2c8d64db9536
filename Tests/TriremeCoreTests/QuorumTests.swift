// Quorum systems (PROTOCOL §2): tables against the definition, the exact check against all sets, the papers' examples.
import Testing
import TriremeCore

@Suite struct QuorumTests {
    private func refusal(_ make: () throws(QuorumError) -> Quorums) -> QuorumError? {
        do throws(QuorumError) {
            _ = try make()
            return nil
        } catch { return error }
    }
    private func set(_ members: Int...) -> MemberSet { MemberSet(members) }
    private func all(_ n: Int) -> [MemberSet] { (0..<1 << n).map { MemberSet(bits: UInt16($0)) } }

    // Flexible Paxos, Fast Flexible Paxos: N = 10 with (6, 5, 8) and (8, 3, 7), and not with |QF| = 6.
    @Test func theSizesOfThePapers() throws {
        for (q1, q2, qf) in [(6, 5, 8), (8, 3, 7)] {
            let quorums = try Quorums(members: 10, phase1: q1, classic: q2, fast: qf)
            let exact = try Quorums(
                members: 10, phase1: .atLeast(q1, of: .first(10)), classic: .atLeast(q2, of: .first(10)),
                fast: .atLeast(qf, of: .first(10)))
            #expect(quorums == exact && exact.areCounting)
        }
        let counted = refusal { () throws(QuorumError) in
            try Quorums(members: 10, phase1: 8, classic: 3, fast: 6)
        }
        let exact = refusal { () throws(QuorumError) in
            try Quorums(
                members: 10, phase1: .atLeast(8, of: .first(10)), classic: .atLeast(3, of: .first(10)),
                fast: .atLeast(6, of: .first(10)))
        }
        for error in [counted, exact] {
            let error = try #require(error)
            #expect(error.sets.map(\.count) == [8, 6, 6])
            #expect(error.sets[0].intersection(error.sets[1]).intersection(error.sets[2]).isEmpty)
            for set in error.sets { #expect(error.description.contains(set.description)) }
        }
    }

    // Flexible Paxos: twelve in four groups of three; three elect, four decide.
    @Test func twelveInFourGroupsOfThree() throws {
        let groups = try Quorums.groups(of: 3, count: 4)
        let quorums = try Quorums.groups(groups)
        #expect((quorums.phase1, quorums.classic) == (3, 4) && !quorums.areCounting)
        #expect(quorums.isPhase1(set(3, 4, 5)) && !quorums.isPhase1(set(2, 3, 4, 6, 7, 9)))
        #expect(quorums.isClassic(set(0, 4, 8, 9)) && !quorums.isClassic(set(0, 1, 2, 3, 4, 5, 6, 7, 8)))
        #expect(quorums.phase1Family.minimal == groups)
        #expect(quorums.classicFamily.minimal.count == 81)
        // Two of each decide, any two of one elect.
        let mixed = try Quorums.groups(groups, ofEach: 2)
        #expect((mixed.phase1, mixed.classic) == (2, 8))
        #expect(mixed.isPhase1(set(9, 11)) && !mixed.isPhase1(set(0, 3, 6, 9)))
        #expect(mixed.isClassic(set(0, 1, 3, 4, 6, 8, 10, 11)) && !mixed.isClassic(set(0, 1, 2, 3, 4, 5, 6, 8, 10)))
        // One of each and any two of one need not meet.
        let error = try #require(
            refusal { () throws(QuorumError) in
                try Quorums(
                    members: 12, phase1: .some(1, of: groups.map { .atLeast(2, of: $0) }),
                    classic: .some(4, of: groups.map { .atLeast(1, of: $0) }))
            })
        #expect(error.sets.count == 2 && error.sets[0].count == 2 && error.sets[1].count == 4)
        #expect(error.sets[0].intersection(error.sets[1]).isEmpty)
    }

    @Test func everyRowMeetsEveryColumn() throws {
        let grid = try Quorums.grid(rows: 3, columns: 4)
        #expect((grid.members, grid.phase1, grid.classic) == (12, 4, 3))
        #expect(grid.isPhase1(set(4, 5, 6, 7)) && !grid.isPhase1(set(0, 5, 10, 3)))
        #expect(grid.isClassic(set(1, 5, 9)) && !grid.isClassic(set(0, 1, 2, 3, 4, 5, 6, 7)))
        #expect(grid.classicFamily.minimal == (0..<4).map { column in MemberSet([column, column + 4, column + 8]) })
        let thin = refusal { () throws(QuorumError) in try .grid(rows: 1, columns: 4) }
        #expect(thin?.description.contains("the Q2 {0} makes one replica's disk the only copy") == true)
        #expect(try Quorums.grid(rows: 1, columns: 4, allowSingleCopy: true).classic == 1)
    }

    @Test func weightsAreAdded() throws {
        let weights = [3, 1, 1, 1, 0]
        let quorums = try Quorums(members: 5, phase1: .weight(3, of: weights), classic: .weight(4, of: weights))
        #expect(quorums.isPhase1(set(0)) && quorums.isPhase1(set(1, 2, 3)) && !quorums.isPhase1(set(1, 2, 4)))
        #expect(quorums.isClassic(set(0, 2)) && !quorums.isClassic(set(0, 4)) && !quorums.isClassic(set(1, 2, 3, 4)))
        let unsafe = refusal { () throws(QuorumError) in
            try Quorums(members: 5, phase1: .weight(3, of: weights), classic: .weight(3, of: weights))
        }
        #expect(
            unsafe?.description
                == "quorums: Q1 {1, 2, 3} and Q2 {0} do not meet, so two sequencers could decide differently")
    }

    /// Every pair of families over up to three members, and what the definition says of it.
    @Test func theCheckIsExactOverAllFamilies() {
        for n in 1...3 {
            let families = monotone(n)
            for q1 in families {
                for other in families {
                    let meets = all(n).allSatisfy { a in
                        all(n).allSatisfy { b in !q1.contains(a) || !other.contains(b) || !a.intersection(b).isEmpty }
                    }
                    let everyone = QuorumFamily(members: n, size: n)
                    let classic = refusal { () throws(QuorumError) in
                        try Quorums(phase1: q1, classic: other, fast: everyone, allowSingleCopy: true)
                    }
                    #expect((classic == nil) == meets)
                    let quorums = all(n).filter(other.contains)
                    let meetsTwo = all(n).filter(q1.contains).allSatisfy { a in
                        quorums.allSatisfy { b in
                            quorums.allSatisfy { c in !a.intersection(b).intersection(c).isEmpty }
                        }
                    }
                    let fast = refusal { () throws(QuorumError) in
                        try Quorums(phase1: q1, classic: everyone, fast: other, allowSingleCopy: true)
                    }
                    #expect((fast == nil) == meetsTwo)
                    for error in [classic, fast].compactMap({ $0 }) {
                        #expect(error.sets.dropFirst().reduce(error.sets[0]) { $0.intersection($1) }.isEmpty)
                        #expect(q1.contains(error.sets[0]) && error.sets.dropFirst().allSatisfy(other.contains))
                    }
                }
            }
        }
    }
    /// All monotone families in which all members together are a quorum and nobody is none.
    private func monotone(_ n: Int) -> [QuorumFamily] {
        (0..<1 << (1 << n)).compactMap { table in
            let family = QuorumFamily(members: n) { table >> Int($0.bits) & 1 != 0 }
            let isMonotone = all(n).allSatisfy { a in
                all(n).allSatisfy { b in !family.contains(a) || !a.isSubset(of: b) || family.contains(b) }
            }
            return isMonotone && family.contains(.first(n)) && !family.contains(MemberSet()) ? family : nil
        }
    }

    /// The counting form's inequalities are the exact check.
    @Test func sizesAreCheckedAsSetsWouldBe() {
        for n in 1...6 {
            for q1 in 1...n {
                for q2 in 1...n {
                    for qf in 1...n {
                        let counted = refusal { () throws(QuorumError) in
                            try Quorums(members: n, phase1: q1, classic: q2, fast: qf, allowSingleCopy: true)
                        }
                        let exact = refusal { () throws(QuorumError) in
                            try Quorums(
                                phase1: QuorumFamily(members: n, size: q1), classic: QuorumFamily(members: n, size: q2),
                                fast: QuorumFamily(members: n, size: qf), allowSingleCopy: true)
                        }
                        #expect((counted == nil) == (exact == nil), "n \(n): \(q1), \(q2), \(qf)")
                    }
                }
            }
        }
    }

    /// Tables say what the rule says, for every set.
    @Test(arguments: [4, 6, 7, 9]) func tablesEqualTheDefinition(n: Int) throws {
        let half = MemberSet(0..<n / 2)
        let rest = half.complement(n)
        let rules: [QuorumRule] = [
            .atLeast(n / 2 + 1, of: .first(n)), .weight(n, of: (0..<n).map { $0 + 1 }),
            .sets([half, MemberSet([0, n - 1]), rest]),
            .some(2, of: [.atLeast(1, of: half), .atLeast(1, of: rest)]),
            .some(2, of: [.sets([half, rest]), .atLeast(2, of: rest), .weight(2, of: (0..<n).map { $0 % 2 })]),
        ]
        for rule in rules {
            let quorums = try Quorums(members: n, phase1: nil, classic: rule, allowSingleCopy: true)
            let family = QuorumFamily(members: n, rule)
            for set in all(n) {
                #expect(quorums.isClassic(set) == rule.holds(set) && family.contains(set) == rule.holds(set))
                let meets = all(n).allSatisfy { !rule.holds($0) || !$0.intersection(set).isEmpty }
                #expect(quorums.isPhase1(set) == meets)
                #expect(quorums.isFast(set) == (set.count >= quorums.fast))
                #expect(rule.holds(set) == family.minimal.contains { $0.isSubset(of: set) })
            }
        }
    }

    @Test func fifteenAreCheckedToo() throws {
        let quorums = try Quorums.grid(rows: 3, columns: 5)
        #expect(quorums.isClassic(set(4, 9, 14)) && !quorums.isClassic(set(4, 9, 13)) && quorums.fast == 13)
        let unsafe = refusal { () throws(QuorumError) in
            try Quorums(
                members: 15, phase1: .atLeast(7, of: .first(15)),
                classic: .weight(8, of: Array(repeating: 1, count: 15)))
        }
        #expect(unsafe?.sets == [set(8, 9, 10, 11, 12, 13, 14), set(0, 1, 2, 3, 4, 5, 6, 7)])
    }

    @Test func refusalsSayWhatIsWrong() {
        let cases: [(QuorumRule, String)] = [
            (.atLeast(4, of: .first(3)), "Q2 asks for 4 members of {0, 1, 2}; it must lie in 1 ... 3"),
            (.atLeast(0, of: .first(3)), "it must lie in 1 ... 3"),
            (.atLeast(1, of: MemberSet([5])), "Q2 names {5}; the members are 0 to 2"),
            (.atLeast(1, of: MemberSet()), "of which there are none"),
            (.weight(1, of: [1, 1]), "Q2 has 2 weights for 3 members"),
            (.weight(1, of: [1, -1, 1]), "member 1 has weight -1; it must lie in 0 ... 1000000"),
            (.weight(4, of: [1, 1, 1]), "it must lie in 1 ... 3"),
            (.some(3, of: [.atLeast(2, of: .first(3))]), "asks for 3 parts; it must lie in 1 ... 1"),
            (.sets([]), "of which there are none"),
            ((0..<9).reduce(.atLeast(2, of: .first(3))) { rule, _ in .some(1, of: [rule]) }, "nested more than 8"),
        ]
        for (rule, part) in cases {
            let error = refusal { () throws(QuorumError) in try Quorums(members: 3, phase1: nil, classic: rule) }
            #expect(error?.description.contains(part) == true, "\(error?.description ?? "accepted"): \(part)")
        }
        let fast = refusal { () throws(QuorumError) in
            try Quorums(
                members: 3, phase1: .sets([set(0, 1), set(0, 2)]), classic: .sets([set(0, 1), set(0, 2)]),
                fast: .sets([set(0)]))
        }
        #expect(fast?.description.contains("the QF {0} makes one replica's disk the only copy") == true)
    }
}
