// `trireme log`: what lies in a replica's log, and whether it is whole. Looks only; docs/DISK_FORMAT.md has every byte.
import ArgumentParser
import TriremeBench
import TriremeStorage

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Look into a replica's log: records, figures, damage.",
        discussion: """
            DIR is a replica's data directory (serve --data; DIR/0, DIR/1, … of a local cluster). Nothing is written and no \
            lock is kept, so a replica may run there: what lies behind the durable mark may then be in flight, and the output \
            says so. Whose log it is and how it is laid out is read from its superblock.
            """,
        subcommands: [LogInspect.self, LogVerify.self, LogStat.self])
}

struct LogTarget: ParsableArguments {
    @Argument(help: ArgumentHelp("A replica's data directory.", valueName: "dir"))
    var directory: String
    @Flag(help: "As JSON.")
    var json = false

    /// Opens the directory and looks; ends with code 2 where it cannot be read.
    func look<Result>(
        _ subcommand: String, _ body: (inout LogInspection<ReadOnlyDirectory>) throws -> Result
    ) throws -> Result {
        do {
            return try opened(body)
        } catch let error as StorageError {
            throw fail("log \(subcommand)", error, code: 2)
        }
    }
    private func opened<Result>(_ body: (inout LogInspection<ReadOnlyDirectory>) throws -> Result) throws -> Result {
        var inspection = try LogInspection.open(directory: directory)
        return try body(&inspection)
    }
}
