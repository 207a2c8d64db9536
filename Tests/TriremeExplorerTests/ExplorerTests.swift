import Testing
import TriremeCore
import TriremeExplorer

@Suite struct ExplorerTests {
    @Test func twoReplicas() throws {
        let quorums = try Quorums(members: 2, phase1: 2, classic: 1, fast: 2, allowSingleCopy: true)
        for (c, k, b) in [(1, 0, 1), (2, 0, 1), (1, 1, 1)] {
            let r = Explorer(try Bounds(quorums: quorums, candidacies: c, crashes: k, batches: b)).run(limit: 3_000_000)
            print(c, k, b, r)
        }
    }
}
