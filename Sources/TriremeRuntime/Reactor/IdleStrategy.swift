// What a reactor does when there is nothing to do.
import CTrireme

/// How a pinned thread idles. `block` costs a wake-up (about 5 µs) and no processor; `spin` costs a core and no wake-up.
package enum IdleStrategy: Sendable, Equatable {
    /// Sleeps in the kernel until something arrives.
    case block
    /// Polls for a while, then sleeps.
    case adaptive(spinNanoseconds: UInt64)
    /// Never sleeps. For machines with a core to spare for each thread.
    case spin
}

/// Which thread runs where.
package struct Placement: Sendable, Equatable {
    /// Processors that this process may use (its affinity mask), ascending.
    package static var processors: [Int] {
        var numbers = [Int32](repeating: 0, count: Int(trm_cpu_count()))
        let count = trm_cpu_list(&numbers, Int32(numbers.count))
        return numbers.prefix(Int(count)).map(Int.init)
    }

    /// The processor of the reactor's thread; nil leaves it to the kernel.
    package var reactorCPU: Int?
    /// NUMA node of the buffers; nil takes the one that the thread runs on.
    package var node: Int?
    package var idle: IdleStrategy

    package init(reactorCPU: Int? = nil, node: Int? = nil, idle: IdleStrategy = .block) {
        self.reactorCPU = reactorCPU
        self.node = node
        self.idle = idle
    }

    /// The default where a process may use these processors, shared by so many replicas: with fewer than four for each replica
    /// the stages share one thread that blocks; with more, its reactor has a processor and polls before it sleeps.
    package static func standard(processors: [Int], replicasHere: Int, replica: Int) -> Placement {
        guard processors.count >= 4 * max(1, replicasHere) else { return Placement(idle: .block) }
        return Placement(
            reactorCPU: processors[(replica * 4) % processors.count], idle: .adaptive(spinNanoseconds: 50_000))
    }
}
