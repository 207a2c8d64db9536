// `trireme status`: what a running replica counts, read from the page that it keeps in its directory.
import ArgumentParser
import CTrireme
import Glibc
import TriremeBench
import TriremeRuntime

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the counters of a replica, or of all replicas of a local cluster.",
        discussion: """
            DIR is a replica's directory (serve --data), or that of a local cluster (cluster --data). The values are those of \
            the last hundredth of a second, or those that a replica which ended has left. Below them, for each replica that \
            runs, what the stages of its turns did since it started; --json has these counts among the others.
            """)

    @Argument(help: ArgumentHelp("A replica's or a cluster's directory.", valueName: "dir"))
    var directory: String
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        do {
            let pages = try Self.pages(in: directory)
            if json {
                let all = pages.map(Self.json)
                Terminal.say((all.count == 1 && pages[0].name == nil ? all[0] : .array(all)).text)
            } else {
                for line in Self.lines(pages) { Terminal.say(line) }
                for line in Self.warnings(pages) { Terminal.say(line) }
                for line in Self.stageLines(pages, now: trm_realtime_nanoseconds()) { Terminal.say(line) }
            }
        } catch {
            throw fail("status", error)
        }
    }

    struct Page {
        /// The replica's directory within a cluster's; `nil` when it was named itself.
        var name: String?
        var reader: CountersReader
        var entries: [(name: String, value: UInt64)]

        init(name: String?, path: String) throws(CountersPageError) {
            self.name = name
            reader = try CountersReader(path: path + "/counters")
            entries = reader.entries
        }
    }

    static func pages(in directory: String) throws -> [Page] {
        if access(directory + "/counters", F_OK) == 0 || access(directory + "/cluster.json", F_OK) != 0 {
            return [try Page(name: nil, path: directory)]
        }
        return try (0..<15).filter { access("\(directory)/\($0)/counters", F_OK) == 0 }
            .map { try Page(name: "\($0)", path: "\(directory)/\($0)") }
    }

    private static func text(_ name: String, _ value: UInt64) -> String {
        name == "stateHash" ? Format.hex(value) : Format.grouped(value)
    }

    static func lines(_ pages: [Page]) -> [String] {
        guard let first = pages.first else { return ["no replica has run here yet"] }
        var rows = [["replica"] + pages.map { $0.name ?? "" }]
        rows.append(["process"] + pages.map { $0.reader.isLive ? "\($0.reader.processID)" : "ended" })
        for (place, entry) in first.entries.enumerated() where !StageTable.isOfStages(entry.name) {
            rows.append(
                [entry.name] + pages.map { place < $0.entries.count ? text(entry.name, $0.entries[place].value) : "" })
        }
        if first.name == nil { rows.removeFirst() }
        let width = rows.map { $0[0].count }.max() ?? 0
        let names = rows.map { $0[0] + String(repeating: " ", count: width - $0[0].count) }
        return zip(names, Format.table(rows.map { Array($0.dropFirst()) })).map { $0 + "  " + $1 }
    }

    /// What an operator has to act upon, one sentence each.
    static func warnings(_ pages: [Page]) -> [String] {
        pages.flatMap { page -> [String] in
            let name = page.name.map { "replica \($0)" } ?? "this replica"
            func value(_ counter: String) -> UInt64 { page.entries.first { $0.name == counter }?.value ?? 0 }
            var lines: [String] = []
            if value("isForgetful") != 0 {
                lines.append(
                    "\(name) is forgetful: it may have lost a promise or a vote, so it follows, serves its clients and does not "
                        + "count; replace it under a new identity through a configuration change")
            }
            let damaged = value("damagedBatches")
            if damaged > 0 {
                lines.append(
                    "\(name) found \(Format.grouped(damaged)) damaged batches in its log, and has \(Format.grouped(value("mendedBatches"))) of "
                        + "them whole again from others: its disk loses data")
            }
            return lines
        }
    }

    /// A table for each replica that runs, with rates over all of its life.
    static func stageLines(_ pages: [Page], now: UInt64) -> [String] {
        pages.filter { $0.reader.isLive && now > $0.reader.startNanoseconds }.flatMap { page -> [String] in
            let seconds = Double(now - page.reader.startNanoseconds) / 1e9
            let table = StageTable(Counted(page.entries)).lines(seconds: seconds)
            guard !table.isEmpty else { return [] }
            let name = page.name.map { "replica \($0), " } ?? ""
            return ["", "\(name)\(Format.significant(seconds)) s:"] + table
        }
    }

    static func json(_ page: Page) -> JSON {
        var members: [JSON.Member] = []
        if let name = page.name { members.append(.init(name: "replica", value: .integer(Int(name) ?? 0))) }
        members.append(.init(name: "processID", value: .integer(Int(page.reader.processID))))
        members.append(.init(name: "isLive", value: .bool(page.reader.isLive)))
        members.append(.init(name: "startNanoseconds", value: .unsigned(page.reader.startNanoseconds)))
        for entry in page.entries {
            members.append(
                .init(
                    name: entry.name,
                    value: entry.name == "stateHash" ? .string(Format.hex(entry.value)) : .unsigned(entry.value)))
        }
        return .object(members)
    }
}
