// The model of announced quorums, explored whole: with all its rules it holds, and without any of them it does not.
import Testing

@Suite struct AnnouncedModelTests {
    /// Three replicas of which any one decides where nobody is named: three ballots, each of which names another one.
    let model = AnnouncedModel(members: 3, classic: 1, named: [0b001, 0b010, 0b100])

    @Test(arguments: [[0b001, 0b010, 0b100], [0b001, 0b001, 0b010], [0b001, 0b011, 0b001]] as [[UInt8]])
    func everyStateHolds(_ named: [UInt8]) {
        let exploration = AnnouncedModel(members: 3, classic: 1, named: named).explore()
        #expect(exploration.holds && exploration.decisions > 100_000 && exploration.states > 500_000)
    }
    @Test func twoOfFourThatDecideHold() {
        let exploration = AnnouncedModel(members: 4, classic: 2, named: [0b0011, 0b1100]).explore()
        #expect(exploration.holds && exploration.decisions > 10_000)
    }
    @Test(arguments: [
        \AnnouncedRules.majority, \AnnouncedRules.joined, \AnnouncedRules.noted, \AnnouncedRules.named,
        \AnnouncedRules.endsAllOnly,
    ]) func noRuleMayBeLeftOut(_ rule: WritableKeyPath<AnnouncedRules, Bool> & Sendable) {
        var model = model
        model.rules[keyPath: rule] = false
        #expect(!model.explore().holds)
    }
}
