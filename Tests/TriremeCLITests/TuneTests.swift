// `trireme tune` with a directory in place of "/", and a profile's placement on processors.
import ArgumentParser
import Foundation
import Testing
import TriremeCLI
import TriremeRuntime
import TriremeTuning

@Suite struct TuneTests {
    /// Runs a subcommand as the shell would, and returns its exit code.
    private func run(_ arguments: String...) -> Int32 {
        do {
            var command = try TriremeCommand.parseAsRoot(["tune"] + arguments)
            try command.run()
            return 0
        } catch {
            return TriremeCommand.exitCode(for: error).rawValue
        }
    }
    private func root() throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/trireme-tune-\(UUID().uuidString)"
        for (directory, file, text) in [
            ("proc/sys/net/core", "rmem_max", "212992\n"), ("proc/sys/net/core", "wmem_max", "9999999\n"),
            ("sys/kernel/mm/transparent_hugepage", "enabled", "always madvise [never]\n"),
        ] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(directory)", withIntermediateDirectories: true)
            try text.write(toFile: "\(path)/\(directory)/\(file)", atomically: false, encoding: .utf8)
        }
        return path
    }
    private func read(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func checkTellsByItsExitCodeAndApplyMends() throws {
        let root = try root()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let buffers = root + "/proc/sys/net/core/rmem_max"
        #expect(run("check", "--profile", "laptop", "--root", root) == 1)
        #expect(run("apply", "--profile", "laptop", "--root", root, "--dry-run") == 0)
        #expect(try read(buffers) == "212992")
        #expect(run("apply", "--profile", "laptop", "--root", root) == 0)
        #expect(try read(buffers) == "16777216")
        #expect(try read(root + "/sys/kernel/mm/transparent_hugepage/enabled") == "madvise")
        #expect(try read(root + "/proc/sys/net/core/wmem_max") == "9999999")
        #expect(run("check", "--profile", "laptop", "--root", root) == 0)
        #expect(run("check", "--profile", "desktop", "--root", root) == 2)
    }

    @Test func measureRefusesBeforeItChangesAnything() {
        #expect(run("measure", "net.core.rmem_max", "--pairs", "0") == 64)
        #expect(run("measure", "net.core.rmem_max", "--", "--json", "x") == 64)
        #expect(run("measure", "net.core.rmem_max", "--", "--rate", "fast") == 64)
        #expect(run("measure", "no.such.setting") == 2)
    }

    @Test func placementBecomesProcessors() throws {
        func place(_ placement: Profile.Placement, _ processors: [Int]) throws -> Placement {
            try Placement(placement, processors: processors, node: { $0 / 4 })
        }
        #expect(try place(.init(.any, idle: .block), [0, 1]) == Placement(idle: .block))
        #expect(
            try place(.init(.own, isOnNode: true, idle: .adaptive, spinMicroseconds: 20), [4, 5, 6])
                == Placement(reactorCPU: 6, node: 1, idle: .adaptive(spinNanoseconds: 20_000)))
        #expect(try place(.init(.number(5), idle: .spin), [4, 5]) == Placement(reactorCPU: 5, idle: .spin))
        let error = #expect(throws: TuningError.self) { try place(.init(.number(0), idle: .spin), [4, 5]) }
        #expect(error?.description.contains("this process may use 4, 5") == true)
        #expect(Placement(idle: .spin).warning(processors: [3]) != nil)
        #expect(Placement(idle: .spin).warning(processors: [3, 4]) == nil)
        #expect(Placement(idle: .block).warning(processors: [3]) == nil)
    }

    @Test func theStandardPlacementStaysWithinTheProcessesProcessors() {
        #expect(Placement.standard(processors: [0, 1, 2], replicasHere: 1, replica: 0).reactorCPU == nil)
        #expect(Placement.standard(processors: [8, 9, 10, 11], replicasHere: 1, replica: 0).reactorCPU == 8)
        #expect(Placement.standard(processors: Array(4..<16), replicasHere: 3, replica: 2).reactorCPU == 12)
        #expect(!Placement.processors.isEmpty)
    }
}
