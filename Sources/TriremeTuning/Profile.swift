// A profile: where a replica's thread runs and how it idles, and what the host should be set to for that.

package struct Profile: Sendable, Equatable {
    /// How a replica uses processors.
    package struct Placement: Sendable, Equatable {
        package enum Processor: Sendable, Equatable {
            /// The kernel moves the reactor's thread as it likes.
            case any
            /// The reactor keeps one processor of those that its process may use: the last, since the first takes most interrupts.
            case own
            /// This one.
            case number(Int)
        }
        package enum Idle: String, Sendable, CaseIterable {
            /// Sleeps at once: no processor time while nothing happens, a wake-up for what does.
            case block
            /// Polls for `spinMicroseconds`, then sleeps.
            case adaptive
            /// Never sleeps: its processor is always busy.
            case spin
        }
        package var processor: Processor
        /// Whether the buffers are put on the NUMA node of that processor in so many words.
        package var isOnNode: Bool
        package var idle: Idle
        /// Of `adaptive`: how long it polls, in microseconds.
        package var spinMicroseconds: Int

        package init(_ processor: Processor, isOnNode: Bool = false, idle: Idle, spinMicroseconds: Int = 50) {
            self.processor = processor
            self.isOnNode = isOnNode
            self.idle = idle
            self.spinMicroseconds = spinMicroseconds
        }
    }

    package var name: String
    /// One sentence for the person who chooses.
    package var purpose: String
    /// The tuned profile of Tuning/tuned that goes with it.
    package var tuned: String?
    package var placement: Placement
    /// By the settings' names.
    package var settings: [String: Wanted]

    package init(
        name: String, purpose: String, tuned: String?, placement: Placement, settings: [String: Wanted]
    ) {
        self.name = name
        self.purpose = purpose
        self.tuned = tuned
        self.placement = placement
        self.settings = settings
    }
}
