// What a host has beside what a profile wants.

package struct Finding: Sendable {
    package var setting: Setting
    package var found: [HostSettings.Value]
    package var wanted: Wanted

    /// What has another value than wanted.
    package var unmet: [HostSettings.Value] { found.filter { !wanted.isMet(by: $0.value) } }
    /// The machine has no such setting: nothing to do, and nothing lost.
    package var isAbsent: Bool { found.isEmpty }
    package var isMet: Bool { unmet.isEmpty }

    /// The value, or the values and how often each occurs.
    package var foundText: String {
        guard let first = found.first else { return "-" }
        if found.allSatisfy({ $0.value == first.value }) { return first.value }
        var counts: [(value: String, count: Int)] = []
        for value in found.map(\.value) {
            if let place = counts.firstIndex(where: { $0.value == value }) {
                counts[place].count += 1
            } else {
                counts.append((value, 1))
            }
        }
        return counts.map { "\($0.count) x \($0.value)" }.joined(separator: ", ")
    }

    /// What should be, on a line of its own with the others of its table.
    package var cells: [String] {
        let mark = isAbsent ? "none" : isMet ? "ok" : "CHANGE"
        let why = isAbsent ? "this machine or kernel has no such setting, so nothing is lost" : setting.why
        return [mark, setting.name, foundText, "\(wanted)", why]
    }
}

extension HostSettings {
    /// Compares with a profile, in the order of the catalogue.
    package func check(_ profile: Profile) -> [Finding] {
        Catalogue.settings.compactMap { setting in
            profile.settings[setting.name].map { Finding(setting: setting, found: values(of: setting), wanted: $0) }
        }
    }
}

/// A line for each finding, in columns; the reason comes last and has any length.
package func lines(_ findings: [Finding]) -> [String] {
    let rows = [["", "setting", "found", "wanted", "why"]] + findings.map(\.cells)
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        zip(row, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined(separator: "  ")
            + "  "
            + row[4]
    }
}
