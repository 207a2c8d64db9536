// One setting of the host: its name, where the kernel keeps it, and why a replica cares.

package struct Setting: Sendable, Equatable {
    /// Where its value is found.
    package enum Place: Sendable, Equatable {
        /// Below /proc/sys, by its name.
        case sysctl
        /// Files below the root; `*` stands for every name in a directory. Where `beside` is given, only those with such a path
        /// next to them count.
        case files(String, beside: String? = nil)
        /// A row of /proc/self/limits: a limit of the process that asks, and of what it starts.
        case limit(row: String, item: String)
    }

    /// As in profiles and on the command line; a sysctl's own name where it is one.
    package var name: String
    package var place: Place
    /// One sentence without a full stop.
    package var why: String

    package init(_ name: String, _ place: Place = .sysctl, why: String) {
        self.name = name
        self.place = place
        self.why = why
    }

    /// Files that hold it, below a root directory and with `*` for any name.
    package var pattern: String {
        switch place {
        case .sysctl: "proc/sys/" + name.replacing(".", with: "/")
        case .files(let pattern, _): pattern
        case .limit: "proc/self/limits"
        }
    }

    /// Whether it can be set for processes that already run, or are yet to start, from outside.
    package var isSettable: Bool {
        if case .limit = place { false } else { true }
    }
}
