// Paths as words: told step by step, and refused where they cannot be followed.
import Testing
import TriremeCore
import TriremeExplorer

@Suite struct ReplayTests {
    private func bounds() throws -> Bounds {
        try Bounds(quorums: try quorums(2, 2, 1), candidacies: 2, crashes: 1, batches: 1)
    }
    private func replay(_ path: String) throws -> (code: Int32, lines: [String]) {
        var lines: [String] = []
        let code = try ExplorerCommand.replay(path, try bounds(), write: { lines.append($0) })
        return (code, lines)
    }
    private func refusal(_ path: String) throws -> String {
        do {
            _ = try replay(path)
            return ""
        } catch let error as ReplayError { return "\(error)" }
    }

    @Test func aPathIsTold() throws {
        let (code, lines) = try replay("candidacy@0 durable@0 0>1 durable@1 1>0 batch@0 durable@0 durable@0")
        #expect(code == 0)
        #expect(
            lines == [
                "1. replica 0 takes a ballot; logs promise 1.0; is candidate",
                "2. replica 0 has on its disk: promise 1.0; sends #0 to {1}: prepare 1.0 from slot 1",
                "3. replica 1 receives prepare 1.0 from slot 1 from 0; logs promise 1.0",
                "4. replica 1 has on its disk: promise 1.0; sends #1 to {0}: promise 1.0, decided to 0",
                "5. replica 0 receives promise 1.0, decided to 0 from 1; is sequencer",
                "6. replica 0 seals a batch; logs batch 0/g1.1:1; logs vote 1.0 slot 1 cut [g1.1:1 –] at 1016; sends #2 to {1}: "
                    + "batch 0/g1.1:1; sends #3 to {1}: propose 1.0 slot 1 cut [g1.1:1 –] at 1016",
                "7. replica 0 has on its disk: batch 0/g1.1:1",
                "8. replica 0 has on its disk: vote 1.0 slot 1 cut [g1.1:1 –] at 1016; slot 1 is decided: cut [g1.1:1 –] at 1016; "
                    + "sends #4 to {1}: status: votes in 1.0 for slots 1…1, decided to 1",
                "no violation",
            ], "\(lines.joined(separator: "\n"))")
    }

    @Test func aCrashLosesWhatIsNotDurable() throws {
        let (_, lines) = try replay("candidacy@0 crash@0 candidacy@0")
        #expect(lines[1] == "2. replica 0 crashes and starts again; is follower")
        // The first promise is lost, so that the ballot is taken a second time: nobody had heard of it.
        #expect(lines[2].hasSuffix("prepare 1.0 from slot 1"), "\(lines)")
    }

    /// When no crash can come any more, all logs are durable at once, and what waited for them leaves.
    @Test func theLastCrashMakesTheOthersDurable() throws {
        let (_, lines) = try replay("candidacy@0 crash@1")
        #expect(lines[1].hasSuffix("sends #0 to {1}: prepare 1.0 from slot 1"), "\(lines)")
    }

    @Test func whatCannotBeFollowedIsRefused() throws {
        #expect(try refusal("jump@0").hasPrefix("jump@0 is no step; there are durable, crash, "))
        #expect(try refusal("durable") == "durable is no step; steps look like durable@1, or 3>0 for a message")
        #expect(try refusal("durable@2") == "durable@2 names no replica; they are 0 to 1")
        #expect(try refusal("durable@0") == "replica 0 cannot do this now: durable@0")
        #expect(try refusal("0>1") == "0>1 names no message; 0 were sent before it")
        #expect(try refusal("batch@0 0>0") == "0>0: that message was not sent to replica 0")
        #expect(try refusal("batch@0 batch@0") == "the path has more batches than its bounds allow")
    }
}
