// `trireme log inspect`: superblock, files, and one line for each record.
import ArgumentParser
import TriremeBench
import TriremeCore
import TriremeStorage

struct LogInspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show the superblock, the snapshots, the segments and the records.",
        discussion: """
            A line for each record: its offset in the stream, its kind, the generation that wrote it, what it holds. --from \
            goes there without reading what is before. With --json each line is an object: the first says whose log it is, then \
            come the superblock's copies, the files, the records and the end.

            Examples:
              trireme log inspect /var/lib/trireme --limit 20
              trireme log inspect /var/lib/trireme --from 52428800 --kind vote
              trireme log inspect /var/lib/trireme --kind batch --lane 2 --limit 0 --json
            """)

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case batch, items, empty, filler, promise, vote, decided
    }

    @OptionGroup var target: LogTarget
    @Option(help: ArgumentHelp("Stream offset at which to begin.", valueName: "offset"))
    var from: UInt64 = 0
    @Option(help: ArgumentHelp("Stream offset before which to end.", valueName: "offset"))
    var to: UInt64 = .max
    @Option(
        help: ArgumentHelp(
            "Only batch, items, empty, filler; or items records with a promise, a vote, a note: decided."))
    var kind: Kind?
    @Option(help: ArgumentHelp("Only batches of this lane.", valueName: "replica"))
    var lane: Int?
    @Option(help: ArgumentHelp("Records to show at most; 0 for all.", valueName: "n"))
    var limit = 100

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit is \(limit); 0 or more is needed") }
        if let lane, !(0..<Limits.members).contains(lane) {
            throw ValidationError("--lane is \(lane); lanes are 0 to \(Limits.members - 1)")
        }
    }

    func run() throws {
        try target.look("inspect") { inspection in
            heading(inspection)
            files(inspection)
            try records(&inspection)
        }
    }

    private func heading(_ inspection: borrowing LogInspection<ReadOnlyDirectory>) {
        let isInUse = inspection.device.isInUse
        if target.json {
            Terminal.say(LogText.json(target.directory, inspection.superblock, isInUse: isInUse).line)
            for (i, copy) in inspection.copies.enumerated() {
                Terminal.say(JSON.members(["superblockCopy": .integer(i), "content": LogText.json(copy)]).line)
            }
            return
        }
        for line in LogText.heading(target.directory, inspection.superblock, isInUse: isInUse) { Terminal.say(line) }
        for (i, copy) in inspection.copies.enumerated() {
            Terminal.say("superblock copy \(i): \(LogText.copy(copy))")
        }
    }

    private func files(_ inspection: borrowing LogInspection<ReadOnlyDirectory>) {
        let superblock = inspection.superblock
        for i in 0...1 {
            let isNamed = superblock.snapshot?.file == i
            let bytes = inspection.device.size(of: .snapshot(i))
            if target.json {
                Terminal.say(
                    JSON.members([
                        "snapshotFile": .integer(i), "bytes": .unsigned(bytes), "isNamed": .bool(isNamed),
                    ]).line)
            } else {
                Terminal.say(
                    "snapshot/\(i): \(Format.grouped(bytes)) bytes, \(isNamed ? "the one that the superblock names" : "not named")"
                )
            }
        }
        // The files in the order of the stream.
        let geometry = superblock.geometry
        let first = geometry.segment(superblock.logStart)
        for number in first..<first + UInt64(geometry.segments) {
            let from = number * UInt64(geometry.segmentBytes)
            let file = LogText.file(.segment(geometry.file(from)))
            if target.json {
                Terminal.say(
                    JSON.members([
                        "segmentFile": .string(file), "streamSegment": .unsigned(number), "from": .unsigned(from),
                        "to": .unsigned(from + UInt64(geometry.segmentBytes)),
                    ]).line)
            } else {
                Terminal.say(
                    "\(file): stream segment \(number), offsets \(from) to \(from + UInt64(geometry.segmentBytes))")
            }
        }
    }

    private func isWanted(_ record: InspectedRecord) -> Bool {
        if let lane, record.header.kind != .batch || record.header.content.lane.index != lane { return false }
        switch kind {
        case nil: return true
        case .batch: return record.header.kind == .batch
        case .items: return record.header.kind == .items
        case .empty: return record.header.kind == .empty
        case .filler: return record.header.kind == .filler
        case .promise, .vote, .decided:
            return (record.items ?? []).contains { item in
                switch item {
                // What an acceptor knows of lower ballots goes with its promise.
                case .promise, .outstanding: kind == .promise
                // A vow not to vote counts among the votes.
                case .vote, .closed: kind == .vote
                case .decided, .decidedEntry: kind == .decided
                }
            }
        }
    }

    private func records(_ inspection: inout LogInspection<ReadOnlyDirectory>) throws {
        var shown = 0
        var next: UInt64?
        let end = try inspection.walk(from: from) { (finding) throws(StorageError) in
            switch finding {
            case .gap(let first, let last):
                guard first < to else { return false }
                say(first, last)
            case .record(let record):
                guard record.header.offset < to else { return false }
                guard isWanted(record) else { return true }
                guard limit == 0 || shown < limit else {
                    next = record.header.offset
                    return false
                }
                shown += 1
                say(record)
            }
            return true
        }
        if let next {
            if !target.json { Terminal.say("more: --from \(next) goes on there, --limit 0 shows all") }
        } else if let end {
            if target.json {
                Terminal.say(
                    JSON.members([
                        "end": .unsigned(end.offset), "state": .string(end.end.rawValue),
                        "durableMark": .unsigned(end.durableMark),
                    ]).line)
            } else {
                Terminal.say("\(Format.padded("\(end.offset)", 14))  \(LogText.end(end.end))")
            }
        } else if shown == 0, !target.json {
            Terminal.say("no such record")
        }
    }
    private func say(_ record: InspectedRecord) {
        if target.json { return Terminal.say(LogText.json(record).line) }
        let kind = LogText.kind(record.header.kind)
        let name = kind + String(repeating: " ", count: 6 - kind.count)
        Terminal.say(
            "\(Format.padded("\(record.header.offset)", 14))  \(name)  \(record.header.writer)  \(LogText.content(record))"
        )
    }
    private func say(_ from: UInt64, _ to: UInt64) {
        if target.json {
            return Terminal.say(JSON.members(["gapFrom": .unsigned(from), "gapTo": .unsigned(to)]).line)
        }
        Terminal.say("\(Format.padded("\(from)", 14))  DAMAGED to \(to): no record that continues the log")
    }
}
