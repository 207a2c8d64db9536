// `trireme tune check`: a line for each setting of a profile, and an exit code for scripts.
import ArgumentParser
import TriremeBench
import TriremeTuning

struct TuneCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Compare the running host with a profile.",
        discussion: """
            One line for each setting: whether it is as wanted, what was found, what is wanted, and why. The exit code is 0 when \
            all are as wanted, 1 when one is not, 2 when the profile cannot be read. A setting that this machine does not have \
            counts as fine. memlock is that of the shell which asks; the unit in Tuning/systemd has its own.
            """)

    @OptionGroup var target: TuneTarget

    func run() throws {
        let profile: Profile
        do {
            profile = try Profile.find(target.profile)
        } catch {
            throw fail("tune check", error, code: 2)
        }
        let findings = HostSettings(root: target.root).check(profile)
        for line in lines(findings) { Terminal.say(line) }
        let unmet = findings.filter { !$0.isMet }
        guard let first = unmet.first else { return Terminal.say("all as the profile \(profile.name) wants it") }
        Terminal.say(
            "\(unmet.count) of \(findings.count) differ from the profile \(profile.name): trireme tune apply --profile "
                + "\(target.profile) sets what can be set while the machine runs, trireme tune measure \(first.setting.name) "
                + "tells what one does here")
        throw ExitCode(1)
    }
}
