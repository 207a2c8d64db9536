// The profiles that come with Trireme. Tuning/profiles has the same as files, to copy and change; a test compares them.

package enum Profiles {
    package static let all: [Profile] = [laptop, throughput, latency, numa]

    package static func named(_ name: String) -> Profile? { all.first { $0.name == name } }
    /// For messages.
    package static var names: String { all.map(\.name).joined(separator: ", ") }

    /// What every replica wants, wherever it runs.
    private static let common: [String: Wanted] = [
        "kernel.io_uring_disabled": .oneOf(["0"]),
        // What a socket asks for (UDPNetworkOptions): 37 batches of 60 KiB from each of 14 other lanes.
        "net.core.rmem_max": .atLeast(16 << 20),
        "net.core.wmem_max": .atLeast(4 << 20),
        "net.ipv4.igmp_max_memberships": .atLeast(20),
        // Fifteen members: 84 MiB of buffers and the log's; three replicas of one user on one machine: 69 MiB together.
        "memlock": .atLeast(256 << 20),
        "transparent_hugepage": .oneOf(["madvise", "always"]),
    ]

    /// What a machine wants that does little else.
    private static let server = common.merging(
        [
            "transparent_hugepage.defrag": .oneOf(["madvise", "defer+madvise", "always"]),
            "disk.scheduler": .oneOf(["none"]),
            "cpu.governor": .oneOf(["performance"]),
            "kernel.numa_balancing": .oneOf(["0"]),
        ], uniquingKeysWith: { _, new in new })

    private static let laptop = Profile(
        name: "laptop",
        purpose:
            "several replicas beside other work: nothing is pinned, nothing polls, only what costs nobody anything is set",
        tuned: nil, placement: .init(.any, idle: .block), settings: common)

    private static let throughput = Profile(
        name: "throughput",
        purpose:
            "a server with four processors or more for each replica: the reactor keeps one, and polls before it sleeps",
        tuned: "trireme-throughput", placement: .init(.own, idle: .adaptive), settings: server)

    private static let latency = Profile(
        name: "latency",
        purpose: "a server with processors to spare: the reactor never sleeps, and the kernel polls the network card",
        tuned: "trireme-latency", placement: .init(.own, idle: .spin),
        settings: server.merging(
            [
                "net.core.busy_read": .atLeast(50), "net.core.busy_poll": .atLeast(50),
                "haltpoll": .atLeast(200_000),
            ], uniquingKeysWith: { _, new in new }))

    private static let numa = Profile(
        name: "numa",
        purpose: "a machine with several NUMA nodes: a replica, its memory and its network card on one of them",
        tuned: "trireme-throughput", placement: .init(.own, isOnNode: true, idle: .adaptive),
        settings: server.merging(["vm.zone_reclaim_mode": .oneOf(["0"])], uniquingKeysWith: { _, new in new }))
}
