// A profile's placement on this machine: words become numbers of processors.
import CTrireme
import TriremeRuntime
import TriremeTuning

extension Placement {
    /// - Parameters:
    ///   - processors: those that the process may use, ascending.
    ///   - node: a processor's NUMA node.
    package init(
        _ wanted: Profile.Placement, processors: [Int], node: (Int) -> Int
    ) throws(TuningError) {
        let processor: Int?
        switch wanted.processor {
        case .any: processor = nil
        case .own: processor = processors.last
        case .number(let number):
            guard processors.contains(number) else {
                throw TuningError(
                    "placement.cpu is \(number); this process may use \(processors.map(String.init).joined(separator: ", ")): "
                        + "choose one of them, or change the unit's CPUAffinity")
            }
            processor = number
        }
        let idle: IdleStrategy =
            switch wanted.idle {
            case .block: .block
            case .adaptive: .adaptive(spinNanoseconds: UInt64(wanted.spinMicroseconds) * 1_000)
            case .spin: .spin
            }
        self.init(reactorCPU: processor, node: wanted.isOnNode ? processor.map(node) : nil, idle: idle)
    }

    /// What this machine should be told about it, in one sentence; it only costs speed.
    package func warning(processors: [Int]) -> String? {
        guard idle == .spin, processors.count < 2 else { return nil }
        return
            "this process may use one processor, and a reactor that never sleeps takes it from the threads that serve clients: "
            + "choose a profile with idle block or adaptive, or give it more processors"
    }
}
