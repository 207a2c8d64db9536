// A run as one page: no file, font or script beside it, and readable wherever it is opened.
import FoundationEssentials
import Glibc

package struct HTMLReport {
    private let report: BenchReport
    private var result: BenchResult { report.result }

    package init(_ report: BenchReport) { self.report = report }

    package var text: String {
        var body = "<header><h1>\(Format.grouped(Int(result.commandsPerSecond))) commands/s</h1>\n"
        body += "<p>\(HTML.escaped(description))</p>\n<p class=\"dim\">\(HTML.escaped(machine))</p></header>\n"
        body += tiles
        if !report.sweep.isEmpty { body += "<h2>Latency by load</h2>\n" + sweep }
        body += "<h2>\(report.sweep.isEmpty ? "The run" : "The closed loop")</h2>\n<div class=\"charts\">\n"
        body += percentileChart + seriesCharts + "</div>\n"
        if let limits = report.limits { body += "<h2>Limits of the machine</h2>\n" + table(limits) }
        body += "<h2>Where time goes</h2>\n" + stages + "<h2>Replicas</h2>\n" + replicas
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><title>Trireme: \(Format.grouped(Int(result.commandsPerSecond))) commands/s</title>
            <style>\(HTMLStyle.text)</style></head><body><main>
            \(body)</main></body></html>\n
            """
    }

    // MARK: Words

    private var description: String {
        let options = result.options
        let load =
            options.commandsPerSecond.map { "open loop at \(Format.grouped(Int($0))) commands/s" } ?? "closed loop"
        return "\(options.replicas) replicas, \(options.durability == .disk ? "durable" : "in memory"), "
            + "\(options.commandBytes)-byte commands of the \(options.service) service, \(load), "
            + "\(Format.significant(result.seconds)) s on \(options.interface)"
            + (report.agrees ? "; all replicas agreed" : "; THE REPLICAS DID NOT AGREE")
    }

    private var machine: String {
        var about = utsname()
        uname(&about)
        let release = withUnsafeBytes(of: &about.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "\(Self.date) UTC, \(result.processors.count) processors"
            + (Self.processorName.map { " (\($0))" } ?? "") + ", Linux \(release)"
    }

    private static var date: String {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%d %H:%M", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static var processorName: String? {
        let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop(while: \.isWhitespace)) }
    }

    private var tiles: String {
        let p = { (fraction: Double) in Format.duration(microseconds: result.percentiles.microseconds(at: fraction)) }
        var all: [(String, String)] = [
            ("median latency", p(0.5)), ("99 %", p(0.99)), ("99.9 %", p(0.999)),
            ("longest gap", Format.duration(microseconds: result.longestGapMilliseconds * 1_000)),
            ("megabytes/s", Format.significant(result.megabytesPerSecond)),
            ("system calls for 1,000", Format.significant(result.systemCallsPerThousandCommands)),
            ("datagrams lost", Format.grouped(result.datagramsLost)),
        ]
        if let allocations = result.allocationsPerThousandCommands {
            all.append(("allocations for 1,000", Format.significant(allocations)))
        }
        return "<dl>" + all.map { "<div><dt>\(HTML.escaped($0.0))</dt><dd>\($0.1)</dd></div>" }.joined() + "</dl>\n"
    }

    // MARK: Charts

    private static func latency(_ microseconds: Double) -> String {
        if microseconds < 1_000 { return short(microseconds) + " µs" }
        if microseconds < 1_000_000 { return short(microseconds / 1_000) + " ms" }
        return short(microseconds / 1_000_000) + " s"
    }
    private static func count(_ value: Double) -> String {
        if value >= 1_000_000 { return Self.short(value / 1_000_000) + " M" }
        if value >= 1_000 { return Self.short(value / 1_000) + " k" }
        return Self.short(value)
    }
    private static func short(_ value: Double) -> String {
        let text = Format.fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)
        guard text.contains(".") else { return text }
        let trimmed = text.reversed().drop { $0 == "0" }
        return String((trimmed.first == "." ? trimmed.dropFirst() : trimmed).reversed())
    }

    private var sweep: String {
        let fractions: [(name: String, style: String, at: Double)] = [
            ("median", "a", 0.5), ("99 %", "b", 0.99), ("99.9 %", "c", 0.999),
        ]
        let curve = SVGChart(
            title: "Latency against throughput", xName: "answered commands/s",
            yName: "latency from the intended send time",
            yScale: .logarithmic,
            lines: fractions.map { fraction in
                .init(
                    name: fraction.name, style: fraction.style,
                    points: report.sweep.map {
                        ($0.result.commandsPerSecond, $0.result.percentiles.microseconds(at: fraction.at))
                    })
            }, xText: Self.count, yText: Self.latency)
        let kept = report.sweep.filter(\.keptUp)
        let shown = [0.1, 0.5, 0.8].compactMap { wanted in kept.first { abs($0.fraction - wanted) < 0.001 } }
        let distribution = SVGChart(
            title: "Percentiles by load", xName: "percentile (%)", yName: "latency at", xScale: .nines,
            yScale: .logarithmic,
            lines: zip(shown, ["a", "b", "c"]).map { point, style in
                .init(
                    name: "\(Int((point.fraction * 100).rounded())) % load", style: style,
                    points: Self.percentilePoints(point.result), hasMarks: false)
            }, xText: Self.percent, yText: Self.latency)
        var rows = [["offered/s", "answered/s", "50 %", "90 %", "99 %", "99.9 %", "max", "processors"]]
        for point in report.sweep {
            let p = { (at: Double) in Format.duration(microseconds: point.result.percentiles.microseconds(at: at)) }
            rows.append([
                Format.grouped(Int(point.result.options.commandsPerSecond ?? 0)),
                Format.grouped(Int(point.result.commandsPerSecond)) + (point.keptUp ? "" : " (behind)"), p(0.5), p(0.9),
                p(0.99),
                p(0.999), Format.duration(microseconds: point.result.percentiles.maximumMicroseconds),
                Format.fixed(point.result.processorsUsed, 2),
            ])
        }
        return "<div class=\"charts\">\n" + curve.text + (shown.isEmpty ? "" : distribution.text) + "</div>\n"
            + HTML.table(rows, names: false)
    }

    private static func percentilePoints(_ result: BenchResult) -> [(x: Double, y: Double)] {
        let histogram = result.percentiles.histogram
        // As far as there are commands to tell: one in a million says nothing of a thousand.
        let most = 1 - 1 / Double(max(10, histogram.totalCount))
        return stride(from: 0.0, through: 5.0, by: 0.1).map { 1 - pow(10, -$0) }.filter { $0 <= most }
            .map { ($0, max(0.1, result.percentiles.microseconds(at: $0))) }
    }
    private static func percent(_ fraction: Double) -> String {
        let text = Format.fixed(fraction * 100, 4)
        let trimmed = text.reversed().drop { $0 == "0" }
        return String((trimmed.first == "." ? trimmed.dropFirst() : trimmed).reversed())
    }

    private var percentileChart: String {
        SVGChart(
            title: "Percentiles", xName: "percentile (%)", yName: "latency", xScale: .nines, yScale: .logarithmic,
            lines: [.init(name: "latency", style: "a", points: Self.percentilePoints(result), hasMarks: false)],
            xText: Self.percent, yText: Self.latency
        ).text
    }

    private var seriesCharts: String {
        let seconds = { (value: Double) in Self.short(value) }
        let throughput = SVGChart(
            title: "Throughput, second by second", xName: "seconds", yName: "commands/s",
            lines: [
                .init(
                    name: "commands/s", style: "a", points: result.series.map { ($0.endSeconds, $0.commandsPerSecond) })
            ], xText: seconds, yText: Self.count)
        let latency = SVGChart(
            title: "Latency, second by second", xName: "seconds", yName: "latency", yScale: .logarithmic,
            lines: [
                .init(name: "median", style: "a", points: result.series.map { ($0.endSeconds, $0.p50Microseconds) }),
                .init(name: "99 %", style: "b", points: result.series.map { ($0.endSeconds, $0.p99Microseconds) }),
            ], xText: seconds, yText: Self.latency)
        return throughput.text + latency.text
    }

    // MARK: Tables

    private func table(_ limits: BenchLimits) -> String {
        var rows = [["limit", "machine", "this run", "share", ""]]
        for limit in limits.limits {
            rows.append([
                limit.name, Format.significant(limit.machine) + " " + limit.unit,
                Format.significant(limit.used) + " " + (limit.usedKey == limit.key ? limit.unit : "/s"),
                Format.fixed(limit.share * 100, 0) + " %", limit.note,
            ])
        }
        return HTML.table(rows) + "<p>\(HTML.escaped(limits.verdict))</p>\n"
    }

    private var stages: String {
        let table = StageTable(result.counters)
        let notes = table.notes(seconds: result.seconds).map { "<p class=\"dim\">\(HTML.escaped($0))</p>\n" }
        return HTML.table(table.table(seconds: result.seconds)) + notes.joined()
    }

    private var replicas: String {
        var rows = [["replica", "commands/s", "processor s", "resident", "commit", "state hash"]]
        for replica in result.replicas {
            rows.append([
                "\(replica.id)" + (replica.isSequencer ? " (sequencer)" : ""),
                Format.grouped(Int(replica.commandsPerSecond)),
                Format.fixed(replica.cpuSeconds, 2),
                Format.fixed(Double(replica.residentBytes) / 1_048_576, 1) + " MiB",
                "\(replica.commitIndex)", replica.wasKilled ? "killed" : Format.hex(replica.stateHash),
            ])
        }
        return HTML.table(rows)
    }
}
