// `trireme tune apply`: sets what can be set while the machine runs, and says how to keep and how to undo each.
import ArgumentParser
import Glibc
import TriremeBench
import TriremeTuning

struct TuneApply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Set what a profile wants and can be set while the machine runs.",
        discussion: """
            Needs root. Only what differs is changed. For each change two commands are printed: one that keeps it over a restart \
            of the machine, and one that puts back the value that was found. The exit code is 0 when all is set that can be, 1 \
            when something was refused. memlock cannot be set for others: what is printed is for a shell or a new login.
            """)

    @OptionGroup var target: TuneTarget
    @Flag(help: "Only print what would be done.")
    var dryRun = false

    func run() throws {
        let profile: Profile
        do {
            profile = try Profile.find(target.profile)
        } catch {
            throw fail("tune apply", error, code: 2)
        }
        guard dryRun || geteuid() == 0 || target.root != "/" else {
            throw fail(
                "tune apply",
                TuningError(
                    "this changes settings of the whole machine and needs root: run it with sudo, or add --dry-run to see what it would do"
                ))
        }
        let host = HostSettings(root: target.root)
        let unmet = host.check(profile).filter { !$0.isMet }
        if unmet.isEmpty { Terminal.say("nothing to do: all is as the profile \(profile.name) wants it") }
        let failures = unmet.reduce(0) { $0 + carryOut($1, on: host) }
        if let tuned = profile.tuned, !unmet.isEmpty {
            Terminal.say(
                "instead of the keep lines, where tuned runs: cp -r Tuning/tuned/\(tuned) /etc/tuned/ && tuned-adm profile \(tuned)"
            )
        }
        if failures > 0 { throw ExitCode(1) }
    }

    /// Returns how many changes failed.
    private func carryOut(_ finding: Finding, on host: HostSettings) -> Int {
        var failures = 0
        for change in finding.changes {
            let place = finding.changes.count > 1 ? " (\(change.path))" : ""
            if !change.setting.isSettable {
                Terminal.say("\(change.setting.name)\(place): is \(change.old); only a new login or unit gets another")
                Terminal.say("  here: \(change.command)")
            } else if dryRun {
                Terminal.say("\(change.setting.name)\(place): \(change.old) would become \(change.new)")
                Terminal.say("  set:  \(change.command)")
            } else {
                do {
                    try host.carryOut(change)
                    Terminal.say("\(change.setting.name)\(place): \(change.old) became \(change.new)")
                } catch {
                    Terminal.complain("trireme tune apply: \(error)")
                    failures += 1
                    continue
                }
            }
            Terminal.say("  keep: \(change.keep)")
            Terminal.say("  undo: \(change.undo)")
        }
        return failures
    }
}
