/// A refusal in one sentence: what, the value found, the value needed, how to mend it.
package struct TuningError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
