// `trireme tune`: what the host is set to, and what that does. Tuning/README.md has each setting at length.
import ArgumentParser
import TriremeTuning

struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare this machine's settings with a profile, set them, or measure one.",
        discussion: """
            Nothing is changed but by `tune apply` and, while it runs, by `tune measure`. Profiles: \(Profiles.all.map {
                "\n  \($0.name): \($0.purpose)"
            }.joined())
            """,
        subcommands: [TuneCheck.self, TuneApply.self, TuneMeasure.self, TuneBenchAs.self])
}

/// What `tune check` and `tune apply` are both told.
struct TuneTarget: ParsableArguments {
    @Option(
        help: ArgumentHelp("\(Profiles.names), or a JSON file like those in Tuning/profiles.", valueName: "name|file"))
    var profile: String
    /// A directory that stands for "/", for tests.
    @Option(help: .hidden)
    var root = "/"
}
