// The cross-check of ``History``: trusts no slot and no number, and looks for an order of its own (Wing and Gong's search, with
// Lowe's memory of what was tried). Registers are independent, so each is searched alone.
import TriremeCore

package enum LinearizabilitySearch {
    /// One client's call on one register.
    package struct Call: Equatable, Sendable {
        package var operation: Registers.Operation
        package var submitted: UInt64
        /// When it was answered and with what; `nil` where its outcome is unknown.
        package var answer: (time: UInt64, output: UInt64)?
        package init(_ operation: Registers.Operation, submitted: UInt64, answer: (time: UInt64, output: UInt64)?) {
            self.operation = operation
            self.submitted = submitted
            self.answer = answer
        }
        package static func == (a: Self, b: Self) -> Bool {
            a.operation == b.operation && a.submitted == b.submitted && a.answer?.time == b.answer?.time
                && a.answer?.output == b.answer?.output
        }
    }
    package enum Verdict: Equatable, Sendable { case linearizable, not, undecided }

    private struct State: Hashable {
        var done: UInt64
        var value: UInt64
    }

    /// Whether some order explains all answers: at most 64 calls, and at most `steps` places tried.
    package static func search(_ calls: [Call], steps: Int = 2_000) -> Verdict {
        guard calls.count <= 64 else { return .undecided }
        let mustHappen = calls.enumerated().reduce(UInt64(0)) {
            $1.element.answer == nil ? $0 : $0 | 1 << UInt64($1.offset)
        }
        var seen: Set<State> = []
        var stack = [State(done: 0, value: 0)]
        while let state = stack.popLast() {
            if state.done & mustHappen == mustHappen { return .linearizable }
            guard seen.insert(state).inserted else { continue }
            if seen.count > steps { return .undecided }
            // Whatever comes next was submitted before the first answer among those that are left.
            var firstAnswer = UInt64.max
            for (i, call) in calls.enumerated() where state.done >> UInt64(i) & 1 == 0 {
                if let answer = call.answer { firstAnswer = min(firstAnswer, answer.time) }
            }
            // The stack gives back the last one first: that shall be the one that was submitted first.
            for (i, call) in calls.enumerated().reversed()
            where state.done >> UInt64(i) & 1 == 0 && call.submitted <= firstAnswer {
                let (value, output) = Registers.apply(call.operation, to: state.value)
                if let answer = call.answer, answer.output != output { continue }
                stack.append(State(done: state.done | 1 << UInt64(i), value: value))
            }
        }
        return .not
    }

    /// Searches every register of a run that has few calls. Returns how many were decided.
    static func check(_ book: CommandBook, referee: Referee) -> Int {
        guard book.commands.count <= 64 * Registers.count else { return 0 }
        var calls = [[Call]](repeating: [], count: Registers.count)
        var answers = [(time: UInt64, output: UInt64)?](repeating: nil, count: book.commands.count)
        for reply in book.replies { answers[reply.command] = (reply.time, reply.output) }
        for (id, command) in book.commands.enumerated() {
            let (register, operation) = Registers.meaning(of: UInt64(id))
            calls[register].append(Call(operation, submitted: command.submittedAt, answer: answers[id]))
        }
        var decided = 0
        for (register, calls) in calls.enumerated() where !calls.isEmpty {
            let verdict = search(calls)
            if verdict != .undecided { decided += 1 }
            referee.demand(
                verdict != .not,
                "no order of the \(calls.count) calls on register \(register) explains what clients were told")
        }
        return decided
    }
}
