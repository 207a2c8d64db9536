// What is read from the kernel's files, and written there.
import Testing
import TriremeTuning

@Suite struct HostTests {
    private func setting(_ name: String) throws -> Setting { try #require(Catalogue.named(name)) }

    @Test func sysctlsAreFoundByTheirNames() throws {
        let root = try FakeRoot(["proc/sys/net/core/rmem_max": "212992\n"])
        defer { root.remove() }
        let found = root.host.values(of: try setting("net.core.rmem_max"))
        #expect(found.map(\.path) == ["/proc/sys/net/core/rmem_max"] && found.map(\.value) == ["212992"])
        #expect(root.host.values(of: try setting("net.core.wmem_max")).isEmpty)
    }

    @Test func ofAChoiceTheOneInBracketsCounts() throws {
        let root = try FakeRoot([
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "sys/kernel/mm/transparent_hugepage/defrag": "always defer defer+madvise madvise [never]\n",
        ])
        defer { root.remove() }
        #expect(root.host.values(of: try setting("transparent_hugepage")).map(\.value) == ["madvise"])
        #expect(root.host.values(of: try setting("transparent_hugepage.defrag")).map(\.value) == ["never"])
    }

    @Test func aStarFindsEveryProcessorInOrder() throws {
        var files: [String: String] = ["sys/devices/system/cpu/cpufreq/scaling_governor": "wrong\n"]
        for cpu in [0, 1, 2, 10] { files["sys/devices/system/cpu/cpu\(cpu)/cpufreq/scaling_governor"] = "g\(cpu)\n" }
        let root = try FakeRoot(files)
        defer { root.remove() }
        #expect(root.host.values(of: try setting("cpu.governor")).map(\.value) == ["g0", "g1", "g2", "g10"])
    }

    @Test func onlyRealDisksCount() throws {
        let root = try FakeRoot([
            "sys/block/vda/queue/scheduler": "[none] mq-deadline\n", "sys/block/vda/device/vendor": "0x1af4\n",
            "sys/block/loop0/queue/scheduler": "[none] mq-deadline\n",
        ])
        defer { root.remove() }
        #expect(root.host.values(of: try setting("disk.scheduler")).map(\.path) == ["/sys/block/vda/queue/scheduler"])
    }

    @Test func theSoftLimitIsInForce() throws {
        let root = try FakeRoot([
            "proc/self/limits": """
            Limit                     Soft Limit           Hard Limit           Units
            Max locked memory         8388608              unlimited            bytes
            Max open files            1024                 4096                 files

            """
        ])
        defer { root.remove() }
        #expect(root.host.values(of: try setting("memlock")).map(\.value) == ["8388608"])
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let root = try FakeRoot(["proc/sys/net/core/busy_poll": "0\n"])
        defer { root.remove() }
        let busy = try setting("net.core.busy_poll")
        try root.host.set(busy, at: "/proc/sys/net/core/busy_poll", to: "50")
        #expect(try root.read("proc/sys/net/core/busy_poll") == "50")
        #expect(throws: TuningError.self) {
            try root.host.set(busy, at: "/proc/sys/net/core/absent", to: "50")
        }
        // A kernel that takes another value than the one written: here a device that forgets all.
        let error = #expect(throws: TuningError.self) { try HostSettings().set(busy, at: "/dev/null", to: "50") }
        #expect(error?.description.contains("the kernel takes another value") == true)
    }
}
