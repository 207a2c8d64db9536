// `trireme log stat`: how much of what is in a log.
import ArgumentParser
import TriremeBench
import TriremeCore
import TriremeStorage

struct LogStat: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Count what is in a log: by kind, by lane, by generation; what is free, what could be recycled.")

    @OptionGroup var target: LogTarget

    func run() throws {
        let (report, isInUse) = try target.look("stat") { inspection in
            (try Self.report(&inspection), inspection.device.isInUse)
        }
        if target.json {
            Terminal.say(report.json(target.directory, isInUse).text)
        } else {
            report.lines(target.directory, isInUse).forEach(Terminal.say)
        }
    }
    private static func report(_ inspection: inout LogInspection<ReadOnlyDirectory>) throws -> Report {
        let superblock = inspection.superblock
        var statistics = LogStatistics(superblock)
        var damaged: UInt64 = 0
        let end = try inspection.walk { (finding) throws(StorageError) in
            switch finding {
            case .record(let record): statistics.add(record)
            case .gap(let from, let to): damaged += to - from
            }
            return true
        }
        return Report(superblock, statistics, end: end?.offset ?? superblock.logStart, damagedBytes: damaged)
    }

    /// The figures that follow from the counts.
    struct Report {
        let superblock: Superblock
        let statistics: LogStatistics
        let end: UInt64
        let damagedBytes: UInt64
        /// Of all segments.
        var usedBytes: UInt64 { end - superblock.geometry.segmentStart(superblock.logStart) }
        var freeBytes: UInt64 { superblock.geometry.totalBytes - min(superblock.geometry.totalBytes, usedBytes) }
        /// Whole segments that hold nothing but what the named snapshot covers, from the log's start on.
        var recyclableSegments: UInt64 {
            guard superblock.snapshot != nil else { return 0 }
            let boundary = statistics.firstUncovered ?? end
            return superblock.geometry.segment(boundary) - superblock.geometry.segment(superblock.logStart)
        }
        init(_ superblock: Superblock, _ statistics: LogStatistics, end: UInt64, damagedBytes: UInt64) {
            self.superblock = superblock
            self.statistics = statistics
            self.end = end
            self.damagedBytes = damagedBytes
        }

        private static let kinds: [RecordKind] = [.batch, .items, .empty, .filler]
        private func row(_ name: String, _ count: LogStatistics.Count) -> [String] {
            let padding = count.bytes == 0 ? 0 : Double(count.paddingBytes) / Double(count.bytes) * 100
            return [
                name, Format.grouped(count.records), Format.grouped(count.content), Format.grouped(count.bytes),
                Format.grouped(count.payloadBytes), Format.fixed(padding, 1) + " %", "",
            ]
        }

        func lines(_ path: String, _ isInUse: Bool) -> [String] {
            var lines = LogText.heading(path, superblock, isInUse: isInUse)
            lines += Format.named(
                [["", "records", "commands, items", "bytes", "payload", "padding", ""]]
                    + Self.kinds.compactMap { kind in statistics.kinds[kind].map { row(LogText.kind(kind), $0) } }
                    + statistics.lanes.sorted { ($0.lane, $0.generation) < ($1.lane, $1.generation) }.map {
                        row("lane \($0.lane) \($0.generation):\($0.first)…\($0.last)", $0.count)
                    } + [row("all", statistics.total)])
            let items = LogStatistics.ItemKind.allCases.compactMap { kind in
                statistics.items[kind].map { "\(kind.rawValue) \(Format.grouped($0))" }
            }
            if !items.isEmpty { lines.append("items: " + items.joined(separator: ", ")) }
            if let slots = statistics.slots { lines.append("slots \(slots.lowerBound) to \(slots.upperBound)") }
            if !statistics.highestPromise.isNone { lines.append("highest promise \(statistics.highestPromise)") }
            for writer in statistics.writers {
                lines.append(
                    "written by \(writer.generation): \(Format.grouped(writer.records)) records, offsets \(writer.first) to "
                        + "\(writer.last)")
            }
            for one in statistics.largest {
                lines.append("largest: \(Format.grouped(one.bytes)) bytes, \(LogText.kind(one.kind)) at \(one.offset)")
            }
            lines.append(
                "offsets \(superblock.logStart) to \(end): \(LogText.mebibytes(usedBytes)) of "
                    + "\(LogText.mebibytes(superblock.geometry.totalBytes)) used, \(LogText.mebibytes(freeBytes)) free")
            if let snapshot = superblock.snapshot {
                lines.append(
                    "the snapshot of slot \(snapshot.slot) covers \(recyclableSegments) whole segments "
                        + "(\(LogText.mebibytes(recyclableSegments * UInt64(superblock.geometry.segmentBytes)))) from the start on; the "
                        + "log is kept back to the snapshot before it while there is room")
            } else {
                lines.append("no snapshot yet: nothing can be recycled")
            }
            let damaged = statistics.damagedRecords
            if damaged > 0 || damagedBytes > 0 {
                lines.append(
                    "DAMAGED: \(damaged) payloads and \(Format.grouped(damagedBytes)) bytes without records; trireme log verify says where"
                )
            }
            return lines
        }

        private func json(_ count: LogStatistics.Count) -> JSON {
            .members([
                "records": .unsigned(count.records), "bytes": .unsigned(count.bytes),
                "payloadBytes": .unsigned(count.payloadBytes), "paddingBytes": .unsigned(count.paddingBytes),
                "content": .unsigned(count.content),
            ])
        }
        func json(_ path: String, _ isInUse: Bool) -> JSON {
            .members([
                "schema": "trireme-log-stat/1", "log": LogText.json(path, superblock, isInUse: isInUse),
                "kinds": .object(
                    Self.kinds.compactMap { kind in
                        statistics.kinds[kind].map { .init(name: LogText.kind(kind), value: json($0)) }
                    }),
                "items": .object(
                    LogStatistics.ItemKind.allCases.compactMap { kind in
                        statistics.items[kind].map { .init(name: kind.rawValue, value: .unsigned($0)) }
                    }),
                "lanes": .array(
                    statistics.lanes.sorted { ($0.lane, $0.generation) < ($1.lane, $1.generation) }.map {
                        .members([
                            "lane": .integer($0.lane.index), "generation": LogText.json($0.generation),
                            "first": .unsigned($0.first), "last": .unsigned($0.last), "count": json($0.count),
                        ])
                    }),
                "writers": .array(
                    statistics.writers.map {
                        .members([
                            "generation": LogText.json($0.generation), "records": .unsigned($0.records),
                            "first": .unsigned($0.first), "last": .unsigned($0.last),
                        ])
                    }),
                "largest": .array(
                    statistics.largest.map {
                        .members([
                            "offset": .unsigned($0.offset), "kind": .string(LogText.kind($0.kind)),
                            "bytes": .integer($0.bytes),
                        ])
                    }),
                "all": json(statistics.total), "start": .unsigned(superblock.logStart), "end": .unsigned(end),
                "usedBytes": .unsigned(usedBytes), "freeBytes": .unsigned(freeBytes),
                "recyclableSegments": .unsigned(recyclableSegments),
                "damagedPayloads": .unsigned(statistics.damagedRecords), "damagedBytes": .unsigned(damagedBytes),
            ])
        }
    }
}
