// What a configuration must satisfy before anything starts. Each refusal: what, found, needed, how to mend it.
import TriremeCore

extension Configuration {
    /// Bounds of the log's shape, in the units of the settings.
    static let segmentMebibytesAllowed = 1...4_096
    static let segmentsAllowed = 4...4_096
    /// A window is also bounded by memory: at 15 members and 60 KiB, 64 batches take about 270 MiB of receive buffers.
    static let windowBatchesAllowed = 1...64
    static let sealAfterMicrosecondsAllowed = 0...100_000

    /// Checks every rule.
    /// - Throws: ``TriremeError/Code/invalidConfiguration`` for the first one that is broken.
    public func validate() throws(TriremeError) { _ = try validatedQuorums() }

    /// Checks every rule; the quorums that result.
    package func validatedQuorums() throws(TriremeError) -> Quorums {
        try validateMembers()
        try validateGroup()
        try Self.check("log.segmentMebibytes", segmentMebibytes, Self.segmentMebibytesAllowed)
        try Self.check("log.segments", segments, Self.segmentsAllowed)
        try Self.check("batchBytes", batchBytes, Limits.batchBytesMinimum...Limits.batchBytesMaximum)
        guard batchBytes % Limits.pageBytes == 0 else {
            throw Self.invalid(
                "batchBytes is \(batchBytes); it must be whole pages of \(Limits.pageBytes) bytes: "
                    + "\(batchBytes / Limits.pageBytes * Limits.pageBytes) is the next lower one")
        }
        if let windowBatches { try Self.check("windowBatches", windowBatches, Self.windowBatchesAllowed) }
        try Self.check("catchUpPercent", catchUpPercent, 1...100)
        try Self.check("sealAfterMicroseconds", sealAfterMicroseconds, Self.sealAfterMicrosecondsAllowed)
        let system = quorums ?? .sizes(Self.defaultQuorums(members: members.count))
        do throws(QuorumError) {
            let quorums = try system.quorums(members: members.count, allowSingleCopy: allowSingleCopy)
            // Of one member there is never more than one copy, which nobody should learn too late.
            guard quorums.classic > 1 || allowSingleCopy else { throw Quorums.singleCopy("one member alone") }
            try Self.checkAnnounced(announcedMembers, quorums, ordering)
            return quorums
        } catch {
            throw TriremeError(.invalidConfiguration, error.description, cause: error)
        }
    }

    private static func checkAnnounced(_ announced: Int, _ quorums: Quorums, _ ordering: Ordering) throws(QuorumError) {
        guard announced != 0 else { return }
        guard quorums.mayAnnounce else {
            throw QuorumError(
                "announcedMembers is \(announced), and a Q1 may have \(quorums.phase1) of \(quorums.members) members; two Q1 need to "
                    + "meet, so each needs more than half of them: raise |Q1| to \(quorums.members / 2 + 1), or leave announcedMembers out"
            )
        }
        guard (quorums.classic...quorums.members).contains(announced) else {
            throw QuorumError(
                "announcedMembers is \(announced); it must lie in \(quorums.classic) ... \(quorums.members), from the smallest Q2 to all "
                    + "members, or be 0")
        }
        guard ordering != .fast else {
            throw QuorumError(
                "announcedMembers is \(announced), and ordering is \"fast\", whose rounds name nobody: set ordering to \"classic\" or "
                    + "\"adaptive\", or leave announcedMembers out")
        }
    }

    private func validateMembers() throws(TriremeError) {
        try Self.check("members: their number", members.count, 1...Limits.members)
        var seen: [String: Int] = [:]
        for (index, member) in members.enumerated() {
            guard member.id == index else {
                throw Self.invalid(
                    "members: the one at place \(index) has id \(member.id); ids count up from 0 in the order of the list: "
                        + "set it to \(index)")
            }
            guard let address = IPv4.parse(member.address), address >> 28 < 0xE, address != 0 else {
                throw Self.invalid(
                    "members: member \(index) has address \"\(member.address)\"; an IPv4 address such as 10.0.0.\(index + 1) "
                        + "is needed")
            }
            guard let port = member.respPort else { continue }
            guard port > 0 else {
                throw Self.invalid("members: member \(index) has respPort 0; a port from 1 to 65535 is needed")
            }
            if let other = seen.updateValue(index, forKey: "\(member.address):\(port)") {
                throw Self.invalid(
                    "members: \(other) and \(index) both have respPort \(port) at \(member.address); give each its own")
            }
        }
        guard !interface.isEmpty, interface.utf8.count < 16 else {
            throw Self.invalid(
                "interface is \"\(interface)\"; the name of a network interface is needed (ip link lists them)")
        }
    }

    private func validateGroup() throws(TriremeError) {
        // Two addresses a lane: data and, 16 further, control.
        let span = UInt32(16 + Limits.members)
        guard let address = IPv4.parse(group.address), address >> 28 == 0xE, (address + span) >> 28 == 0xE else {
            throw Self.invalid(
                "group.address is \"\(group.address)\"; an IPv4 multicast address with \(span) more after it is needed, such "
                    + "as 239.77.1.1")
        }
        try Self.check("group.port", Int(group.port), 1...65_535 - 2 - Limits.members)
    }

    private static func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws(TriremeError) {
        guard allowed.contains(value) else {
            throw invalid("\(name) is \(value); it must lie in \(allowed.lowerBound) ... \(allowed.upperBound)")
        }
    }

    private static func invalid(_ message: String) -> TriremeError { TriremeError(.invalidConfiguration, message) }
}

/// IPv4 addresses as the configuration writes them.
package enum IPv4 {
    /// In host byte order; `nil` unless it is four decimal numbers of 0 to 255.
    package static func parse(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
                let byte = UInt8(part)
            else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    package static func description(_ address: UInt32) -> String {
        "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }
}
