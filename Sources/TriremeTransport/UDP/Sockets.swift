// The four sockets of a replica, opened once at start. Nobody joins their own groups.
import CTrireme
import Glibc
import TriremeCore

/// Owns the descriptors. Roles are also the order of the registered files.
package struct Sockets: ~Copyable {
    package enum Role: Int, CaseIterable {
        /// Receives other lanes' batches by multicast.
        case data = 0
        /// Receives other lanes' control messages by multicast.
        case control = 1
        /// Receives what is for this replica alone; sends all control messages.
        case unicast = 2
        /// Sends batches: it alone has the segment size and the large send buffer.
        case transmit = 3
    }

    package private(set) var descriptors: InlineArray<4, Int32> = InlineArray(repeating: -1)

    package init(
        _ options: UDPNetworkOptions, interface: trm_interface, plan: FragmentPlan, pieces: Bool, timed: Bool
    ) throws(TransportError) {
        let me = options.origin.me
        let address = options.members.first { $0.id == me }!.address
        let lanes = options.members.map(\.id).filter {
            $0 != me && options.joinedLanes & (1 << UInt16($0.rawValue)) != 0
        }
        var receive = trm_udp_options()
        receive.interface_index = interface.index
        receive.interface_address = interface.address
        receive.receive_buffer_bytes = UInt32(clamping: options.receiveBufferBytes)
        receive.loop = true
        receive.ttl = 1

        var data = receive
        data.bind_port = options.port
        data.reuse_address = true
        data.gro = pieces && options.receiveOffload
        data.arrival_times = timed
        descriptors[Role.data.rawValue] = try Self.open(
            data, groups: lanes.map { options.multicastAddress + UInt32($0.index) })

        var control = receive
        control.bind_port = options.port + 1
        control.reuse_address = true
        descriptors[Role.control.rawValue] = try Self.open(
            control, groups: lanes.map { options.multicastAddress + 16 + UInt32($0.index) })

        // Not shared: of several sockets on one unicast port only one would receive, so a second owner is refused.
        var unicast = receive
        unicast.bind_address = address
        unicast.bind_port = options.port + 2 + UInt16(me.rawValue)
        unicast.gro = pieces && options.receiveOffload
        unicast.arrival_times = timed
        unicast.send_buffer_bytes = UInt32(clamping: options.sendBufferBytes)
        descriptors[Role.unicast.rawValue] = try Self.open(unicast, groups: [])

        var transmit = receive
        transmit.receive_buffer_bytes = 0
        transmit.bind_address = address
        transmit.send_buffer_bytes = UInt32(clamping: options.sendBufferBytes)
        transmit.segment_bytes = pieces && options.segmentationOffload ? UInt16(plan.segmentBytes) : 0
        descriptors[Role.transmit.rawValue] = try Self.open(transmit, groups: [])
    }

    deinit {
        for index in 0..<4 where descriptors[index] >= 0 { close(descriptors[index]) }
    }

    package subscript(role: Role) -> Int32 { descriptors[role.rawValue] }

    /// Puts the descriptors at `first` and the three places after it of the ring's registered files.
    func register(with ring: OpaquePointer, first: UInt32) throws(TransportError) {
        for index in 0..<4 {
            let result = trm_ring_update_file(ring, first + UInt32(index), descriptors[index])
            guard result >= 0 else {
                throw TransportError(
                    .ring,
                    "io_uring: place \(first + UInt32(index)) of the registered files refused a socket: \(String(cString: strerror(-result)))"
                )
            }
        }
    }

    /// Bytes that the kernel lets a socket hold, as it accounts for them: twice of what was asked and granted.
    func grantedBytes(_ role: Role) -> Int {
        var buffers = trm_udp_buffers()
        return trm_udp_granted(self[role], &buffers) == 0 ? 2 * Int(buffers.receive_bytes) : 0
    }

    private static func open(_ options: trm_udp_options, groups: [UInt32]) throws(TransportError) -> Int32 {
        var options = options
        var message = [CChar](repeating: 0, count: 512)
        let descriptor = groups.withUnsafeBufferPointer { list in
            options.groups = list.baseAddress
            options.group_count = UInt32(list.count)
            return trm_udp_open(&options, &message, message.count)
        }
        guard descriptor >= 0 else { throw TransportError(.socket, Self.text(message)) }
        return descriptor
    }

    static func find(interface name: String) throws(TransportError) -> trm_interface {
        var found = trm_interface()
        var message = [CChar](repeating: 0, count: 512)
        guard trm_interface_find(name, &found, &message, message.count) == 0 else {
            throw TransportError(.interface, Self.text(message))
        }
        return found
    }

    static func text(_ address: UInt32) -> String {
        "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }
    private static func text(_ message: [CChar]) -> String {
        message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }
}
