// The page: well-formed, of one file, with what was measured in it.
import Foundation
import FoundationXML
import Testing
import TriremeBench

@Suite struct HTMLReportTests {
    private func result(rate: Double?, scale: Double) -> BenchResult {
        var options = BenchOptions()
        options.commandsPerSecond = rate
        options.service = "a <service> & \"more\""
        var result = BenchResult(options: options)
        result.seconds = 3
        result.commands = UInt64(3_000_000 * scale)
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: LatencyBuckets.count)
        words.initialize(repeating: 0, count: LatencyBuckets.count)
        defer { words.deallocate() }
        let recorder = LatencyRecorder(words)
        for step in 1...1_000 { recorder.record(nanoseconds: UInt64(Double(step * 1_000) * (1 + scale)), count: 1_000) }
        result.percentiles = LatencyCounts(reading: words).percentiles
        result.series = (1...3).map {
            BenchSecond(
                endSeconds: Double($0), commandsPerSecond: 1e6 * scale, p50Microseconds: 500, p99Microseconds: 900)
        }
        result.agrees = true
        result.replicas = [BenchResult.Replica()]
        return result
    }

    /// Collects elements, and refuses what is no XML: tags that are not closed, characters that are not escaped.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]
        var addresses: [String] = []
        var text = ""
        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements[name, default: 0] += 1
            addresses += attributes.filter { $0.key == "src" || $0.key == "href" }.map(\.value)
        }
        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }
    private func read(_ page: String) throws -> Reader {
        // The only parts of HTML that are no XML: the document type, and void elements in the head.
        let body = try #require(page.range(of: "<main>"))
        let end = try #require(page.range(of: "</main>"))
        let parser = XMLParser(data: Data(page[body.lowerBound..<end.upperBound].utf8))
        let reader = Reader()
        parser.delegate = reader
        #expect(parser.parse(), "\(String(describing: parser.parserError)) in line \(parser.lineNumber)")
        return reader
    }

    @Test func aRunHasPercentilesAndSeries() throws {
        let page = HTMLReport(BenchReport(result: result(rate: nil, scale: 1))).text
        let reader = try read(page)
        #expect(reader.elements["svg"] == 3)
        for title in ["Percentiles", "Throughput, second by second", "Latency, second by second"] {
            #expect(reader.text.contains(title))
        }
        #expect(reader.text.contains("1,000,000 commands/s") && reader.text.contains("a <service> & \"more\""))
        #expect(!reader.text.contains("Latency against throughput"))
    }

    @Test func aSweepHasTheCurveAndALineForEachLoad() throws {
        var report = BenchReport(result: result(rate: nil, scale: 1))
        report.sweep = [0.1, 0.5, 0.8].map {
            SweepPoint(fraction: $0, result: result(rate: 1e6 * $0, scale: $0))
        }
        report.sweep.append(SweepPoint(fraction: 1, result: result(rate: 2e6, scale: 1)))
        let page = HTMLReport(report).text
        let reader = try read(page)
        #expect(reader.elements["svg"] == 5)
        // Three lines with a mark for each load, and the three of the series.
        #expect(reader.elements["circle"] == 3 * 4 + 3 * 3)
        #expect(reader.text.contains("Latency against throughput") && reader.text.contains("(behind)"))
        #expect(!report.sweep[3].keptUp && report.sweep[2].keptUp)
    }

    @Test func thePageNeedsNothingBesideIt() throws {
        let page = HTMLReport(BenchReport(result: result(rate: nil, scale: 1))).text
        #expect(try read(page).addresses.isEmpty)
        for word in ["<script", "@import", "url(", "http:", "https:"] { #expect(!page.contains(word), "\(word)") }
        #expect(page.contains("prefers-color-scheme:dark") && page.contains("width=device-width"))
    }

    /// No coordinate lies outside of the drawing, whatever the values.
    @Test(arguments: [1e-3, 1.0, 5_000.0]) func everyPointLiesWithinTheDrawing(scale: Double) throws {
        let page = HTMLReport(BenchReport(result: result(rate: nil, scale: scale))).text
        var points = 0
        for part in page.components(separatedBy: "cx=\"").dropFirst() {
            let x = try #require(Double(part.prefix { $0 != "\"" }))
            let rest = try #require(part.components(separatedBy: "cy=\"").dropFirst().first)
            let y = try #require(Double(rest.prefix { $0 != "\"" }))
            #expect(x >= 0 && x <= 400 && y >= 0 && y <= 276)
            points += 1
        }
        #expect(points == 9)
        #expect(!page.contains("nan") && !page.contains("inf\""))
    }
}
