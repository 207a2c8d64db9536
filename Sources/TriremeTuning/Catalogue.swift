// Every setting that Trireme has an opinion on. Tuning/README.md has the values, the reasons at length, and what they did in
// measurements; a test compares it with this list.

package enum Catalogue {
    package static let settings: [Setting] = [
        Setting(
            "kernel.io_uring_disabled",
            why: "a replica's disk and network go through io_uring, and without it none starts"),
        Setting(
            "net.core.rmem_max",
            why: "a socket that holds fewer batches of the others makes their windows smaller"),
        Setting(
            "net.core.wmem_max",
            why: "batches wait in the send buffer when a link is slower than the sender"),
        Setting(
            "net.ipv4.igmp_max_memberships",
            why: "a socket joins a group for each other lane, up to 14, and is refused beyond this"),
        Setting(
            "memlock", .limit(row: "Max locked memory", item: "memlock"),
            why: "registered buffers count as locked; without, each disk write maps its pages anew"),
        Setting(
            "transparent_hugepage", .files("sys/kernel/mm/transparent_hugepage/enabled"),
            why: "buffers and tables ask for huge pages, and never turns the wish down"),
        Setting(
            "transparent_hugepage.defrag", .files("sys/kernel/mm/transparent_hugepage/defrag"),
            why: "with defer or never a start on fragmented memory gets small pages, and keeps them"),
        Setting(
            "disk.scheduler", .files("sys/block/*/queue/scheduler", beside: "../device"),
            why: "a log is one sequential stream that needs no sorting"),
        Setting(
            "cpu.governor", .files("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"),
            why: "a reactor that sleeps between batches looks idle, and would be slowed down"),
        Setting(
            "kernel.numa_balancing",
            why: "threads and memory stay where they are put; sampling them costs page faults"),
        Setting(
            "vm.zone_reclaim_mode",
            why: "a full node must borrow from another and not throw out pages in the middle of a batch"),
        Setting(
            "net.core.busy_read",
            why: "a receive asks the network card at once and does not wait for its interrupt"),
        Setting(
            "net.core.busy_poll",
            why: "the sockets of RESP clients, which epoll watches, do the same"),
        Setting(
            "haltpoll", .files("sys/module/haltpoll/parameters/guest_halt_poll_ns"),
            why: "a guest's idle processor polls so many ns before it halts, for an exit to the host is slow"),
        Setting(
            "rps", .files("sys/class/net/*/queues/rx-*/rps_cpus"),
            why: "a card with one queue gives all packets to one processor; see Tuning/irq.md"),
    ]

    package static func named(_ name: String) -> Setting? { settings.first { $0.name == name } }
    /// For messages.
    package static var names: String { settings.map(\.name).joined(separator: ", ") }
}
