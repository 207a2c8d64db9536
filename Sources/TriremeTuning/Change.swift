// One value to change, and the words an operator needs with it: how to keep it, and how to undo it.

package struct Change: Sendable, Equatable {
    package var setting: Setting
    package var path: String
    package var old: String
    package var new: String

    package init(_ setting: Setting, path: String, old: String, new: String) {
        self.setting = setting
        self.path = path
        self.old = old
        self.new = new
    }

    /// A root shell's command that puts the old value back.
    package var undo: String { Self.command(setting, path, old) }
    /// A root shell's command that does this change.
    package var command: String { Self.command(setting, path, new) }

    private static func command(_ setting: Setting, _ path: String, _ value: String) -> String {
        switch setting.place {
        case .sysctl: "sysctl -w \(setting.name)=\(value.contains(" ") ? "'\(value)'" : value)"
        case .files: "echo \(value) > \(path)"
        case .limit(_, let item): "prlimit --pid $$ --\(item)=\(value)"
        }
    }

    /// A root shell's command that brings the value back at every start of the machine.
    package var keep: String {
        switch setting.place {
        case .sysctl: "echo '\(setting.name) = \(new)' >> /etc/sysctl.d/60-trireme.conf"
        case .files: "echo 'w- \(path) - - - - \(new)' >> /etc/tmpfiles.d/trireme.conf"
        case .limit(_, let item): "echo '* - \(item) unlimited' >> /etc/security/limits.d/60-trireme.conf"
        }
    }
}

extension Finding {
    /// What would have to be written.
    package var changes: [Change] {
        unmet.map { Change(setting, path: $0.path, old: $0.value, new: wanted.target) }
    }
}

extension HostSettings {
    /// Carries a change out.
    package func carryOut(_ change: Change) throws(TuningError) {
        try set(change.setting, at: change.path, to: change.new)
    }
    /// Puts the old value back.
    package func takeBack(_ change: Change) throws(TuningError) {
        try set(change.setting, at: change.path, to: change.old)
    }
}
