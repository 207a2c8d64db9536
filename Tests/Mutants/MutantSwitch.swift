// Copied into the core of a mutated tree, never part of a build of this one: which mutant lives in this process.
import Glibc

public enum MutantSwitch {
    /// The number in the environment; 0, which no mutant has, where there is none.
    public static let number = getenv("TRIREME_MUTANT").flatMap { Int(String(cString: $0)) } ?? 0
    /// What some mutants keep where the code has no place for it; one thread at a time.
    nonisolated(unsafe) public static var memory: UInt64 = 0

    @inline(__always) public static func isOn(_ mutant: Int) -> Bool { number == mutant }
}
