// What a profile wants of a setting. The same text stands in profiles, in the output of `tune check`, and in errors.

/// A condition on a setting's value: `>= 16777216`, or one of several words, `madvise | always`.
package enum Wanted: Sendable, Hashable, CustomStringConvertible {
    /// A number at least so large. `unlimited` is larger than any.
    case atLeast(UInt64)
    /// Exactly one of these; the first is what is set where none is found. Never empty.
    case oneOf([String])

    package init?(_ text: String) {
        let trimmed = text.trimmed
        if trimmed.hasPrefix(">=") {
            guard let number = UInt64(String(trimmed.dropFirst(2)).trimmed) else { return nil }
            self = .atLeast(number)
        } else {
            let words = trimmed.split(separator: "|", omittingEmptySubsequences: false).map { String($0).trimmed }
            guard words.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(">") && !$0.hasPrefix("<") }) else { return nil }
            self = .oneOf(words)
        }
    }

    package func isMet(by value: String) -> Bool {
        switch self {
        case .atLeast(let least): value == "unlimited" || UInt64(value).map { $0 >= least } ?? false
        case .oneOf(let words): words.contains(value)
        }
    }

    /// What to set where the condition is not met.
    package var target: String {
        switch self {
        case .atLeast(let least): "\(least)"
        case .oneOf(let words): words[0]
        }
    }

    package var description: String {
        switch self {
        case .atLeast(let least): ">= \(least)"
        case .oneOf(let words): words.joined(separator: " | ")
        }
    }
}

extension String {
    /// Without blanks and line breaks at its ends, and with one blank in place of several (sysctls separate numbers by tabs).
    var trimmed: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
