// Where time goes: what the stages of all replicas' turns did, from the counters page; one row each.
import TriremeRuntime

package struct StageTable {
    private let counted: Counted

    /// - Parameter counted: counters by the names of the counters page, of one replica or added up over several.
    package init(_ counted: Counted) { self.counted = counted }

    /// Whether a counter is one of those that only this table shows.
    package static func isOfStages(_ name: String) -> Bool {
        name.hasSuffix("TimedNanoseconds")
            || Stage.allCases.contains { name == "\($0)Runs" || name == "\($0)Work" }
    }

    private struct Row {
        var stage: Stage
        var runs: Double
        var work: Double
        var timedShare: Double
    }

    private var rows: [Row] {
        let times = Stage.allCases.map { Double(counted["\($0)TimedNanoseconds"]) }
        let sum = max(1, times.reduce(0, +))
        return zip(Stage.allCases, times).map { stage, time in
            Row(
                stage: stage, runs: Double(counted["\(stage)Runs"]), work: Double(counted["\(stage)Work"]),
                timedShare: time / sum)
        }
    }

    private static func what(_ stage: Stage) -> String {
        switch stage {
        case .tick: "timers"
        case .receive: "datagrams in"
        case .complete: "log events"
        case .seal: "own batches"
        case .order: "slots decided"
        case .execute: "batches executed"
        case .log: "log writes"
        case .kernel: "completions"
        }
    }

    private func ratio(_ a: String, _ b: String) -> Double { Double(counted[a]) / max(1, Double(counted[b])) }
    private var turns: Double { Double(counted["turns"]) }

    /// The table, with rates over so many seconds; the first row is its head.
    package func table(seconds: Double) -> [[String]] {
        guard turns > 0, seconds > 0 else { return [] }
        var table = [["stage", "busy turns/s", "work/s", "per busy turn", "time", "work is"]]
        for row in rows {
            table.append([
                "\(row.stage)", row.stage == .tick ? "" : Format.significant(row.runs / seconds),
                row.stage == .tick ? "" : Format.significant(row.work / seconds),
                row.runs > 0 ? Format.significant(row.work / row.runs) : "",
                Format.fixed(row.timedShare * 100, 1) + " %", Self.what(row.stage),
            ])
        }
        return table
    }
    /// Sentences that belong to it.
    package func notes(seconds: Double) -> [String] {
        turns > 0 && seconds > 0 ? [rates(seconds), occupancy, copies] : []
    }

    package func lines(seconds: Double) -> [String] {
        let table = table(seconds: seconds)
        return table.isEmpty ? [] : Format.named(table) + [""] + notes(seconds: seconds)
    }

    private func rates(_ seconds: Double) -> String {
        let perSecond = { (name: String) in Format.significant(Double(counted[name]) / seconds) }
        return
            "turns \(perSecond("turns"))/s, sleeps \(perSecond("waits"))/s, system calls \(perSecond("systemCalls"))/s, "
            + "cuts proposed \(perSecond("proposalsSent"))/s, statuses \(perSecond("statusesSent"))/s"
    }

    private var occupancy: String {
        "batches per log write \(Format.significant(ratio("logBatchesWritten", "logWrites"))) "
            + "(\(Format.significant(ratio("logBytesWritten", "logWrites") / 1_024)) KiB), own batches under way "
            + "\(Format.significant(ratio("windowSum", "turns"))), records waiting for the log "
            + "\(Format.significant(ratio("logQueueSum", "turns")))"
    }

    private var copies: String {
        "rings: at most \(counted["completionsPeak"]) completions and \(counted["submissionsPeak"]) submissions at a time; "
            + "batches copied on arrival \(Format.grouped(counted["batchesCopied"]))"
    }

    package var json: JSON {
        var members = rows.map { row in
            JSON.Member(
                name: "\(row.stage)",
                value: .members([
                    "busyTurns": .number(row.runs), "work": .number(row.work),
                    "timeShare": .number(BenchResult.rounded(row.timedShare, 5)),
                ]))
        }
        members += [
            ("batchesPerLogWrite", ratio("logBatchesWritten", "logWrites")),
            ("bytesPerLogWrite", ratio("logBytesWritten", "logWrites")),
            ("ownBatchesUnderWay", ratio("windowSum", "turns")), ("logQueueRecords", ratio("logQueueSum", "turns")),
        ].map { JSON.Member(name: $0.0, value: .number(BenchResult.rounded($0.1, 3))) }
        return .object(members)
    }
}
