// What may happen next. One choice is one turn of one replica.
import TriremeCore

/// Something that may happen to a replica.
enum Choice: Equatable {
    /// A message that was sent once arrives; whether for the first time does not matter.
    case deliver(MessageID)
    /// The disk has come one record further.
    case durable
    /// It stops, loses what is not durable, and starts again.
    case crash
    /// It takes a ballot.
    case candidacy
    /// It seals a batch.
    case batch
    /// It notes in the log what is decided.
    case note
    /// It has waited long enough for the others to say what they remember.
    case patience
    /// No further crash will come: the order of what is durable does not matter any more. Nothing happens.
    case forgetOrder

    /// One word for both, for tables.
    func code(at replica: Int) -> UInt32 { UInt32(replica) << 28 | plainCode }
    var plainCode: UInt32 {
        switch self {
        case .deliver(let message): message
        case .durable: Self.others
        case .crash: Self.others + 1
        case .candidacy: Self.others + 2
        case .batch: Self.others + 3
        case .note: Self.others + 4
        case .patience: Self.others + 5
        case .forgetOrder: Self.others + 6
        }
    }
    init(plainCode code: UInt32) {
        switch code {
        case Self.others: self = .durable
        case Self.others + 1: self = .crash
        case Self.others + 2: self = .candidacy
        case Self.others + 3: self = .batch
        case Self.others + 4: self = .note
        case Self.others + 5: self = .patience
        case Self.others + 6: self = .forgetOrder
        default: self = .deliver(code)
        }
    }
    /// Above all messages.
    private static var others: UInt32 { 0x0FFF_FF00 }
}

/// One step of a path: whose turn, and why.
struct Step: Equatable {
    var replica: Int
    var choice: Choice
    init(_ replica: Int, _ choice: Choice) {
        self.replica = replica
        self.choice = choice
    }
    init(code: UInt32) { self.init(Int(code >> 28), Choice(plainCode: code & 0x0FFF_FFFF)) }
    var code: UInt32 { choice.code(at: replica) }
}
