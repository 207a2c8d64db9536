// One setting under two values by turns: A B A B …, and the old value at the end, however that comes.

package struct Experiment: Sendable {
    package enum Side: String, Sendable {
        /// As it was found.
        case a = "A"
        /// Changed.
        case b = "B"
    }

    package let setting: Setting
    /// What B changes, file by file. Never empty.
    package let changes: [Change]
    private let host: HostSettings

    /// - Parameters:
    ///   - value: what B sets; `nil` for what the profiles want.
    ///   - part: only files whose path contains this, where a setting has several.
    /// - Throws: where there is nothing to compare.
    package init(_ name: String, value: String?, part: String?, on host: HostSettings) throws(TuningError) {
        guard let setting = Catalogue.named(name) else {
            throw TuningError("the setting \"\(name)\" is not known; there are \(Catalogue.names)")
        }
        let all = host.values(of: setting)
        let found = all.filter { part.map($0.path.contains) ?? true }
        guard !found.isEmpty else {
            throw TuningError(
                all.isEmpty
                    ? "\(name) is a setting that this machine or kernel does not have (\(setting.pattern)), so there is nothing to measure"
                    : "--only \(part ?? "") fits no file of \(name); there are \(all.map(\.path).joined(separator: ", "))"
            )
        }
        guard let new = value ?? Self.wanted(name)?.target else {
            throw TuningError("no profile wants a certain value of \(name): name one with --value")
        }
        changes = found.filter { $0.value != new }.map { Change(setting, path: $0.path, old: $0.value, new: new) }
        guard !changes.isEmpty else {
            throw TuningError("\(name) is \(new) already: name another value to compare it with, with --value")
        }
        self.setting = setting
        self.host = host
    }

    private static func wanted(_ name: String) -> Wanted? {
        Profiles.all.reversed().compactMap { $0.settings[name] }.first
    }

    package func value(_ side: Side) -> String { side == .a ? changes[0].old : changes[0].new }

    /// Runs `pairs` times A and B. When a run throws, or a value cannot be set, the old values are put back first.
    ///
    /// - Parameter run: measures once under the condition that is in force.
    package func run(
        pairs: Int, _ run: (Side, Int) throws -> RunFigures
    ) throws -> Comparison {
        do {
            var comparison = Comparison()
            for pair in 1...max(1, pairs) {
                // Also before the first: if A cannot be set, B could not be taken back.
                try set(.a)
                let a = try run(.a, pair)
                try set(.b)
                comparison.add(a: a, b: try run(.b, pair))
            }
            try set(.a)
            return comparison
        } catch {
            try restore()
            throw error
        }
    }

    private func set(_ side: Side) throws(TuningError) {
        guard setting.isSettable else { return }
        for change in changes { side == .a ? try host.takeBack(change) : try host.carryOut(change) }
    }

    /// Tries every file, also after one that failed.
    /// - Throws: with the commands that are left to do by hand.
    private func restore() throws(TuningError) {
        guard setting.isSettable else { return }
        var left: [String] = []
        var failure: TuningError?
        for change in changes {
            do {
                try host.takeBack(change)
            } catch {
                failure = failure ?? error
                left.append(change.undo)
            }
        }
        guard let failure else { return }
        throw TuningError(
            "the old value could not be put back: \(failure); do it with: \(left.joined(separator: "; "))")
    }
}
