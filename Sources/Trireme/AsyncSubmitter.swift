// The convenient way to a replica: one lock, one continuation a command. Not the data path of a busy service.
import Synchronization
import TriremeRuntime

/// Shares one client among any number of tasks.
///
/// `state` is touched only under `lock`.
final class AsyncSubmitter: @unchecked Sendable {
    typealias Answer = CheckedContinuation<Result<[UInt8], TriremeError>, Never>
    private final class Held {
        var client: Client
        init(_ client: consuming Client) { self.client = client }
    }
    private struct State {
        var held: Held?
        var nextTag: UInt64 = 0
        /// Answers by tag, for commands that are under way.
        var waiting: [UInt64: Answer] = [:]
        /// Commands for which there was no room, in order.
        var queued: [(command: [UInt8], answer: Answer)] = []
        var isStopped = false
    }
    private let lock = Mutex(())
    private var state = State()

    /// The client can only be made once this object can be told of its replies.
    func attach(_ client: consuming Client) {
        let held = Held(client)
        lock.withLock { _ in state.held = held }
    }

    func submit(_ command: [UInt8], whenFull: WhenFull) async throws(TriremeError) -> [UInt8] {
        let result = await withCheckedContinuation { (answer: Answer) in
            let refusal = lock.withLock { _ -> TriremeError? in
                if state.isStopped {
                    return TriremeError(.stopped, "the replica has ended: commands go to another one")
                }
                if state.queued.isEmpty || whenFull == .fail {
                    do throws(TriremeError) {
                        try start(command, answer)
                        return nil
                    } catch {
                        guard error.code == .overloaded, whenFull == .wait else { return error }
                    }
                }
                state.queued.append((command, answer))
                return nil
            }
            if let refusal { answer.resume(returning: .failure(refusal)) }
        }
        return try result.get()
    }

    /// Under the lock.
    private func start(_ command: [UInt8], _ answer: Answer) throws(TriremeError) {
        let tag = state.nextTag
        guard let held = state.held else {
            throw TriremeError(.stopped, "the replica has ended: commands go to another one")
        }
        let outcome = command.withUnsafeBytes { bytes -> Result<Void, TriremeError> in
            do throws(TriremeError) {
                return .success(try held.client.submit(bytes, tag: tag))
            } catch {
                return .failure(error)
            }
        }
        try outcome.get()
        state.nextTag += 1
        state.waiting[tag] = answer
    }

    /// Replies have arrived, or the replica has ended. On the reactor's thread.
    func replied() {
        var done: [(Answer, Result<[UInt8], TriremeError>)] = []
        lock.withLock { _ in
            guard let held = state.held else { return }
            var replies: [(UInt64, [UInt8])] = []
            var lost: [UInt64] = []
            held.client.poll(unknown: { lost.append($0) }) { tag, reply in replies.append((tag, Array(reply))) }
            for (tag, reply) in replies {
                if let answer = state.waiting.removeValue(forKey: tag) { done.append((answer, .success(reply))) }
            }
            for tag in lost {
                let unknown = TriremeError(
                    .outcomeUnknown,
                    "the replica fell behind and took over another one's state: the command may have been executed or not"
                )
                if let answer = state.waiting.removeValue(forKey: tag) { done.append((answer, .failure(unknown))) }
            }
            if held.client.isStopped {
                state.isStopped = true
                let unknown = TriremeError(
                    .outcomeUnknown, "the replica ended before it answered: the command may have been executed or not")
                for answer in state.waiting.values { done.append((answer, .failure(unknown))) }
                let stopped = TriremeError(.stopped, "the replica has ended: commands go to another one")
                for (_, answer) in state.queued { done.append((answer, .failure(stopped))) }
                state.waiting.removeAll()
                state.queued.removeAll()
                return
            }
            while let (command, answer) = state.queued.first {
                do throws(TriremeError) {
                    try start(command, answer)
                    state.queued.removeFirst()
                } catch {
                    if error.code == .overloaded { break }
                    done.append((answer, .failure(error)))
                    state.queued.removeFirst()
                }
            }
        }
        for (answer, result) in done { answer.resume(returning: result) }
    }
}

/// What a submission does when the replica has no room.
public enum WhenFull: Sendable {
    /// It waits for room.
    case wait
    /// It throws ``TriremeError/Code/overloaded`` at once.
    case fail
}
