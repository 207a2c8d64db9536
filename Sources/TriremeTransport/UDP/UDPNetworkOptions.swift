// What a UDP network is told at start, and how it refuses.
import CTrireme
import TriremeCore

/// A refusal in one sentence: what, the value found, the value needed, how to mend it.
package struct TransportError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable { case interface, socket, buffers, ring, configuration }
    package var code: Code
    package var message: String
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
    package var description: String { message }
}

package struct UDPNetworkOptions: Sendable {
    package struct Member: Sendable {
        package var id: ReplicaID
        /// IPv4 address in host byte order.
        package var address: UInt32
        package init(id: ReplicaID, address: UInt32) {
            self.id = id
            self.address = address
        }
    }

    package var origin: DatagramOrigin
    package var members: [Member]
    /// The only interface in use, by name or by the address that it holds.
    package var interface: String
    /// Base multicast address, host byte order: lane i's data goes to it + i, its control messages to it + 16 + i.
    package var multicastAddress: UInt32
    /// P: data at P, control at P + 1, unicast of member i at P + 2 + i.
    package var port: UInt16
    /// Most bytes of a batch on the wire, header included.
    package var batchBytes = Limits.batchBytesMaximum
    /// The path's MTU where it is less than the interface's.
    package var mtuBytes: Int?
    /// Every member is sent its own copy of everything, where a network has no multicast.
    package var unicastOnly = false
    /// Batches are spread over time where a link is full. Nil: on every interface but loopback, which has no queue.
    package var paces: Bool?
    /// GSO and GRO, where fragments are needed.
    package var segmentationOffload = true
    package var receiveOffload = true
    /// Socket receive buffer to ask for, per socket. The kernel doubles it: 16 MiB hold 37 batches of 60 KiB from each
    /// of 14 other lanes, 23 where they come in fragments of 1,500 bytes.
    package var receiveBufferBytes = 16 << 20
    package var sendBufferBytes = 4 << 20
    /// Numbers of the buffers that will be given by ``UDPNetwork/provide(buffer:at:)`` are below this.
    package var providedBuffers = 256
    /// Provided buffers that the kernel does not get, for batches that come in pieces or by unicast.
    package var reservedBuffers = 8
    /// Control messages in the kernel's hands on the way out. Each replica has a few per turn.
    package var controlSends = 256
    /// Datagrams of batches in the kernel's hands on the way out.
    package var batchSends = 64
    /// Batches whose sending has begun or waits; windows hold fewer.
    package var batchQueue = 256
    /// First of ``UDPNetwork/files`` registered files of the ring, and of ``UDPNetwork/bufferGroups`` buffer groups.
    package var firstFile: UInt32 = 0
    package var firstBufferGroup: UInt16 = 1
    /// Lanes whose multicast groups are joined: bit i for lane i. All but one's own; less only in tests.
    package var joinedLanes: UInt16 = .max

    package init(
        origin: DatagramOrigin, members: [Member], interface: String, multicastAddress: UInt32, port: UInt16
    ) {
        self.origin = origin
        self.members = members
        self.interface = interface
        self.multicastAddress = multicastAddress
        self.port = port
    }

    /// Bit i: replica i is a member.
    var memberBits: UInt16 { members.reduce(0) { $0 | 1 << UInt16($1.id.rawValue) } }

    func validate() throws(TransportError) {
        func refuse(_ message: String) throws(TransportError) { throw TransportError(.configuration, message) }
        if members.isEmpty || members.count > Limits.members
            || members.contains(where: { $0.id.index >= Limits.members })
            || memberBits.nonzeroBitCount != members.count
        {
            try refuse(
                "members: 1 to \(Limits.members) with different ids below \(Limits.members) are needed, found \(members.map(\.id.index))"
            )
        }
        if memberBits & (1 << UInt16(origin.me.rawValue)) == 0 {
            try refuse("members: replica \(origin.me) is not among \(members.map(\.id.index))")
        }
        if !trm_ipv4_is_multicast(multicastAddress) || !trm_ipv4_is_multicast(multicastAddress &+ 31) {
            try refuse(
                "group: \(Sockets.text(multicastAddress)) to + 31 must be multicast addresses, 224.0.0.0 to 239.255.255.255"
            )
        }
        if port == 0 || Int(port) + 2 + Limits.members > 65_536 {
            try refuse(
                "group: port \(port) found, 1 to \(65_534 - Limits.members) needed, for \(Limits.members + 2) ports from it are used"
            )
        }
        if batchBytes < Limits.batchBytesMinimum || batchBytes > Limits.batchBytesMaximum {
            try refuse(
                "batchBytes: \(batchBytes) found, \(Limits.batchBytesMinimum) to \(Limits.batchBytesMaximum) needed")
        }
        if let mtuBytes, mtuBytes < FragmentPlan.mtuBytesMinimum {
            try refuse("mtuBytes: \(mtuBytes) found, at least \(FragmentPlan.mtuBytesMinimum) needed")
        }
        if providedBuffers < 1 || providedBuffers > 32_768 {
            try refuse("buffers: \(providedBuffers) found, 1 to 32768 needed")
        }
    }
}
