// The searches through what may go wrong in small clusters, in a smaller form than `trireme simulate` has them.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct SearchTests {
    // MARK: crash points

    @Test func patternsAreEverySubsetAndEveryTornPrefix() {
        #expect(CrashPattern.all(writes: 0).count == 1)
        #expect(CrashPattern.all(writes: 3).count == 8 + 3 * CrashPattern.Tear.allCases.count)
        // More than four in flight: prefixes alone.
        #expect(CrashPattern.all(writes: 6).count == 7 + 6 * CrashPattern.Tear.allCases.count)
    }
    @Test(arguments: [(1, 12), (3, 200)]) func nothingIsLostAtAnyCrashPoint(members: Int, every: Int) {
        let counts = CrashPoints.run(members: members, every: every, jobs: 2)
        #expect(counts.violations == [])
        #expect(counts.boundaries.allSatisfy { $0 > 80 })
        #expect(counts.mostInFlight >= 2)
        #expect(counts.torn > 20)
        #expect(counts.whileStarting > 5)
        #expect(counts.runsTwice > 1)
        if members > 1 { #expect(counts.ofAll > 100) }
    }

    // MARK: link sets

    @Test func verdictsOnLinkSets() throws {
        let quorums = try Quorums.standard(members: 3)
        let all = LinkSets.sets(members: 3, samples: 0)
        #expect(all.count == 64)
        #expect(Set(all.map(\.description)).count == 64)
        #expect(LinkSet(members: 3, number: 0).verdict(quorums) == .cannot)
        #expect(LinkSet(members: 3, number: 63).verdict(quorums) == .must(MemberSet.first(3)))
        // A ring one way: each hears one other, nobody is answered.
        let ring = LinkSet(members: 3) { ($0 + 1) % 3 == $1 }
        #expect(ring.verdict(quorums) == .may)
        let pair = LinkSet(members: 3) { $0 != 2 && $1 != 2 }
        #expect(pair.verdict(quorums) == .must(MemberSet.first(2)))
        // Two rows of two: each hears one other of its row, as many as a column has, and nobody hears a column.
        let grid = try Quorums.grid(rows: 2, columns: 2)
        let rows = LinkSet(members: 4) { $0 / 2 == $1 / 2 }
        #expect(rows.verdict(grid) == .cannot)
        #expect(rows.verdict(try Quorums(members: 4, phase1: 3, classic: 2, fast: 3)) == .may)
    }
    @Test func allLinkSetsOfThree() {
        let counts = LinkSets.run(members: 3, seeds: 1, jobs: 2)
        #expect(counts.violations == [])
        #expect(counts.sets == 64)
        #expect(counts.must == 37)
        #expect(counts.cannot == 1)
    }
    @Test(arguments: [5, 7]) func someLinkSetsOfMore(members: Int) {
        let counts = LinkSets.run(members: members, samples: 8, seeds: 1, jobs: 2)
        #expect(counts.violations == [])
        #expect(counts.must >= 4)
    }

    // MARK: corpus and coverage

    @Test func aCorpusIsReadAndWhatIsMalformedIsNamed() throws {
        let corpus = try Corpus("# words\n\nwide 7  why it is kept\nstandard 9 x\n")
        #expect(
            corpus.entries == [
                .init(mix: .wide, seed: 7, why: "why it is kept"), .init(mix: .standard, seed: 9, why: "x"),
            ])
        #expect(try Corpus(corpus.entries[0].line).entries == [corpus.entries[0]])
        #expect(throws: Corpus.Malformed.self) { try Corpus("broad 7 why") }
        #expect(throws: Corpus.Malformed.self) { try Corpus("wide 7") }
    }
    @Test func whatNeverHappenedIsNamed() {
        var situations = Situations()
        #expect(situations.missing(of: .wide).contains("elections"))
        #expect(situations.missing(of: .wide).contains("fault memoryFlip"))
        #expect(!situations.missing(of: .standard).contains("fault memoryFlip"))
        for (_, count) in Situations.wanted { situations[keyPath: count] = 1 }
        for i in situations.faults.indices { situations.faults[i] = 1 }
        #expect(situations.missing(of: .wide) == [])
        #expect(situations.lines.joined(separator: " ").contains("elections 1"))
    }
}
