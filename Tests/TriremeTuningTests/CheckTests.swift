// A profile beside a host: what differs, what would be changed, and the words for the operator.
import Testing
import TriremeTuning

@Suite struct CheckTests {
    @Test func conditionsAreReadAndWrittenAlike() throws {
        for text in [">= 16777216", "0", "madvise | always"] { #expect(Wanted(text)?.description == text) }
        for text in ["", ">= many", ">= ", "a |", "| b", "> 5", "<= 3", ">= -1"] { #expect(Wanted(text) == nil) }
        let least = try #require(Wanted(">= 50"))
        #expect(least.isMet(by: "50") && least.isMet(by: "51") && least.isMet(by: "unlimited"))
        #expect(!least.isMet(by: "49") && !least.isMet(by: "many") && least.target == "50")
        let one = try #require(Wanted("madvise | always"))
        #expect(one.isMet(by: "always") && !one.isMet(by: "never") && one.target == "madvise")
    }

    private let profile = Profile(
        name: "test", purpose: "", tuned: nil, placement: .init(.any, idle: .block),
        settings: [
            "net.core.rmem_max": .atLeast(1_000), "disk.scheduler": .oneOf(["none"]),
            "cpu.governor": .oneOf(["performance"]),
            "transparent_hugepage": .oneOf(["madvise", "always"]),
        ])
    private func root() throws -> FakeRoot {
        try FakeRoot([
            "proc/sys/net/core/rmem_max": "999\n", "sys/block/vda/queue/scheduler": "none [mq-deadline]\n",
            "sys/block/vdb/queue/scheduler": "[none] mq-deadline\n", "sys/block/vda/device/x": "",
            "sys/block/vdb/device/x": "",
            "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
        ])
    }

    @Test func whatDiffersIsFound() throws {
        let root = try root()
        defer { root.remove() }
        let findings = root.host.check(profile)
        #expect(
            findings.map(\.setting.name) == [
                "net.core.rmem_max", "transparent_hugepage", "disk.scheduler", "cpu.governor",
            ])
        #expect(findings.map(\.isMet) == [false, true, false, true])
        #expect(findings.map(\.isAbsent) == [false, false, false, true])
        #expect(findings[2].foundText == "1 x mq-deadline, 1 x none")
        #expect(findings.map { $0.cells[0] } == ["CHANGE", "ok", "CHANGE", "none"])
    }

    @Test func everyLineNamesSettingFoundWantedAndWhy() throws {
        let root = try root()
        defer { root.remove() }
        let text = lines(root.host.check(profile))
        #expect(text.count == 5)
        #expect(
            text[1].contains("CHANGE  net.core.rmem_max") && text[1].contains(" 999 ") && text[1].contains(">= 1000"))
        #expect(text[1].hasSuffix(try #require(Catalogue.named("net.core.rmem_max")).why))
    }

    @Test func changesKeepTheOldValueForTheWayBack() throws {
        let root = try root()
        defer { root.remove() }
        let changes = root.host.check(profile).flatMap(\.changes)
        #expect(changes.map(\.path) == ["/proc/sys/net/core/rmem_max", "/sys/block/vda/queue/scheduler"])
        #expect(
            changes.map(\.command) == [
                "sysctl -w net.core.rmem_max=1000", "echo none > /sys/block/vda/queue/scheduler",
            ])
        #expect(
            changes.map(\.undo) == [
                "sysctl -w net.core.rmem_max=999", "echo mq-deadline > /sys/block/vda/queue/scheduler",
            ])
        #expect(changes[0].keep == "echo 'net.core.rmem_max = 1000' >> /etc/sysctl.d/60-trireme.conf")
        #expect(
            changes[1].keep == "echo 'w- /sys/block/vda/queue/scheduler - - - - none' >> /etc/tmpfiles.d/trireme.conf")
        for change in changes { try root.host.carryOut(change) }
        #expect(root.host.check(profile).filter { !$0.isMet }.isEmpty)
        for change in changes { try root.host.takeBack(change) }
        #expect(try root.read("proc/sys/net/core/rmem_max") == "999")
        #expect(try root.read("sys/block/vda/queue/scheduler") == "mq-deadline")
        #expect(try root.read("sys/block/vdb/queue/scheduler") == "[none] mq-deadline")
    }

    @Test func namesAreUniqueAndProfilesUseThem() {
        #expect(Set(Catalogue.settings.map(\.name)).count == Catalogue.settings.count)
        for profile in Profiles.all {
            for name in profile.settings.keys { #expect(Catalogue.named(name) != nil, "\(profile.name): \(name)") }
        }
    }
}
