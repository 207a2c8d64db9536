// How busy all processors of this machine are, whoever keeps them so.
import CTrireme
import Glibc

/// Time since boot of the processors that this process may use, from /proc/stat, in ticks of the kernel.
struct ProcessorTimes: Sendable {
    private var busy: UInt64 = 0
    private var stolen: UInt64 = 0
    private let nanoseconds = trm_monotonic_nanoseconds()

    init() {
        guard let file = fopen("/proc/stat", "re") else { return }
        defer { fclose(file) }
        let mine = Self.processors
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let fields = text.split(separator: " ")
            guard let name = fields.first, name.hasPrefix("cpu"), let number = Int(name.dropFirst(3)),
                mine.contains(number)
            else { continue }
            let ticks = fields.dropFirst().map { UInt64($0.filter { !$0.isWhitespace }) ?? 0 }
            guard ticks.count >= 8 else { continue }
            // user, nice, system, idle, waiting for I/O, interrupts, soft interrupts, stolen by the hypervisor.
            busy += ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
            stolen += ticks[7]
        }
    }

    private static var processors: Set<Int> {
        var list = [Int32](repeating: 0, count: 1_024)
        let count = trm_cpu_list(&list, Int32(list.count))
        return Set(list.prefix(Int(min(count, 1_024))).map(Int.init))
    }

    /// Mean numbers of processors since an earlier moment.
    func use(since earlier: ProcessorTimes) -> ProcessorUse {
        let seconds = Double(nanoseconds - earlier.nanoseconds) / 1e9
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard seconds > 0, perSecond > 0 else { return ProcessorUse() }
        return ProcessorUse(
            count: Int(trm_cpu_count()), busy: Double(busy &- earlier.busy) / perSecond / seconds,
            stolen: Double(stolen &- earlier.stolen) / perSecond / seconds)
    }
}

package struct ProcessorUse: Sendable {
    /// Processors there are.
    package var count = Int(trm_cpu_count())
    /// Of them busy, with whatever, and taken away by the hypervisor, as means.
    package var busy = 0.0
    package var stolen = 0.0

    package init(count: Int = Int(trm_cpu_count()), busy: Double = 0, stolen: Double = 0) {
        self.count = count
        self.busy = busy
        self.stolen = stolen
    }
}
