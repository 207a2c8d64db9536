// The quorums that bench, cluster and quorums take on the command line.
import ArgumentParser
import Trireme

struct QuorumOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Sizes of the quorums.", valueName: "Q1,Q2,QF"))
    var quorums: String?
    @Option(
        help: ArgumentHelp(
            "Quorums in a grid of R rows and C columns: a row elects, a column decides.", valueName: "RxC"))
    var grid: String?
    @Option(
        help: ArgumentHelp(
            "Quorums in G groups of S replicas: K of each group decide (default: 1), S + 1 - K of any one elect.",
            valueName: "GxS[:K]"))
    var groups: String?

    var isEmpty: Bool { quorums == nil && grid == nil && groups == nil }

    /// What was asked for; `nil`: nothing.
    func system() throws -> Configuration.QuorumSystem? {
        guard [quorums, grid, groups].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("--quorums, --grid and --groups are three ways to say one thing: give one of them")
        }
        if let quorums {
            guard let sizes = Self.numbers(quorums, ","), sizes.count == 3 else {
                throw ValidationError("--quorums is \"\(quorums)\"; three sizes are needed, such as 2,2,3")
            }
            return .init(phase1: sizes[0], classic: sizes[1], fast: sizes[2])
        }
        if let grid {
            guard let shape = Self.shape(grid) else {
                throw ValidationError(
                    "--grid is \"\(grid)\"; rows and columns are needed, such as 3x4, for 1 to 15 replicas together")
            }
            return .grid(rows: shape.0, columns: shape.1)
        }
        if let groups {
            let parts = groups.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let shape = Self.shape(parts[0]), let ofEach = parts.count == 1 ? 1 : Int(parts[1]) else {
                throw ValidationError(
                    "--groups is \"\(groups)\"; a number of groups and their size are needed, such as 4x3 or 4x3:2, for 1 to "
                        + "15 replicas together")
            }
            return .groups(shape.0, of: shape.1, ofEach: ofEach)
        }
        return nil
    }

    private static func shape(_ text: String) -> (Int, Int)? {
        guard let numbers = numbers(text, "x"), numbers.count == 2, numbers.allSatisfy({ (1...15).contains($0) }),
            numbers[0] * numbers[1] <= 15
        else { return nil }
        return (numbers[0], numbers[1])
    }
    private static func numbers(_ text: String, _ separator: Character) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false).map { Int($0) }
        return parts.contains(nil) ? nil : parts.compactMap { $0 }
    }
}
