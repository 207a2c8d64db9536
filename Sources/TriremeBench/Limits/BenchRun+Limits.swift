// The machine's limits, measured right after the run: on the same processors, interface and disk, with the replicas ended.
import CTrireme
import Glibc
import Trireme
import TriremeStorage

extension BenchRun {
    func measureLimits(_ result: BenchResult) throws -> BenchLimits {
        guard let cluster, let workspace else { throw BenchError("there is no cluster whose limits could be measured") }
        endReplicas()
        Terminal.say("")
        Terminal.say("measuring what this machine could do")
        var limits = [processorLimit(result), try copyLimit(result), try checksumLimit(result)]
        if let network = result.network {
            limits.append(linkLimit(network))
        } else if options.replicas > 1, options.networkNamespaces == nil {
            limits.append(try multicastLimit(result, cluster))
        }
        if cluster.durability == .disk { limits.append(try diskLimit(result, cluster, workspace)) }
        limits.append(try wakeUpLimit(result))
        try checkInterrupted()
        let found = BenchLimits(limits, isOpenLoop: options.commandsPerSecond != nil)
        Terminal.say("")
        for line in found.lines { Terminal.say(line) }
        return found
    }

    private func perSecond(_ result: BenchResult, _ names: String...) -> Double {
        names.reduce(0) { $0 + Double(result.counters[$1]) } / max(result.seconds, 1e-9)
    }

    private func processorLimit(_ result: BenchResult) -> BenchLimit {
        let use = result.processors
        let available = max(0.01, Double(use.count) - use.stolen)
        var note = "replicas \(Format.fixed(result.processorsUsed, 2)), all work \(Format.fixed(use.busy, 2))"
        if use.stolen >= 0.05 { note += ", taken by the hypervisor \(Format.fixed(use.stolen, 2))" }
        return BenchLimit(
            key: "processors", name: "processors", unit: "processors", machine: Double(use.count),
            used: result.processorsUsed, share: max(use.busy, result.processorsUsed) / available, note: note)
    }

    /// User space fills a batch once; the kernel copies it in at the sender and out at every receiver; some are copied on arrival.
    private func copyLimit(_ result: BenchResult) throws -> BenchLimit {
        try checkInterrupted()
        let machine = try MemoryLimit.copy(batchBytes: options.batchBytes)
        let copied =
            perSecond(result, "ownPayloadBytes", "batchBytesSent", "batchBytesReceived")
            + perSecond(result, "batchesCopied") * Double(options.batchBytes)
        return BenchLimit(
            key: "memoryCopyGigabytesPerSecond", name: "memory copy", unit: "GB/s", machine: machine / 1e9,
            used: copied / 1e9, note: "of batches: filled once, sent, received")
    }

    /// The origin checks a batch once, every receiver once.
    private func checksumLimit(_ result: BenchResult) throws -> BenchLimit {
        try checkInterrupted()
        let machine = try MemoryLimit.checksum(batchBytes: options.batchBytes)
        return BenchLimit(
            key: "checksumGigabytesPerSecond", name: "CRC32C", unit: "GB/s", machine: machine / 1e9,
            used: perSecond(result, "ownPayloadBytes", "batchBytesReceived") / 1e9,
            note: String(cString: trm_crc32c_implementation()))
    }

    /// Replicas behind links of a known rate: what the links allow is known and need not be measured.
    private func linkLimit(_ network: NetworkFigures) -> BenchLimit {
        BenchLimit(
            key: "orderedGigabitsPerSecond", name: "links", unit: "Gbit/s", machine: network.limitBitsPerSecond / 1e9,
            used: network.orderedBitsPerSecond / 1e9, note: "ordered payload")
    }

    private func multicastLimit(_ result: BenchResult, _ cluster: Configuration) throws -> BenchLimit {
        let group = try FreeGroup.choose(members: options.replicas)
        guard let address = IPv4.parse(cluster.members[0].address), let groupAddress = IPv4.parse(group.address) else {
            throw BenchError("\(cluster.members[0].address) is no IPv4 address")
        }
        let byUnicast = options.dissemination == .unicast
        var plan = MulticastPlan(
            members: options.replicas, interface: options.interface, address: address, group: groupAddress,
            port: group.port, batchBytes: options.batchBytes,
            windowBatches: cluster.windowBatches ?? Configuration.defaultWindowBatches(cluster.durability))
        plan.unicastOnly = byUnicast
        var receivers: [ChildProcess] = []
        defer { receivers.end(patienceMilliseconds: 1_000) }
        for member in 1..<options.replicas {
            receivers.append(
                try ChildProcess(
                    name: "receiver \(member)",
                    arguments: [
                        "bench-receiver", "--member", "\(member)", "--members", "\(plan.members)", "--interface",
                        plan.interface, "--address", "\(plan.address)", "--group", "\(plan.group)", "--port",
                        "\(plan.port)", "--batch-bytes", "\(plan.batchBytes)", "--window", "\(plan.windowBatches)",
                        "--parent", "\(getpid())",
                    ]))
        }
        let found = try MulticastLimit.measure(plan)
        try checkInterrupted()
        // By unicast every receiver's copy is sent, and counted, for itself.
        let sent = found.bytesPerSecond * (byUnicast ? Double(options.replicas - 1) : 1)
        return BenchLimit(
            key: "multicastGigabytesPerSecond", name: byUnicast ? "unicast" : "multicast", unit: "GB/s",
            machine: sent / 1e9, used: perSecond(result, "batchBytesSent") / 1e9,
            note: "one sender to \(options.replicas - 1), received and checked"
                + (found.lost > 0 ? ", \(found.lost) batches lost" : ""))
    }

    private func diskLimit(
        _ result: BenchResult, _ cluster: Configuration, _ workspace: BenchWorkspace
    ) throws -> BenchLimit {
        try checkInterrupted()
        let geometry = LogGeometry(segmentBytes: cluster.segmentMebibytes << 20, segments: cluster.segments)
        let directories = (0..<options.replicas).map { workspace.replica($0) }
        let machine = try DiskLimit.measure(directories, geometry, batchBytes: options.batchBytes)
        let log = LogOptions()
        return BenchLimit(
            key: "durableWriteMegabytesPerSecond", name: "durable writes", unit: "MB/s", machine: machine / 1e6,
            used: perSecond(result, "logBytesWritten") / 1e6,
            note:
                "\(options.replicas) logs, up to \(log.bytesPerWrite >> 10) KiB a write, \(log.writesInFlight) in flight each"
        )
    }

    /// A sleep costs the time of a wake-up: so many of them are so much of a processor.
    private func wakeUpLimit(_ result: BenchResult) throws -> BenchLimit {
        try checkInterrupted()
        let microseconds = try WakeUpLimit.measure()
        let sleeps = perSecond(result, "waits")
        return BenchLimit(
            key: "wakeUpMicroseconds", usedKey: "sleepsPerSecond", name: "wake-up", unit: "µs", machine: microseconds,
            used: sleeps, share: sleeps * microseconds / 1e6 / Double(result.processors.count),
            note: "share of all processors' time")
    }
}
