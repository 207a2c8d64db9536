// `trireme log verify`: whether a log is whole, and what a replica would do with it.
import ArgumentParser
import TriremeBench
import TriremeStorage

struct LogVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Look at every byte that matters, and say what a start would do.",
        discussion: """
            The exit code is 0 when everything is whole (a torn end is: a start cuts it off), 1 when something is damaged, 2 when \
            the directory cannot be read. Bytes that do not matter, because nothing reads them: the padding behind a record's \
            payload, what lies before the log's start and behind its end, the snapshot file that the superblock does not name.
            """)

    @OptionGroup var target: LogTarget

    func run() throws {
        var (result, superblock, isInUse) = try look()
        // A running replica recycles segments and rewrites the superblock under our eyes: then once more.
        for _ in 0..<3 where isInUse && !result.isWhole { (result, superblock, isInUse) = try look() }
        if target.json {
            Terminal.say(json(result, superblock, isInUse).text)
        } else {
            lines(result, superblock, isInUse).forEach(Terminal.say)
        }
        if !result.isWhole { throw ExitCode(1) }
    }
    private func look() throws -> (LogVerification, Superblock, isInUse: Bool) {
        try target.look("verify") { inspection in
            let isInUse = inspection.device.isInUse
            return (try inspection.verify(isInUse: isInUse), inspection.superblock, isInUse)
        }
    }

    private func lines(_ result: LogVerification, _ superblock: Superblock, _ isInUse: Bool) -> [String] {
        var lines = LogText.heading(target.directory, superblock, isInUse: isInUse)
        let total = result.statistics.total
        lines.append(
            "\(Format.grouped(total.records)) records, \(Format.grouped(total.bytes)) bytes from stream offset "
                + "\(superblock.logStart), everything before \(result.durableMark) had been durable")
        if let snapshot = superblock.snapshot {
            lines.append(
                "snapshot of slot \(snapshot.slot), \(Format.grouped(snapshot.lengthBytes)) bytes in snapshot/\(snapshot.file)"
            )
        }
        if let end = result.end { lines.append("\(end.offset): \(LogText.end(end.end))") }
        for problem in result.problems {
            lines.append(
                "DAMAGED \(LogText.file(problem.file)), bytes \(problem.byte) to \(problem.byte + problem.bytes): \(problem.what)"
            )
        }
        switch result.verdict {
        case .starts(let start):
            lines.append(
                "at its start a replica reads \(start.takesAll ? "these " : "")\(Format.grouped(start.records)) records, goes on at "
                    + "\(start.endOffset), and takes a generation above \(start.highestGeneration)")
            lines += consequences(start)
        case .runs: lines.append("what a start would do is asked when no replica runs here")
        case .refuses(let why): lines.append("at its start a replica refuses this directory: \(why)")
        }
        lines.append(
            result.isWhole
                ? "whole" : "damaged: \(result.problems.count) \(result.problems.count == 1 ? "place" : "places")")
        return lines
    }

    /// What is missing is had from the others, as far as it can be.
    private func consequences(_ start: StartOutcome) -> [String] {
        var lines: [String] = []
        if start.damagedBatches > 0 {
            let batches = start.damagedBatches == 1 ? "1 damaged batch" : "\(start.damagedBatches) damaged batches"
            lines.append("it fetches \(batches) from the other members and appends them again")
        }
        if let snapshot = start.unreadableSnapshot {
            lines.append(
                "it fetches a snapshot from another member before it executes anything (one that is alone refuses to start), since: "
                    + snapshot)
        }
        if let loss = start.loss {
            lines.append(
                "it becomes forgetful: it observes and serves its clients, and does not count any more, since: \(loss)")
        } else if start.isForgetful {
            lines.append(
                "it is forgetful already: it observes, until it is replaced under a new identity through a configuration change"
            )
        }
        return lines
    }

    private func json(_ result: LogVerification, _ superblock: Superblock, _ isInUse: Bool) -> JSON {
        let verdict: JSON =
            switch result.verdict {
            case .starts(let start):
                .members([
                    "starts": .bool(true), "endOffset": .unsigned(start.endOffset), "records": .unsigned(start.records),
                    "generationAbove": LogText.json(start.highestGeneration),
                    "batchesToFetch": .integer(start.damagedBatches), "isForgetful": .bool(start.isForgetful),
                    "becomesForgetful": start.loss.map { .string($0) } ?? .null,
                    "snapshotToFetch": start.unreadableSnapshot.map { .string($0) } ?? .null,
                ])
            case .runs: .null
            case .refuses(let why): .members(["starts": .bool(false), "reason": .string(why)])
            }
        return .members([
            "schema": "trireme-log-verify/1", "log": LogText.json(target.directory, superblock, isInUse: isInUse),
            "isWhole": .bool(result.isWhole), "records": .unsigned(result.statistics.total.records),
            "bytes": .unsigned(result.statistics.total.bytes), "durableMark": .unsigned(result.durableMark),
            "end": result.end.map {
                .members(["offset": .unsigned($0.offset), "state": .string($0.end.rawValue)])
            } ?? .null,
            "problems": .array(
                result.problems.map {
                    .members([
                        "file": .string(LogText.file($0.file)), "byte": .unsigned($0.byte),
                        "bytes": .unsigned($0.bytes),
                        "what": .string($0.what),
                    ])
                }),
            "start": verdict,
        ])
    }
}
