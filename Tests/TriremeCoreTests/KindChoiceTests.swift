// The sequencer's choice between fast and classic rounds, fed with made-up measurements.
import Testing
import TriremeCore

@Suite struct KindChoiceTests {
    /// Lets time pass under a load whose decisions take so long in each kind; returns how long each kind was in force, in milliseconds.
    /// Each of three members has a decision to report every `interval` milliseconds, of as many batches as there are.
    func run(
        _ choice: inout KindChoice, seconds: UInt64, interval: UInt64 = 1, origins: Int = 3,
        batches: (UInt64) -> UInt64 = { _ in 1 },
        classic: (UInt64) -> UInt32,
        fast: (UInt64) -> UInt32
    ) -> (classic: UInt64, fast: UInt64, changes: Int) {
        var kind = Ballot.Kind.classic
        var times: (classic: UInt64, fast: UInt64, changes: Int) = (0, 0, 0)
        var samples: UInt32 = 0
        choice.began(now: 0)
        for step in 1...(seconds * 1_000) {
            let now = step * 1_000_000
            if step.isMultiple(of: interval) {
                samples += 1
                for lane in 0..<origins { choice.decided(lane, batches: batches(now)) }
            }
            for member in 0..<3 {
                choice.take(member, microseconds: kind == .fast ? fast(now) : classic(now), samples: samples)
            }
            if kind == .fast { times.fast += 1 } else { times.classic += 1 }
            if let next = choice.decide(kind, now: now) {
                #expect(next != kind)
                kind = next
                times.changes += 1
                choice.began(now: now)
            }
        }
        return times
    }

    @Test func theFasterKindIsFoundAndKept() {
        var choice = KindChoice()
        let times = run(&choice, seconds: 60, classic: { _ in 900 }, fast: { _ in 600 })
        #expect(times.fast > 55_000)
    }
    @Test func theSlowerKindIsTriedMoreAndMoreRarely() {
        var choice = KindChoice()
        let times = run(&choice, seconds: 60, classic: { _ in 600 }, fast: { _ in 900 })
        #expect(times.fast < 1_200 && times.fast > 0)
        #expect(times.changes < 20)
    }
    @Test func likeKindsDoNotTakeTurns() {
        var choice = KindChoice()
        let times = run(&choice, seconds: 60, classic: { _ in 600 }, fast: { _ in 580 })
        #expect(times.fast < 1_200)
    }
    @Test func aChangedLoadIsFoundOut() {
        var choice = KindChoice()
        // Fast rounds pay until the load grows and they collide.
        let times = run(
            &choice, seconds: 60, classic: { _ in 900 }, fast: { $0 < 20_000_000_000 ? 500 : 4_000 })
        #expect(times.fast > 15_000 && times.fast < 25_000)
    }
    /// Ten and one command a second from each: a trial lasts until it has measured.
    @Test(arguments: [100, 1_000]) func aLowLoadIsEnough(_ interval: UInt64) {
        var choice = KindChoice()
        let times = run(&choice, seconds: 60, interval: interval, classic: { _ in 15_000 }, fast: { _ in 10_000 })
        #expect(times.fast > 45_000)
        // What loses is tried in a tenth of the time at most.
        choice = KindChoice()
        let kept = run(&choice, seconds: 600, interval: interval, classic: { _ in 10_000 }, fast: { _ in 15_000 })
        #expect(kept.fast > 0 && kept.fast <= 60_000 && kept.changes < 40)
    }
    /// With more than two batches of each origin under way all the time, all slots of a fast round collide: that is not tried, since a
    /// trial has two changes of round. Once there are fewer, it is.
    @Test func aCrowdIsNotTried() {
        var choice = KindChoice()
        let crowded = run(&choice, seconds: 60, batches: { _ in 3 }, classic: { _ in 1_000 }, fast: { _ in 4_000 })
        #expect(crowded.fast == 0)
        choice = KindChoice()
        let thinning = run(
            &choice, seconds: 60, batches: { $0 < 30_000_000_000 ? 3 : 1 }, classic: { _ in 1_000 }, fast: { _ in 700 })
        #expect(thinning.fast > 25_000 && thinning.fast <= 30_000)
        // And out of a crowded fast round there is a way.
        choice = KindChoice()
        let growing = run(
            &choice, seconds: 60, batches: { $0 < 20_000_000_000 ? 1 : 30 },
            classic: { $0 < 20_000_000_000 ? 900 : 4_000 },
            fast: { $0 < 20_000_000_000 ? 500 : 9_000 })
        #expect(growing.fast > 15_000 && growing.fast < 25_000)
    }
    /// One origin proposes its slots one after the other: nothing collides, however many are under way.
    @Test func oneOriginIsNoCrowd() {
        var choice = KindChoice()
        let alone = run(
            &choice, seconds: 60, origins: 1, batches: { _ in 50 }, classic: { _ in 1_000 }, fast: { _ in 700 })
        #expect(alone.fast > 50_000)
        // Two do, though the members without clients are many.
        choice = KindChoice()
        let two = run(
            &choice, seconds: 60, origins: 2, batches: { _ in 5 }, classic: { _ in 1_000 }, fast: { _ in 4_000 })
        #expect(two.fast == 0)
    }
    @Test func withoutMeasurementsNothingChanges() {
        var choice = KindChoice()
        choice.began(now: 0)
        for second in 1...100 {
            #expect(choice.decide(.classic, now: UInt64(second) * 1_000_000_000) == nil)
        }
    }
}
