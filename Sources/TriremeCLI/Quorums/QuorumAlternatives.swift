// What could be chosen instead: the named forms for the usual numbers of replicas, side by side.
import Trireme
import TriremeCore

package struct QuorumAlternative {
    package let system: Configuration.QuorumSystem
    package let members: Int
    package let analysis: QuorumAnalysis

    /// The numbers that the comparison shows.
    package static let usual = [3, 5, 6, 7, 9, 10, 12]

    /// The safe ones among the named forms.
    package static func all(members n: Int) -> [QuorumAlternative] {
        systems(members: n).compactMap { system in
            guard let quorums = try? system.quorums(members: n, allowSingleCopy: false) else { return nil }
            return QuorumAlternative(system: system, members: n, analysis: QuorumAnalysis(quorums))
        }
    }

    private static func systems(members n: Int) -> [Configuration.QuorumSystem] {
        let majority = Configuration.defaultQuorums(members: n)
        var systems: [Configuration.QuorumSystem] = [.sizes(majority)]
        // Few votes decide, and many elect.
        for classic in [3, 2] where classic < majority.classic {
            let phase1 = n - classic + 1
            systems.append(
                .init(
                    phase1: phase1, classic: classic, fast: Quorums.smallestFast(members: n, phase1: phase1)))
        }
        for rows in 2...max(2, n) where n % rows == 0 && n / rows >= 2 {
            systems.append(.grid(rows: rows, columns: n / rows))
        }
        for count in 2...max(2, n) where n % count == 0 && n / count >= 2 {
            systems.append(.groups(count, of: n / count))
            if n / count >= 3 { systems.append(.groups(count, of: n / count, ofEach: 2)) }
        }
        return systems
    }

    /// As an option of the command line.
    package var label: String {
        switch system {
        case .sizes(let sizes):
            sizes == Configuration.defaultQuorums(members: members)
                ? "majority (\(sizes.phase1), \(sizes.classic), \(sizes.fast))"
                : "sizes (\(sizes.phase1), \(sizes.classic), \(sizes.fast))"
        case .grid(let rows, let columns): "grid \(rows)x\(columns)"
        case .groups(let groups, let ofEach):
            "groups \(groups.count)x\(groups.first?.count ?? 0)" + (ofEach == 1 ? "" : ":\(ofEach)")
        default: "\(system)"
        }
    }
}
