// The part of `trireme bench --json` that a comparison needs.
import FoundationEssentials

extension RunFigures {
    /// - Throws: where the report is not one, or says that the replicas differ.
    package init(report path: String) throws(TuningError) {
        let report: Report
        do {
            report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(filePath: path)))
        } catch {
            throw TuningError(
                "\(path) is no report of trireme bench: give the measurement more --seconds, and see its messages")
        }
        guard report.agreement else { throw TuningError("the replicas' states differ, so the figures mean nothing") }
        let commands = report.throughput.commandsPerSecond * report.configuration.seconds
        self.init(
            commandsPerSecond: report.throughput.commandsPerSecond, p50Microseconds: report.latencyMicroseconds.p50,
            p99Microseconds: report.latencyMicroseconds.p99,
            cpuSecondsPerMillion: report.replicas.reduce(0) { $0 + $1.cpuSeconds } / max(commands, 1) * 1e6)
    }

    private struct Report: Decodable {
        struct Configuration: Decodable { var seconds: Double }
        struct Throughput: Decodable { var commandsPerSecond: Double }
        struct Latency: Decodable { var p50, p99: Double }
        struct Replica: Decodable { var cpuSeconds: Double }
        var configuration: Configuration
        var throughput: Throughput
        var latencyMicroseconds: Latency
        var replicas: [Replica]
        var agreement: Bool
    }
}
