// What a run made of links whose rate is known: ordered goodput beside the most that such links allow.
import Trireme

/// A link's rate, as tc(8) writes it.
package struct LinkRate: Sendable, Equatable {
    package let bitsPerSecond: Double
    package init(bitsPerSecond: Double) { self.bitsPerSecond = bitsPerSecond }

    /// "1gbit", "100mbit", "2.5gbit"; `nil` for anything else.
    package init?(_ text: String) {
        let units: [(String, Double)] = [("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9), ("bit", 1)]
        let lower = text.lowercased()
        guard let unit = units.first(where: { lower.hasSuffix($0.0) }),
            let number = Double(lower.dropLast(unit.0.count)), number > 0, number.isFinite
        else { return nil }
        bitsPerSecond = number * unit.1
    }
}

package struct NetworkFigures: Sendable, Equatable {
    package var link: LinkRate
    /// Payload of commands that were ordered, executed and answered, in bits a second.
    package var orderedBitsPerSecond: Double
    /// Datagrams that the replicas together should have received, and did, from before the load until after the last reply.
    package var datagramsExpected: UInt64
    package var datagramsReceived: UInt64
    package var limitBitsPerSecond: Double

    /// - Parameter origins: replicas with clients.
    package init(
        link: LinkRate, origins: Int, replicas: Int, orderedBitsPerSecond: Double, datagramsExpected: UInt64,
        datagramsReceived: UInt64
    ) {
        self.link = link
        self.orderedBitsPerSecond = orderedBitsPerSecond
        self.datagramsExpected = datagramsExpected
        self.datagramsReceived = datagramsReceived
        limitBitsPerSecond = Self.limit(link, origins: origins, replicas: replicas)
    }

    /// With one origin its link carries everything once: B. With k active, the fullest link into a replica carries what all
    /// others send, k−1 of k parts where it is an origin itself and all of it where it is not: B·n/(n−1) with all n.
    package static func limit(_ link: LinkRate, origins: Int, replicas: Int) -> Double {
        guard origins == replicas, replicas > 1 else { return link.bitsPerSecond }
        return link.bitsPerSecond * Double(replicas) / Double(replicas - 1)
    }

    package var ratio: Double { orderedBitsPerSecond / limitBitsPerSecond }

    package var datagramsLost: UInt64 { datagramsExpected - min(datagramsExpected, datagramsReceived) }
    package var lossPercent: Double {
        datagramsExpected > 0 ? Double(datagramsLost) / Double(datagramsExpected) * 100 : 0
    }

    package var json: JSON {
        .members([
            "linkGigabitsPerSecond": .number(Self.gigabits(link.bitsPerSecond)),
            "orderedGigabitsPerSecond": .number(Self.gigabits(orderedBitsPerSecond)),
            "limitGigabitsPerSecond": .number(Self.gigabits(limitBitsPerSecond)),
            "ratio": .number((ratio * 1e4).rounded() / 1e4),
            "lossPercent": .number((lossPercent * 1e5).rounded() / 1e5),
            "datagramsExpected": .unsigned(datagramsExpected), "datagramsLost": .unsigned(datagramsLost),
        ])
    }

    package func line(repairedBytes: UInt64) -> String {
        "network \(Format.fixed(orderedBitsPerSecond / 1e9, 3)) Gbit/s ordered, "
            + "\(Format.fixed(ratio * 100, 1)) % of the \(Format.fixed(limitBitsPerSecond / 1e9, 3)) Gbit/s that links of "
            + "\(Format.fixed(link.bitsPerSecond / 1e9, 3)) Gbit/s allow; \(Format.fixed(lossPercent, 4)) % of the datagrams lost, "
            + "\(Format.grouped(repairedBytes)) bytes sent again"
    }

    private static func gigabits(_ bits: Double) -> Double { (bits / 1e9 * 1e6).rounded() / 1e6 }
}
