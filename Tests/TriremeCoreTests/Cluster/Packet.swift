// What travels in the test cluster: real message bodies, delivered by command.
import TriremeCore

struct Packet {
    var kind: DatagramKind
    var from: ReplicaID
    var to: ReplicaID
    var body: [UInt8] = []
    var batch: BatchDescriptor?
    var text: String

    /// Encodes a body with `fill`.
    static func bytes(_ fill: (inout WireWriter) -> Void) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { room.deallocate() }
        var writer = WireWriter(room)
        fill(&writer)
        return [UInt8](writer.bytes)
    }
}

extension Cut {
    func text(_ members: Int) -> String {
        "[" + (0..<members).map { self[$0].description }.joined(separator: " ") + "]"
    }
}
extension Entry {
    func text(_ members: Int) -> String { kind == .cut ? cut.text(members) : "nothing" }
}
extension LogItem {
    func text(_ members: Int) -> String {
        switch self {
        case .promise(let ballot): "promise \(ballot)"
        case .vote(let slot, let ballot, let half, let entry):
            "vote \(ballot)\(half == .fast ? " half 0" : "") slot \(slot) \(entry.text(members))"
        case .decided(let first, let last): "decided \(first)…\(last)"
        case .outstanding(let outstanding): outstanding.description
        case .closed(let slot, let ballot): "closed slot \(slot) in \(ballot)"
        case .decidedEntry(let slot, let entry): "decided entry slot \(slot) \(entry.text(members))"
        }
    }
}
extension Status {
    func text(_ members: Int) -> String {
        var parts = ["status"]
        if !promise.isNone { parts.append("promise \(promise)") }
        if !votes.isEmpty { parts.append("votes \(votes.ballot):\(votes.first)…\(votes.last)") }
        for i in 0..<marks.count where !marks.values[i].isNone {
            let what = marks.values[i].half.map { $0 == .fast ? "half 0" : "half 1" } ?? "closed"
            parts.append("\(marks.ballot):\(marks.first + UInt64(i)) \(what)")
        }
        if anyFrom > 0 { parts.append("any from \(anyFrom)") }
        if commitIndex > 0 { parts.append("commit \(commitIndex)") }
        if !sequencing.isNone { parts.append("sequencer \(sequencing) to \(lastProposed)") }
        if flags.contains(.suspects) { parts.append("suspects \(suspected)") }
        if flags.contains(.observes) { parts.append("observes") }
        parts.append("has [" + (0..<members).map { received[$0].description }.joined(separator: " ") + "]")
        return parts.joined(separator: " ")
    }
}
