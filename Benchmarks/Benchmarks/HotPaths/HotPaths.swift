// Every hot path as a benchmark. Each prints a hash of its work, so that none of it can be optimised away; the hash is that of
// the first step and the same on every machine.
import Benchmark
import Foundation
import TriremeHotPaths

/// Picoseconds of one operation. Thresholds compare nine steps in ten and allow twice the stored figure: machines differ by two
/// between hours (Benchmarks/README.md).
private let perOperation = BenchmarkMetric.custom("ps an operation", polarity: .prefersSmaller, useScalingFactor: false)

nonisolated(unsafe) let benchmarks = {
    for path in HotPath.all {
        Benchmark(
            path.name,
            configuration: .init(
                metrics: [perOperation], warmupIterations: 0,
                scalingFactor: .one, maxDuration: .seconds(2), maxIterations: 2_000,
                thresholds: [perOperation: .init(relative: [.p90: 100])])
        ) { (benchmark: Benchmark, run: (Int) -> UInt64) in
            let start = ContinuousClock.now
            benchmark.startMeasurement()
            let hash = run(path.operations)
            benchmark.stopMeasurement()
            let elapsed = (ContinuousClock.now - start).components
            blackHole(hash)
            let picoseconds = Int(elapsed.seconds) * 1_000_000_000_000 + Int(elapsed.attoseconds / 1_000_000)
            benchmark.measurement(perOperation, picoseconds / path.operations)
            Hashes.note(path, hash)
        } setup: {
            path.make()
        } teardown: {
            Hashes.tell(path)
        }
    }
}

/// The first hash of each path, told at its end.
enum Hashes {
    nonisolated(unsafe) private static var first: [String: UInt64] = [:]

    static func note(_ path: HotPath, _ hash: UInt64) { if first[path.name] == nil { first[path.name] = hash } }

    static func tell(_ path: HotPath) {
        guard let hash = first[path.name] else { return }
        let line =
            "\(path.name): \(path.about); \(path.operations) a step, hash of the first \(String(hash, radix: 16))\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}
