// Every hot path as a benchmark. Each prints a hash of its work, so that none of it can be optimised away.
import Benchmark
import Foundation
import TriremeHotPaths

/// Figures of one operation in nanoseconds. A threshold is the most by which a run may be slower than the stored figures:
/// machines differ by two between hours, so half as much again is only seen where a machine rests; see Benchmarks/README.md.
nonisolated(unsafe) let benchmarks = {
    for path in HotPath.all {
        Benchmark(
            path.name,
            configuration: .init(
                metrics: [.wallClock, .cpuTotal, .throughput],
                timeUnits: .automatic, warmupIterations: 3, scalingFactor: .one, maxDuration: .seconds(2),
                maxIterations: 2_000,
                thresholds: [
                    .wallClock: .init(relative: [.p50: 50]), .cpuTotal: .init(relative: [.p50: 50]),
                ])
        ) { (benchmark: Benchmark, run: (Int) -> UInt64) in
            benchmark.startMeasurement()
            let hash = run(path.operations)
            benchmark.stopMeasurement()
            blackHole(hash)
            Hashes.note(path, hash)
        } setup: {
            path.make()
        } teardown: {
            Hashes.tell(path)
        }
    }
}

/// The last hash of each path, told once at its end.
enum Hashes {
    nonisolated(unsafe) private static var last: [String: (hash: UInt64, steps: Int)] = [:]

    static func note(_ path: HotPath, _ hash: UInt64) {
        last[path.name] = (hash, (last[path.name]?.steps ?? 0) + 1)
    }
    static func tell(_ path: HotPath) {
        guard let (hash, steps) = last[path.name] else { return }
        let line =
            "\(path.name): \(steps) steps of \(path.operations), hash \(String(hash, radix: 16)); one is: \(path.about)\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}
