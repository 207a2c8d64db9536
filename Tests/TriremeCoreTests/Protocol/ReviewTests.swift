// Findings of a review, each as a test that fails until it is mended.
import Testing
import TriremeCore

@Suite struct ReviewTests {
    /// What a log holds above its snapshot must fit into the entry history, or a restart has forgotten the first of the slots
    /// before it executes them, and stands still for ever. Execution alone does not bound it: the snapshot must, however
    /// long it takes.
    @Test func aRestartExecutesAllThatItHadDecided() {
        let first = Single()
        var items: [LogItem] = []
        for slot in 1...1_200 as ClosedRange<UInt64> {
            first.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: slot, count: 1).encode(into: &$0)
                    $0.put(Entry.nothing, members: 3)
                })
            items += first.turn(milliseconds: 1).items
            while first.core.nextExecution() != nil {}
        }
        items += first.turn(milliseconds: 200).items
        let executed = first.core.executor.slot
        #expect(executed == first.core.commitIndex)
        let second = Single { recover in for item in items { recover(.item(item)) } }
        while second.core.nextExecution() != nil {}
        let again = second.core.executor.slot
        let noted = second.core.commitIndex
        #expect(again == noted, "after the restart \(noted) slots are decided, and \(again) executed")
    }
}
