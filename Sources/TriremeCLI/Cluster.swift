// `trireme cluster`: a whole cluster on this machine, for development; and, from another terminal, one of its replicas again.
import ArgumentParser
import Trireme
import TriremeBench

struct Cluster: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a local cluster of serve processes, for development.",
        discussion: """
            Replica i answers RESP2 at 127.0.0.1, port --resp-port + i. The first start writes DIR/cluster.json and prepares \
            DIR/0, DIR/1 and so on; later ones go on from what lies there. Nothing is restarted by itself: from another \
            terminal, `trireme cluster --data DIR --restart 1` starts replica 1 again after it has ended. Ctrl-C or SIGTERM \
            ends all.
            """)

    @Option(help: ArgumentHelp("Replicas, 1 to 15 (default: 3, or as DIR or the quorums have them).", valueName: "n"))
    var replicas: Int?
    @OptionGroup var quorums: QuorumOptions
    @Option(help: ArgumentHelp("TCP port of replica 0 (default: 6401, or as DIR has it).", valueName: "port"))
    var respPort: UInt16?
    @Option(help: ArgumentHelp("The cluster's directory.", valueName: "dir"))
    var data: String
    @Option(help: ArgumentHelp("disk or memory (default: disk, or as DIR has it).", valueName: "where"))
    var durability: Configuration.Durability?
    @Option(
        help: ArgumentHelp(
            "Who proposes the order: classic, fast or adaptive (default: classic, or as DIR has it).",
            valueName: "kind"))
    var ordering: Configuration.Ordering?
    @Option(
        help: ArgumentHelp(
            "Members that a sequencer names to decide in its round; 0: any Q2 decides (default: 0, or as DIR has it).",
            valueName: "n"))
    var announce: Int?
    @Option(help: ArgumentHelp("Have the cluster that runs in DIR start this replica again.", valueName: "id"))
    var restart: Int?

    func validate() throws {
        guard
            restart == nil
                || (replicas == nil && respPort == nil && durability == nil && quorums.isEmpty && ordering == nil
                    && announce == nil)
        else {
            throw ValidationError("--restart goes with --data alone: the running cluster knows the rest")
        }
        _ = try quorums.system()
    }

    func run() throws {
        if let restart { return try askForRestart(restart) }
        let signals = SignalWatch()
        do {
            let directory = try ClusterDirectory(
                data, replicas: replicas, respPort: respPort, durability: durability, quorums: quorums.system(),
                ordering: ordering, announced: announce)
            let cluster = try LocalCluster(directory, signals: signals)
            try cluster.run()
        } catch let code as ExitCode {
            throw code
        } catch {
            throw fail("cluster", error)
        }
    }

    private func askForRestart(_ replica: Int) throws {
        do {
            Terminal.say(try ControlSocket.ask("restart \(replica)", in: data))
        } catch {
            throw fail("cluster", error)
        }
    }
}
