// The files in Tuning say what the program says, both ways: no setting is missing from a file, and none is there alone.
import Foundation
import Testing
import TriremeCore
import TriremeTransport
import TriremeTuning

@Suite struct FilesTests {
    /// What a file sets, by setting; and what it sets in lines that are commented out.
    private struct Contents {
        var active: [String: String] = [:]
        var optional: [String: String] = [:]
    }

    private func lines(_ file: String) throws -> [String] {
        try tuningFile(file).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
            !$0.isEmpty
        }
    }
    private func name(ofFile path: String) -> String? {
        Catalogue.settings.first { $0.isSettable && "/" + $0.pattern == path }?.name
    }
    /// Of these profiles: settings and the values to set, where a file below `/` holds them.
    private func wanted(_ names: String..., where isFit: (Setting) -> Bool) throws -> [String: String] {
        var all: [String: String] = [:]
        for profile in try names.map({ try #require(Profiles.named($0)) }) {
            for (name, wanted) in profile.settings where isFit(try #require(Catalogue.named(name))) {
                all[name] = wanted.target
            }
        }
        return all
    }

    @Test func profilesAreTheFiles() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: tuningFolder.appending(path: "profiles").path)
        #expect(Set(files) == Set(Profiles.all.map { $0.name + ".json" }))
        for profile in Profiles.all {
            #expect(try Profile.load(tuningFolder.appending(path: "profiles/\(profile.name).json").path) == profile)
        }
    }

    @Test func sysctls() throws {
        var found = Contents()
        for line in try lines("sysctl.d/60-trireme.conf") {
            guard let match = line.wholeMatch(of: /(#?)-?([a-z0-9_.]+) = (\S+)/) else {
                #expect(line.hasPrefix("#"), "\(line)")
                continue
            }
            if match.1.isEmpty {
                found.active[String(match.2)] = String(match.3)
            } else {
                found.optional[String(match.2)] = String(match.3)
            }
        }
        let general = try wanted("laptop", "throughput", "numa") { $0.place == .sysctl }
        #expect(found.active == general)
        #expect(found.optional == (try wanted("latency") { $0.place == .sysctl }).filter { general[$0.key] == nil })
    }

    @Test func temporaryFiles() throws {
        var found = Contents()
        for line in try lines("tmpfiles.d/trireme.conf") {
            guard let match = line.wholeMatch(of: /(#?)w- (\S+) - - - - (\S+)/) else {
                #expect(line.hasPrefix("#"), "\(line)")
                continue
            }
            let setting = try #require(name(ofFile: String(match.2)), "\(line)")
            if match.1.isEmpty {
                found.active[setting] = String(match.3)
            } else {
                found.optional[setting] = String(match.3)
            }
        }
        // What has a star is tuned's: which disks and processors there are, a file cannot know.
        func isOneFile(_ setting: Setting) -> Bool {
            if case .files(let pattern, _) = setting.place { !pattern.contains("*") } else { false }
        }
        let general = try wanted("laptop", "throughput", "numa", where: isOneFile)
        #expect(found.active == general)
        #expect(found.optional == (try wanted("latency", where: isOneFile)).filter { general[$0.key] == nil })
    }

    @Test(arguments: ["trireme-throughput", "trireme-latency"])
    func tuned(profile: String) throws {
        var section = ""
        var found: [String: String] = [:]
        for line in try lines("tuned/\(profile)/tuned.conf") where !line.hasPrefix("#") {
            if line.hasPrefix("[") {
                section = line
                continue
            }
            let match = try #require(line.wholeMatch(of: /([^=]+)=>?(.+)/), "\(line)")
            let setting: String? =
                switch (section, match.1) {
                case ("[sysctl]", _): String(match.1)
                case ("[vm]", "transparent_hugepages"): "transparent_hugepage"
                case ("[vm]", "transparent_hugepage.defrag"): "transparent_hugepage.defrag"
                case ("[cpu]", "governor"): "cpu.governor"
                case ("[disk]", "elevator"): "disk.scheduler"
                case ("[sysfs]", _): name(ofFile: String(match.1))
                case ("[main]", _): nil
                default: "\(section) \(match.1)"
                }
            if let setting { found[setting] = String(match.2) }
        }
        var all: [String: String] = [:]
        for known in Profiles.all where known.tuned == profile {
            all.merge(try wanted(known.name) { $0.isSettable }) { _, new in new }
        }
        #expect(!all.isEmpty && found == all)
        // Each stands on one of Debian's.
        #expect(
            try tuningFile("tuned/\(profile)/tuned.conf").contains(
                /\ninclude=(throughput-performance|network-latency)\n/))
    }

    @Test func lockedMemoryIsEnoughInLimitsAndUnit() throws {
        for profile in Profiles.all {
            let memlock = try #require(profile.settings["memlock"])
            let limits = try lines("limits.d/60-trireme.conf").compactMap {
                $0.wholeMatch(of: /\*\s+-\s+(\w+)\s+(\w+)/)
            }
            let value = try #require(limits.first { $0.1 == "memlock" }?.2)
            #expect(memlock.isMet(by: String(value)))
            #expect(try lines("systemd/trireme@.service").contains("LimitMEMLOCK=infinity"))
        }
    }

    @Test func unitsNameProfiles() throws {
        let folder = tuningFolder.appending(path: "systemd").path
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let named = try lines("systemd/\(file)").compactMap {
                $0.wholeMatch(of: /Environment=TRIREME_PLACEMENT=(\w+)/)
            }
            #expect(named.count == 1, "\(file)")
            let profile = file.hasSuffix(".conf") ? String(file.dropLast(5)) : "throughput"
            #expect(named.first.map { String($0.1) } == profile && Profiles.named(profile) != nil, "\(file)")
        }
        #expect(try lines("systemd/trireme@.service").contains { $0.hasSuffix("--placement ${TRIREME_PLACEMENT}") })
    }

    @Test func theReadmeHasEverySetting() throws {
        let rows = try lines("README.md").drop { $0 != "## Settings" }.filter { $0.hasPrefix("| `") }
        for setting in Catalogue.settings {
            let row = try #require(rows.first { $0.hasPrefix("| `\(setting.name)` |") }, "\(setting.name)")
            for wanted in Set(Profiles.all.compactMap { $0.settings[setting.name] }) {
                #expect(row.contains("`\(wanted)`".replacing("|", with: "\\|")), "\(setting.name): \(wanted)")
            }
        }
        #expect(rows.count == Catalogue.settings.count)
    }

    @Test func bufferSizesAreWhatSocketsAskFor() throws {
        let options = UDPNetworkOptions(
            origin: DatagramOrigin(cluster: .init(low: 1, high: 2), group: 0, me: ReplicaID(0)), members: [],
            interface: "lo",
            multicastAddress: 0, port: 0)
        for profile in Profiles.all {
            #expect(profile.settings["net.core.rmem_max"] == .atLeast(UInt64(options.receiveBufferBytes)))
            #expect(profile.settings["net.core.wmem_max"] == .atLeast(UInt64(options.sendBufferBytes)))
        }
    }
}
