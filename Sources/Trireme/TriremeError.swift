// The one error that a service sees.

/// What went wrong: a code to branch on, one sentence for a person, and what lay beneath it.
///
/// The message names what was wrong, the value found, the value needed and how to mend it.
public struct TriremeError: Error, Sendable, CustomStringConvertible {
    /// A kind of failure. New ones may be added, so a `switch` needs a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        private init(_ name: String) { description = name }

        /// The configuration breaks a rule, or a setting is unknown or has a wrong type.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// The data directory is not prepared, or is not what was asked for.
        public static let dataDirectory = Code("dataDirectory")
        /// Another process holds the data directory.
        public static let locked = Code("locked")
        /// The log belongs to another cluster or replica.
        public static let wrongCluster = Code("wrongCluster")
        /// The log lost or changed what it had made durable.
        public static let damagedLog = Code("damagedLog")
        /// The disk is full.
        public static let diskFull = Code("diskFull")
        /// The disk failed.
        public static let storage = Code("storage")
        /// The network cannot be used as configured.
        public static let network = Code("network")
        /// The machine lacks, or forbids, what is needed: io_uring, memory, processors.
        public static let unsupportedMachine = Code("unsupportedMachine")
        /// There is no room for another command now.
        public static let overloaded = Code("overloaded")
        /// The command fits into no batch.
        public static let commandTooLarge = Code("commandTooLarge")
        /// More copies were asked for than there are members.
        public static let unattainableDurability = Code("unattainableDurability")
        /// The replica has ended.
        public static let stopped = Code("stopped")
        /// The replica ended while the command was under way: it may have been executed or not.
        public static let outcomeUnknown = Code("outcomeUnknown")
        /// A mistake in Trireme itself.
        public static let `internal` = Code("internal")
    }

    public var code: Code
    /// One sentence: what, found, needed, how to mend it.
    public var message: String
    /// The error that caused this one, if any.
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
